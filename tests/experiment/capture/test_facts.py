"""Code, environment, seeds and findings: each taken from the real thing."""

import importlib.util
import json
import os
import random
import subprocess
import time
from pathlib import Path

import numpy as np
import numpy.random
import pytest

from workbench.experiment.capture import seeds as capture
from workbench.experiment.capture.cells import ExecutedCell, executed_cells
from workbench.experiment.capture.document import DocumentCell, findings, read_cells
from workbench.experiment.capture.environment import environment_lock
from workbench.experiment.capture.facts import executed_notebook_facts
from workbench.experiment.capture.git import changes, git_state, unchanged_in_git
from workbench.experiment.capture.hardware import hardware


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", "-C", str(root), *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def repository(project):
    root = project.root
    git(root, "init", "-q")
    (root / ".gitignore").write_text(".workbench/\nignored.csv\n")
    (root / "code.py").write_text("a = 1\n")
    (root / ".env").write_text("TOKEN=old\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return project


@pytest.mark.checklist("S1-08")
def test_a_patch_brings_back_what_differed_and_holds_no_secret(repository, tmp_path_factory):
    root = repository.root
    assert changes(repository) == b""
    (root / "code.py").write_text("a = 2\n")
    (root / "new folder").mkdir()
    (root / "new folder" / "山.py").write_text("b = 3")
    (root / "ignored.csv").write_text("1\n")
    (root / ".env").write_text("TOKEN=hush-hush\n")
    (root / "server.pem").write_text("hush-hush\n")
    (root / "picture.png").write_bytes(b"\0" * 10)
    (root / "large.txt").write_text("x" * 300_000)
    index = (root / ".git" / "index").read_bytes()
    patch = changes(repository)
    assert (root / ".git" / "index").read_bytes() == index
    text = patch.decode()
    assert "hush" not in text
    assert "ignored.csv" not in text
    said = sorted(line for line in text.splitlines() if line.startswith("# left out"))
    assert [line.partition(": ")[2].partition(":")[0] for line in said] == [
        ".env",
        "large.txt",
        "picture.png",
        "server.pem",
    ]
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "-q", str(root), ".")
    (clone.parent / "changes.patch").write_bytes(patch)
    git(clone, "apply", str(clone.parent / "changes.patch"))
    assert (clone / "code.py").read_text() == "a = 2\n"
    assert (clone / "new folder" / "山.py").read_text() == "b = 3"
    assert unchanged_in_git(repository, ["code.py", ".gitignore", "ignored.csv", "/etc/hosts"]) == {".gitignore"}


def test_a_change_in_the_second_in_which_git_looked_is_seen(repository):
    """Git compares times in seconds, and reads again what is not older than its index (Documentation/racy-git.txt)."""
    code, index = repository.root / "code.py", repository.root / ".git" / "index"
    git(repository.root, "config", "core.trustctime", "false")  # which a test cannot set
    long_ago = (time.time() - 1000,) * 2
    os.utime(code, long_ago)
    git(repository.root, "update-index", "--refresh")
    code.write_text("a = 2\n")
    os.utime(code, long_ago)
    os.utime(index, long_ago)
    assert unchanged_in_git(repository, ["code.py", ".gitignore"]) == {".gitignore"}
    os.utime(index, long_ago)
    assert b"+a = 2" in changes(repository)


@pytest.mark.parametrize(
    "settings",
    [
        {"diff.external": "true"},
        {"color.ui": "always"},
        {"diff.noprefix": "true"},
        {"diff.mnemonicPrefix": "true"},
        {"diff.words.command": "true"},
        {"diff.words.textconv": "true"},
        {"status.showUntrackedFiles": "no"},
    ],
)
def test_whatever_git_shows_its_user_the_patch_is_a_patch(repository, tmp_path_factory, settings):
    root = repository.root
    (root / ".git" / "info" / "attributes").write_text("*.py diff=words\n")
    (root / "new.py").write_text("b = 1\n")
    for name, value in settings.items():
        git(root, "config", name, value)
    assert git_state(repository).endswith("+dirty")
    (root / "code.py").write_text("a = 2\n")
    patch = changes(repository)
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "-q", str(root), ".")
    (clone.parent / "changes.patch").write_bytes(patch)
    git(clone, "apply", str(clone.parent / "changes.patch"))
    assert ((clone / "code.py").read_text(), (clone / "new.py").read_text()) == ("a = 2\n", "b = 1\n")
    assert patch.count(b"diff --git a/") == 2


