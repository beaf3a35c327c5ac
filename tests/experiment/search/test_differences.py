"""What changed from one run to another, as lines that a person reads."""

import json
import subprocess

import pytest

from workbench.experiment.differences import MAX_LINES, diff_outputs, diff_runs
from workbench.experiment.store import tracking
from workbench.foundation.errors import NotFoundError


def notebook(*sources, outputs=()):
    cells = [
        {
            "cell_type": "code",
            "id": f"c{n}",
            "source": s,
            "metadata": {},
            "execution_count": 7,
            "outputs": list(outputs),
        }
        for n, s in enumerate(sources)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def packages(**versions):
    listed = [{"name": name, "version": version, "digest": f"sha256:{version}"} for name, version in versions.items()]
    return json.dumps({"python": "3.11", "platform": "linux", "packages": listed})


@pytest.fixture
def make(project, tmp_path):
    """Record a run with artifacts and tags."""

    def made(files=None, params=None, **tags):
        run = tracking.start_run(
            project, name="r", params=params, tags={k.replace("__", "."): v for k, v in tags.items()}
        )
        tracking.finish_run(project, run, "FINISHED")
        for name, text in (files or {}).items():
            folder = tmp_path / run / name.partition("/")[0]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name.rpartition("/")[2]).write_text(text)
            tracking.log_artifacts(project, run, folder, name.partition("/")[0])
        return run

    return made


