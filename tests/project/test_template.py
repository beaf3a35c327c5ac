from __future__ import annotations

import os
import shlex
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest

from workbench.compute.sandbox import _TRIAL, can_confine
from workbench.foundation.config import load_config
from workbench.foundation.errors import NotFoundError, StorageError, UnavailableError, UsageError
from workbench.foundation.project import Project
from workbench.project.doctor import find_faults
from workbench.project.template import create_project, list_templates
from workbench.review.policies.policy import DEFAULT_POLICY, load_policy

REPOSITORY = Path(__file__).parents[2]
WITHOUT_NAMESPACES = "from workbench.foundation import confinement; confinement._unshare = lambda _: False\n"


@pytest.mark.checklist("S1-41")
@pytest.mark.parametrize("template", sorted(list_templates()))
def test_every_template_makes_a_valid_project(tmp_path: Path, template: str) -> None:
    created = create_project(tmp_path / "my-project", template=template)
    assert load_config(tmp_path / "my-project" / "workbench.toml").project.name == "my-project"
    project = Project.open(tmp_path / "my-project")
    assert [event.kind for event in project.journal.events()] == ["project.created"]
    log = ["git", "-C", created.root, "log", "--format=%s%n%ae"]
    subject, author = subprocess.run(log, check=True, capture_output=True, text=True).stdout.split("\n")[:2]
    assert (subject, author) == ("Create the project", "author@example.com")
    for notebook in (tmp_path / "my-project").glob("notebooks/*.ipynb"):
        nbformat.validate(nbformat.read(notebook, as_version=4))


def test_the_templates_carry_the_documented_policy() -> None:
    for template in list_templates():
        text = (REPOSITORY / "templates" / template / "policy" / "gate.toml").read_text(encoding="utf-8")
        assert text == DEFAULT_POLICY


def test_where_nothing_can_be_confined_a_new_project_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is this one with the step taken away that macOS and most containers lack."""
    assert (_isolation(tmp_path / "able") == "required") == can_confine()
    monkeypatch.setattr(
        "workbench.compute.sandbox._TRIAL", _TRIAL.replace("sys.exit(", WITHOUT_NAMESPACES + "sys.exit(")
    )
    assert not can_confine()
    assert _isolation(tmp_path / "unable") == "if-possible"
    project = Project.open(tmp_path / "unable")
    assert [finding.is_ok for finding in find_faults(project) if finding.name == "sandbox"] == [True]
    policy = tmp_path / "unable" / "policy" / "gate.toml"
    policy.write_text(policy.read_text().replace('"if-possible"', '"required"'))
    assert [finding.is_ok for finding in find_faults(project) if finding.name == "sandbox"] == [False]


def _isolation(folder: Path) -> str:
    create_project(folder, template="blank")
    rule = load_policy(Project.open(folder)).rule("production").reproduced
    return rule.isolation


def test_sample_notebooks_are_clean() -> None:
    for path in (REPOSITORY / "sample_notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs"), path
            assert cell.get("execution_count") is None, path


def test_what_exists_is_kept(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    created = create_project(tmp_path, template="blank", name="p")
    assert "README.md" not in created.files
    assert (tmp_path / "README.md").read_text() == "mine"
    assert create_project(tmp_path, template="blank", name="p").files == ()


def test_inside_a_repository_only_its_own_files_are_committed(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "secret.txt").write_text("uncommitted")
    create_project(tmp_path / "sub", template="blank")
    listed = subprocess.run(["git", "-C", str(tmp_path), "ls-files"], check=True, capture_output=True, text=True).stdout
    assert "sub/workbench.toml" in listed
    assert "secret.txt" not in listed


def test_a_folder_that_the_repository_around_it_ignores_gets_its_own(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("/demo/\n")
    create_project(tmp_path / "demo", template="blank")
    top = ["git", "-C", str(tmp_path / "demo"), "rev-parse", "--show-toplevel"]
    found = subprocess.run(top, check=True, capture_output=True, text=True).stdout.strip()
    assert Path(found) == (tmp_path / "demo").resolve()
    assert create_project(tmp_path / "demo", template="blank").files == ()


def test_bad_input_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        create_project(tmp_path / "p", template="shutle")
    assert caught.value.hint == "did you mean 'shuttle'?"
    with pytest.raises(UsageError, match="project-name"):
        create_project(tmp_path / "p", name='a"b')
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="folder-is-file"):
        create_project(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_unwritable_folder_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    # root may write anywhere but into the kernel's own file systems
    folder = Path("/sys/mlops-workbench") if os.geteuid() == 0 else tmp_path / "p"
    with pytest.raises(StorageError, match="folder-not-writable"):
        create_project(folder)


def test_template_manifests_name_notebooks_that_exist() -> None:
    for manifest in (REPOSITORY / "templates").glob("*/template.toml"):
        for notebook in tomllib.loads(manifest.read_text(encoding="utf-8"))["notebooks"]:
            assert (REPOSITORY / "sample_notebooks" / notebook).is_file()


def test_what_git_refuses_leaves_nothing_and_can_be_done_again(tmp_path: Path) -> None:
    """A repository of the team with a hook that lets nobody commit, and the new project as a folder of it."""
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    hook = tmp_path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no commits on Friday' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(UnavailableError) as refusal:
        create_project(tmp_path / "line", template="blank")
    assert (refusal.value.code, "no commits on Friday" in refusal.value.message) == ("git-failed", True)
    assert not [path for path in (tmp_path / "line").rglob("*") if path.is_file()]
    look = shlex.split(refusal.value.hint.partition("look with: ")[2])
    assert b"No commits yet" in subprocess.run(look, check=True, capture_output=True).stdout
    staged = subprocess.run([*git, "ls-files"], check=True, capture_output=True).stdout
    assert staged == b""
    hook.unlink()
    assert create_project(tmp_path / "line", template="blank").files
    log = subprocess.run([*git, "log", "--format=%s"], check=True, capture_output=True, text=True).stdout
    assert log == "Create the project\n"