def test_what_a_submodule_is_told_to_hide_is_a_difference(repository, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    (other / "helper.py").write_text("a = 1\n")
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "first")
    root = repository.root
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    git(root, "config", "-f", ".gitmodules", "submodule.sub.ignore", "all")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "second")
    assert not git_state(repository).endswith("+dirty")
    (root / "sub" / "helper.py").write_text("a = 2\n")
    assert git_state(repository).endswith("+dirty")
    assert changes(repository) == b"# left out: sub: a submodule\n"


def test_a_changed_binary_file_is_named_and_the_rest_can_be_applied(repository, tmp_path_factory):
    root = repository.root
    (root / "picture.png").write_bytes(b"\0one")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "second")
    (root / "picture.png").write_bytes(b"\0two")
    (root / "code.py").write_text("a = 2\n")
    patch = changes(repository)
    assert b"# left out: picture.png: binary\n" in patch
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "-q", str(root), ".")
    (clone.parent / "changes.patch").write_bytes(patch)
    git(clone, "apply", str(clone.parent / "changes.patch"))
    assert (clone / "code.py").read_text() == "a = 2\n"


def test_what_python_and_jupyter_write_beside_the_code_is_no_difference(repository):
    root = repository.root
    for name in ("__pycache__/code.cpython-311.pyc", "deep/__pycache__/code.pyc", ".ipynb_checkpoints/a.ipynb"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("1")
    assert not git_state(repository).endswith("+dirty")
    (root / "deep" / "new.py").write_text("b = 1\n")
    assert git_state(repository).endswith("+dirty")
    text = changes(repository).decode()
    assert (text.count("diff --git "), "# left out" in text) == (1, False)


def test_a_git_that_gives_no_answer_is_not_taken_for_a_clean_one(repository):
    (repository.root / ".git" / "index").write_bytes(b"no index")
    assert git_state(repository).endswith("+dirty")


def test_without_git_there_is_no_patch(project):
    assert changes(project) == b""
    assert unchanged_in_git(project, ["workbench.toml"]) == frozenset()


def test_the_lock_names_each_package_with_its_own_list_of_files():
    lock = json.loads(environment_lock())
    found = {package["name"]: package for package in lock["packages"]}
    import hashlib
    from importlib.metadata import distribution

    record = distribution("numpy").read_text("RECORD")
    assert found["numpy"]["version"] == np.__version__
    assert found["numpy"]["digest"] == "sha256:" + hashlib.sha256(record.encode()).hexdigest()


def test_the_machine_is_known():
    known = hardware()
    assert known["cores"] >= 1
    assert known["memory_bytes"] > 1 << 28


class TestSeeds:
    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch):
        monkeypatch.setattr(capture, "_seeded", {})
        monkeypatch.setattr(capture, "_made", set())
        capture.watch_seeds()
        monkeypatch.setattr(capture, "_first_state", {name: capture._state_of(name) for name in ("random", "numpy")})

    def test_what_is_not_used_needs_no_seed_and_what_is_drawn_unseeded_is_said(self):
        assert capture.seeds({}) == {"random": "unused", "numpy": "unused"}
        random.random()
        np.random.rand()
        assert capture.seeds({}) == {"random": "unseeded", "numpy": "unseeded"}

    def test_the_same_seed_is_the_same_state(self):
        found = []
        for _ in range(2):
            random.seed(7)
            np.random.seed(7)
            begun = capture.states()
            random.random()
            np.random.rand()
            found.append(capture.seeds(begun))
        assert found[0] == found[1]
        assert all(state.startswith("sha256:") for state in found[0].values())
        random.seed(8)
        assert capture.states()["random"] != found[0]["random"]

    def test_a_seed_in_the_middle_of_a_run_counts_and_a_seed_of_nothing_does_not(self):
        begun = capture.states()
        random.random()
        random.seed(7)
        state = capture.states()["random"]
        random.random()
        assert capture.seeds(begun)["random"] == state
        random.seed()
        np.random.seed(None)
        np.random.rand()
        assert capture.seeds({}) == {"random": "unseeded", "numpy": "unseeded"}

    def test_generators_made_by_hand_are_told_by_whether_each_got_a_seed(self):
        np.random.default_rng(3)
        assert capture.seeds({})["numpy.default_rng"] == "seeded"
        np.random.default_rng()
        assert capture.seeds({})["numpy.default_rng"] == "unseeded"

    def test_looking_changes_no_number(self):
        random.seed(1)
        np.random.seed(1)
        expected = random.random(), np.random.rand()
        random.seed(1)
        np.random.seed(1)
        capture.seeds(capture.states())
        assert (random.random(), np.random.rand()) == expected


def ran(*cells: tuple[str, str]) -> tuple[ExecutedCell, ...]:
    return executed_cells((cell, source, 0.0, True) for cell, source in cells)