@pytest.fixture
def git(project):
    def call(*arguments):
        command = ["git", "-C", str(project.root), "-c", "user.email=a@b", "-c", "user.name=a", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    call("init", "-q")
    return call


def found(diff, kind):
    return {each.name: each.values for each in diff.differences if each.kind == kind}


def test_the_same_run_differs_in_nothing(project, make):
    run = make({"workbench/source.ipynb": notebook("x = 1")}, params={"depth": 3})
    diff = diff_runs(project, run, run[:10])
    assert (diff.differences, diff.commits, diff.patch, diff.notebook, diff.notes) == ((), (), (), (), ())


def test_params_packages_seeds_and_machines(project, make):
    one = make({"workbench/environment.json": packages(numpy="2.0", old="1", same="1")}, params={"depth": 3},
               workbench__hardware='{"cpus": 2}', workbench__seeds='{"numpy": "unseeded"}')  # fmt: skip
    two = make({"workbench/environment.json": packages(numpy="2.1", new="5", same="1")}, params={"depth": 4},
               workbench__hardware='{"cpus": 8}', workbench__seeds='{"numpy": "sha256:1"}')  # fmt: skip
    diff = diff_runs(project, one, two)
    assert found(diff, "param") == {"depth": ("3", "4")}
    assert found(diff, "package") == {"numpy": ("2.0", "2.1"), "old": ("1", ""), "new": ("", "5")}
    assert found(diff, "machine") == {"cpus": ("2", "8")}
    assert found(diff, "seed") == {"numpy": ("unseeded", "sha256:1")}


def test_two_builds_of_one_version_differ(project, make):
    rebuilt = packages(numpy="2.0").replace("sha256:2.0", "sha256:other")
    one, two = (make({"workbench/environment.json": text}) for text in (packages(numpy="2.0"), rebuilt))
    assert found(diff_runs(project, one, two), "package") == {"numpy": ("sha256:2.0", "sha256:other")}


def test_without_a_list_of_packages_that_is_said(project, make):
    one, two = make(workbench__environment_digest="sha256:a"), make(workbench__environment_digest="sha256:b")
    diff = diff_runs(project, one, two)
    assert found(diff, "environment") == {"packages": ("sha256:a", "sha256:b")}
    assert "recorded no list of packages" in diff.notes[0]


def test_notebooks_are_compared_cell_by_cell_without_outputs(project, make):
    noise = [{"output_type": "stream", "name": "stdout", "text": "noise"}]
    old = notebook("import numpy", "depth = 3", outputs=noise)
    one = make({"workbench/source.ipynb": old})
    two = make({"workbench/source.ipynb": notebook("import numpy", "depth = 4", "print(depth)")})
    lines = diff_runs(project, one, two).notebook
    assert any("depth = 3" in line and line.startswith("-") for line in lines)
    assert any("depth = 4" in line and line.startswith("+") for line in lines)
    assert any("print(depth)" in line for line in lines)
    assert not any("noise" in line or "\x1b" in line for line in lines)
    rerun = make({"workbench/source.ipynb": notebook("import numpy", "depth = 3")})
    assert diff_runs(project, one, rerun).notebook == ()


def test_an_executed_notebook_serves_where_there_is_no_other(project, make):
    one = make({"notebook/output.ipynb": notebook("a = 1")})
    two = make({"notebook/output.ipynb": notebook("a = 2"), "workbench/source.ipynb": notebook("a = 2")})
    assert any("a = 2" in line for line in diff_runs(project, one, two).notebook)
    broken = make({"notebook/output.ipynb": "no notebook"})
    diff = diff_runs(project, one, broken)
    assert diff.notebook == ()
    assert "is no notebook" in diff.notes[0]


def test_texts_may_be_lists_of_lines_as_jupyterlab_writes_them(project, make):
    printed = ({"output_type": "stream", "name": "stdout", "text": ["begun\n", "done"]},)
    old = notebook(["# how deep\n", "depth = 3"], outputs=printed)
    new = notebook(["# how deep\n", "depth = 4"], outputs=())
    one, two = (make({"workbench/source.ipynb": text, "notebook/output.ipynb": text}) for text in (old, new))
    found = diff_runs(project, one, two)
    assert [line for line in found.notebook if line[:1] in "-+"] == ["-  depth = 3", "+  depth = 4"]
    assert any("done" in line for line in diff_outputs(project, one, two))


@pytest.mark.parametrize("odd", [{"cells": [5]}, {"cells": [{"cell_type": "code", "source": {"a": 1}}]}, {"cells": {}}])
def test_what_is_no_notebook_is_said_and_not_compared(project, make, odd):
    odd = json.dumps({"metadata": {}, "nbformat": 4, "nbformat_minor": 5} | odd)
    one = make({"workbench/source.ipynb": odd, "notebook/output.ipynb": odd})
    two = make({"workbench/source.ipynb": notebook("a = 1"), "notebook/output.ipynb": notebook("a = 1")})
    found = diff_runs(project, one, two)
    assert (found.notebook, found.notes) == ((), ("workbench/source.ipynb of one of the runs is no notebook",))
    assert diff_outputs(project, one, two) == ()


@pytest.fixture
def commit(project, git):
    """Commit so many changes of one file, ``x = 0`` and on, and return them."""

    def change(name: str, number: int) -> str:
        (project.root / "code.py").write_text(f"{name} = {number}\n")
        git("add", "code.py")
        git("commit", "-qm", f"Change {number}")
        return git("rev-parse", "HEAD")

    return lambda count, name="x": [change(name, number) for number in range(count)]


def test_commits_and_patches_between(project, make, commit):
    commits = commit(3)
    one = make(workbench__commit=commits[0])
    two = make({"workbench/changes.patch": "+secret sauce\n"}, workbench__commit=f"{commits[2]}+dirty")
    diff = diff_runs(project, one, two)
    assert [line.partition(" ")[2] for line in diff.commits] == ["Change 1", "Change 2"]
    assert "+x = 2" in diff.patch
    assert "++secret sauce" in diff.patch
    back = diff_runs(project, two, one)
    assert back.commits == ()
    assert "does not build on" in back.notes[0]
    gone = diff_runs(project, one, make(workbench__commit="f" * 40))
    assert "Git does not know" in gone.notes[0]


@pytest.mark.parametrize("setting", ["diff.external=true", "color.ui=always"])
def test_what_git_shows_its_user_changes_no_patch(project, make, git, commit, setting):
    commits = commit(2, "a")
    git("config", *setting.split("="))
    diff = diff_runs(project, *(make(workbench__commit=commit) for commit in commits))
    assert diff.patch[-2:] == ("-a = 0", "+a = 1")
    assert [line.partition(" ")[2] for line in diff.commits] == ["Change 1"]


def test_an_odd_commit_never_reaches_gits_command_line(project, make, git):
    one, two = make(workbench__commit="--output=/tmp/evil"), make(workbench__commit="HEAD; rm")
    diff = diff_runs(project, one, two)
    assert (diff.commits, diff.patch) == ((), ())


def test_long_differences_are_cut(project, make):
    one = make({"workbench/changes.patch": ""})
    two = make({"workbench/changes.patch": "\n".join(f"+{n}" for n in range(2000))})
    lines = diff_runs(project, one, two).patch
    assert len(lines) == MAX_LINES + 1
    assert "lines more" in lines[-1]


def test_an_unknown_run_is_refused(project, make):
    with pytest.raises(NotFoundError):
        diff_runs(project, make(), "nobody")
