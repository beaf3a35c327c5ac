"""The process that checks: ``python -m workbench.review.check_process <root> <review>``."""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import Project
from workbench.review.checking import run_checks


def main(arguments: list[str]) -> int:
    """Check one review; the log of this process is where an error ends up."""
    root, review = arguments
    try:
        run_checks(Project.open(Path(root)), review)
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
