from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest

from workbench.foundation.config import load_config
from workbench.foundation.errors import NotFoundError, StorageError, UsageError
from workbench.foundation.project import Project
from workbench.project.template import create_project, list_templates
from workbench.review.policy import DEFAULT_POLICY

REPOSITORY = Path(__file__).parents[2]


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
