"""What a pickle would import, told without unpickling: a small interpreter of its opcodes that calls nothing.

A pickle is a program for a stack machine. Names come from GLOBAL and INST as text, and from STACK_GLOBAL off the stack,
where they may have come through the memo; so the stack is followed with everything unknown but text. What is not
followed is a fault: persistent ids, extension codes, out-of-band buffers, a name that is not plain text, bytes after
the end. Opcodes: https://docs.python.org/3/library/pickletools.html.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickletools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

MAX_BYTES = 256 << 20
MAX_OPCODES = 5_000_000

_MARK, _UNKNOWN = object(), object()
_FAULTS = {
    "PERSID": "a persistent id, which whoever loads it resolves",
    "BINPERSID": "a persistent id, which whoever loads it resolves",
    "EXT1": "an extension code, which hides a name",
    "EXT2": "an extension code, which hides a name",
    "EXT4": "an extension code, which hides a name",
    "NEXT_BUFFER": "a buffer from elsewhere",
    "READONLY_BUFFER": "a buffer from elsewhere",
}
_TEXT = frozenset(
    {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"}
)
_TO_MARK = frozenset({"LIST", "TUPLE", "DICT", "FROZENSET"})
_BESIDE = "joblib.numpy_pickle"
"""joblib's arrays lie in the file beside the pickle, or in another one: its opcodes are not those of a reader."""
_COMPRESSED: tuple[tuple[bytes, Callable[[BytesIO], Any]], ...] = (
    (b"\x1f\x8b", lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ", lzma.LZMAFile),
    (b"\x5d\x00", lzma.LZMAFile),
)


@dataclass
class _Machine:
    """The stack machine, with everything but text unknown."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def pop(self) -> Any:
        if not self.stack:
            raise ValueError("it takes from an empty stack")
        return self.stack.pop()

    def pop_to_mark(self) -> None:
        while self.pop() is not _MARK:
            pass


def examine_pickle(data: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return every name that loading would import, as ``module.name``, and what could not be told.

    Args:
        data: A pickle, plain or compressed as joblib does (zlib, gzip, bz2, xz, lzma).
    """
    try:
        plain = _decompressed(data)
    except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, MemoryError) as error:
        return (), (f"cannot be decompressed: {error}",)
    machine = _Machine()
    try:
        position = _walk(machine, plain)
        if position != len(plain):
            raise ValueError(f"{len(plain) - position} bytes follow its end")
    except (ValueError, IndexError, KeyError, OverflowError, UnicodeDecodeError, MemoryError) as error:
        return tuple(sorted(machine.names)), (str(error) or type(error).__name__,)
    return tuple(sorted(machine.names)), ()


def _decompressed(data: bytes) -> bytes:
    """Return the pickle itself; never more than a limit, whatever the compressed bytes would grow to."""
    for magic, reader in _COMPRESSED:
        if data.startswith(magic):
            plain = reader(BytesIO(data)).read(MAX_BYTES + 1)
            break
    else:
        plain = data
        if data[:1] == b"x":  # zlib, which joblib writes by default; no pickle begins so
            worker = zlib.decompressobj()
            plain = worker.decompress(data, MAX_BYTES + 1)
            if worker.unused_data:
                raise ValueError("something follows the compressed bytes")
    if len(plain) > MAX_BYTES:
        raise ValueError(f"it grows beyond {MAX_BYTES:,} bytes")
    return bytes(plain)


def _walk(machine: _Machine, data: bytes) -> int:
    """Run the program without calling anything and return where it ends."""
    for count, (opcode, argument, position) in enumerate(pickletools.genops(data)):
        if count >= MAX_OPCODES:
            raise ValueError(f"it has more than {MAX_OPCODES:,} opcodes")
        if opcode.name in _FAULTS:
            raise ValueError(f"it holds {_FAULTS[opcode.name]}")
        _step(machine, opcode, argument)
        if opcode.name == "STOP":
            return int(position or 0) + 1
    raise ValueError("it does not end")


def _step(machine: _Machine, opcode: pickletools.OpcodeInfo, argument: Any) -> None:  # noqa: PLR0912 - one for each kind
    name, stack = opcode.name, machine.stack
    if name == "MARK":
        stack.append(_MARK)
    elif name in _TEXT:
        stack.append(argument if isinstance(argument, str) else _UNKNOWN)
    elif name in ("GLOBAL", "INST"):
        module, _, attribute = str(argument).partition(" ")
        _note(machine, module, attribute)
        if name == "INST":
            machine.pop_to_mark()
        stack.append(_UNKNOWN)
    elif name == "STACK_GLOBAL":
        attribute, module = machine.pop(), machine.pop()
        _note(machine, module, attribute)
        stack.append(_UNKNOWN)
    elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
        machine.memo[int(argument)] = _top(machine)
    elif name == "MEMOIZE":
        machine.memo[len(machine.memo)] = _top(machine)
    elif name in ("GET", "BINGET", "LONG_BINGET"):
        if int(argument) not in machine.memo:
            raise ValueError("it takes from an empty memo")
        stack.append(machine.memo[int(argument)])
    elif name == "DUP":
        stack.append(_top(machine))
    elif name == "POP":
        machine.pop()
    elif name == "POP_MARK":
        machine.pop_to_mark()
    elif name in _TO_MARK or name == "OBJ":
        machine.pop_to_mark()
        stack.append(_UNKNOWN)
    elif name in ("APPENDS", "SETITEMS", "ADDITEMS"):
        machine.pop_to_mark()
    else:  # fixed numbers in and out, none of which can be text
        for _ in opcode.stack_before:
            machine.pop()
        stack.extend(_UNKNOWN for _ in opcode.stack_after)


def _note(machine: _Machine, module: Any, attribute: Any) -> None:
    if not isinstance(module, str) or not isinstance(attribute, str) or not module or not attribute:
        raise ValueError("a name in it cannot be told")
    name = f"{module}.{attribute}"
    machine.names.add(name)
    if name.startswith(_BESIDE):
        raise ValueError(
            f"'{name}' reads bytes of the file itself, behind which other opcodes may lie than can be told"
        )


def _top(machine: _Machine) -> Any:
    if not machine.stack or machine.stack[-1] is _MARK:
        raise ValueError("it remembers nothing")
    return machine.stack[-1]
