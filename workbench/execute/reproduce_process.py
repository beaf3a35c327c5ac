"""Reproduce one run in a process of its own: ``python -m workbench.execute.reproduce_process <project> <run> …``.

Its lease is the run's, so a second request for the same run while the first is at it does nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.execute.reproduce import reproduce
from workbench.foundation.errors import ConflictError, WorkbenchError
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project


def main(arguments: list[str]) -> int:
    """Reproduce a run; what went wrong goes into the log."""
    root, run, target, replays, level, tolerance, timeout_s = arguments
    project = Project.open(Path(root))
    try:
        lease = Lease(project.state_dir / "leases" / f"reproducing-{run}")
    except ConflictError:
        return 0
    try:
        reproduce(
            project,
            run,
            target=target,
            replays=int(replays),
            level=level,
            tolerance=float(tolerance),
            timeout_s=float(timeout_s),
            wait=True,
        )
    except WorkbenchError as error:
        sys.stderr.write(f"{run}: {error}\n")
        return error.exit_code
    finally:
        lease.release()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
