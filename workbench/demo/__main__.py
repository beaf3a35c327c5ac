"""``python -m workbench.demo FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.demo.road import walk
from workbench.foundation.errors import WorkbenchError


def main() -> int:
    """Walk the road and return an exit code."""
    try:
        walk(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
    except WorkbenchError as error:
        sys.stderr.write(f"mlops: {error}\n")
        return error.exit_code
    return 0


sys.exit(main())