NOTEBOOK = (DocumentCell("1", "a = 1"), DocumentCell("2", "b = a"), DocumentCell("3", "c = b"))
CLEAN = (("1", "a = 1"), ("2", "b = a"), ("3", "c = b"))


@pytest.mark.parametrize(
    ("executed", "expected"),
    [
        (CLEAN, []),
        (CLEAN[:2], []),
        ([("", source) for _, source in CLEAN], []),
        ((CLEAN[1], CLEAN[0], CLEAN[2]), [("out-of-order", "1")]),
        ((CLEAN[0], CLEAN[2]), [("out-of-order", "2")]),
        ((CLEAN[0], ("2", "b = 0"), CLEAN[2]), [("edited", "2")]),
        ((CLEAN[0], ("2", "b = 0"), CLEAN[1], CLEAN[2]), [("re-executed", "2")]),
        ((*CLEAN, ("9", "d = 4")), [("deleted", "9")]),
        ((*CLEAN, *CLEAN), [("re-executed", "1"), ("re-executed", "2"), ("re-executed", "3")]),
        ((CLEAN[0], CLEAN[1], ("9", "c = b")), []),  # cut and pasted: another id, the same place
    ],
)
def test_findings(executed, expected):
    assert [(found.kind, found.cell) for found in findings(ran(*executed), NOTEBOOK)] == expected


def test_an_older_notebook_without_ids_is_read_by_its_text():
    document = tuple(DocumentCell("", cell.source) for cell in NOTEBOOK)
    assert findings(ran(*CLEAN), document) == ()
    assert [found.kind for found in findings(ran(*CLEAN[:2], ("x", "d")), document)] == ["deleted"]
    assert [found.kind for found in findings(ran(CLEAN[0], CLEAN[0]), document)] == ["re-executed"]


@pytest.mark.parametrize("notebook", [b"", b"[]", b"{}", b'{"cells": 3}', b"\xff"])
def test_what_is_no_notebook_is_refused(notebook):
    with pytest.raises(ValueError):  # noqa: PT011 - json's own words
        read_cells(notebook)


def test_a_notebook_that_stopped_early_has_the_chain_of_what_ran():
    def code(source, count, *outputs):
        return {"cell_type": "code", "source": [source], "execution_count": count, "outputs": list(outputs)}

    broken = {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}
    cells = [code("a = 1", 1), {"cell_type": "markdown", "source": "# text"}, code("raise", 2, broken), code("b", None)]
    found = executed_notebook_facts(json.dumps({"nbformat": 4, "cells": cells}).encode())
    lines = [json.loads(line) for line in found.files["cells.jsonl"].splitlines()]
    assert [(line["source"], line["is_ok"]) for line in lines] == [("a = 1", True), ("raise", False)]
    assert found.tags["workbench.chain"] == lines[-1]["link"]


STAND_IN = Path(__file__).parent / "stand_in"
TORCHES = ["stand-in", *(["installed"] if importlib.util.find_spec("torch") else [])]
"""The same is asked of torch itself on a machine that has it."""


@pytest.mark.parametrize("torch", TORCHES)
@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", "unused"),
        ("torch.rand(3)", "unseeded"),
        ("torch.manual_seed(7); torch.rand(3)", "sha256:"),
        ("torch.random.manual_seed(7); torch.rand(3)", "sha256:"),
        ("torch.manual_seed(seed=7); torch.rand(3)", "sha256:"),
        ("torch.manual_seed(7); torch.seed(); torch.rand(3)", "unseeded"),
        ("torch.set_rng_state(torch.get_rng_state()); torch.rand(3)", "sha256:"),
        ("from torch import manual_seed; manual_seed(7); torch.rand(3)", "sha256:"),
    ],
)
def test_torch_is_watched_where_it_is(python, torch, cell, expected):
    code = (
        "from workbench.experiment.capture import seeds\n"
        "seeds.watch_seeds()\n"
        "assert 'torch' not in seeds.seeds({}) and 'torch' not in sys.modules\n"
        "import torch, torch.random\n"
        "exec(sys.argv[1] if len(sys.argv) > 1 else os.environ['SNIPPET'])\n"
        "first = seeds.seeds({})['torch']\n"
        "torch.manual_seed(7); one = seeds.states()['torch'], list(torch.rand(2))\n"
        "torch.manual_seed(7); other = seeds.states()['torch'], list(torch.rand(2))\n"
        "assert one == other\n"
        "print(first)\n"
    )
    more = {"PYTHONPATH": str(STAND_IN)} if torch == "stand-in" else {}
    with python(code, SNIPPET=cell, **more) as process:
        said, noise = process.communicate()
    assert said.startswith(expected), noise
