"""What reading a zip of arrays may raise, where its bytes are none.

Beside their own errors numpy and zipfile let through those of what they call: zlib, the tokenizer that numpy has look
at an old header, an integer that is no size. Whoever misses one has a child process crash on a file that is wrong, and
says that nothing was found out where something was.
"""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib

UNREADABLE = (
    *(OSError, ValueError, TypeError, LookupError, EOFError, AttributeError, ArithmeticError, MemoryError),
    RuntimeError,  # encrypted, packed in a way that is not known, nested too deep
    SyntaxError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
