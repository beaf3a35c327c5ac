"""Tables by the block through the real dvc: pushed, pulled into a clean clone, and stored once in a remote."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data.conftest import make_project
from workbench.data.tables.place import find_place
from workbench.data.versions import restore


def run_dvc(folder, *arguments):
    program = str(Path(sys.executable).with_name("dvc"))
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.checklist("S1-12", "S1-37")
def test_a_remote_grows_by_what_changed_and_a_clean_clone_reads_every_version(project, import_frame, tmp_path_factory):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.arange(150_000), "x": rng.normal(size=150_000), "y": rng.random(150_000)})
    remote, clone = tmp_path_factory.mktemp("remote"), tmp_path_factory.mktemp("clone")
    first = import_frame(frame).version
    run_dvc(project.root, "remote", "add", "-d", "far", str(remote))
    run_dvc(project.root, "push", "-q")
    whole = size_of(remote)
    more = pd.DataFrame({"id": np.arange(150_000, 151_500), "x": rng.normal(size=1_500), "y": rng.random(1_500)})
    import_frame(pd.concat([frame, more]))
    run_dvc(project.root, "push", "-q")
    assert size_of(remote) - whole <= 0.02 * whole
    assert run_dvc(project.root, "status").strip() == "Data and pipelines are up to date."

    shutil.copytree(project.root / ".dvc", clone / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    other = make_project(clone)
    shutil.copy(project.root / "data/t.table.dvc", clone / "data/t.table.dvc")
    run_dvc(clone, "pull", "-q")
    assert len(find_place(other, "t").read()) == 151_500
    restore(project, first.id)
    shutil.copy(project.root / "data/t.table.dvc", clone / "data/t.table.dvc")
    run_dvc(clone, "pull", "-q")
    assert find_place(other, "t").read().to_pandas().equals(frame)
    assert find_place(other, first.id).read().to_pandas().equals(frame)
