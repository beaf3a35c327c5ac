"""What is started for keeps is ours, whatever lies where it stands."""

from __future__ import annotations

import time
from pathlib import Path

from workbench.foundation.background import spawn_detached


def test_a_module_of_the_project_does_not_stand_in_for_one_of_ours(tmp_path: Path) -> None:
    """A branch may bring a ``timeit.py``, or a ``sqlalchemy.py``: it would run with the keys of whoever looks at it."""
    for name in ("timeit.py", "itertools.py", "gc.py"):
        (tmp_path / name).write_text("open('was-run', 'w').close()\n")
    log = tmp_path / "log" / "log.txt"
    arguments = ["-n1", "-r1", "import pathlib; pathlib.Path('done').touch()"]
    spawn_detached("timeit", arguments, log=log, cwd=tmp_path)
    deadline = time.monotonic() + 30
    while not (tmp_path / "done").exists() and not (tmp_path / "was-run").exists():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    assert not (tmp_path / "was-run").exists()
