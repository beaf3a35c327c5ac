"""``mlops init``: a project folder from a template.

A template is a folder under ``templates/`` with a ``template.toml`` that names the sample notebooks it wants;
everything else in it is copied as it is. Nothing that exists is ever overwritten, so running it twice is harmless.
"""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import workbench
from workbench.compute.sandbox import can_confine
from workbench.contract.project import Created
from workbench.data.dvc.repository import join_git
from workbench.foundation.config import FILE_NAME
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import NotFoundError, UnavailableError, UsageError, did_you_mean, storage_errors
from workbench.foundation.project import Project, default_actor, expanded

_MANIFEST = "template.toml"
_POLICY = "policy/gate.toml"
_CONFINED, _AS_FAR_AS_POSSIBLE = b'isolation = "required"   ', b'isolation = "if-possible"'


def create_project(folder: Path = Path(), template: str = "shuttle", name: str = "") -> Created:
    """Create a project from a template; what exists already is kept as it is.

    Args:
        folder: Folder of the project, by default the one you are in; made where it is missing.
        template: Name of the template: ``shuttle`` (real sensor data, the whole road) or ``blank``.
        name: Project name; by default the folder's.

    Raises:
        NotFoundError: ``template-unknown``.
        UsageError: ``folder-is-file`` or ``project-name``.
        StorageError: The folder is not writable or the disk is full.
        UnavailableError: ``git-failed``: Git refused to record the files; they are gone again.
    """
    source = _find_template(template)
    root = expanded(folder).resolve()
    if root.exists() and not root.is_dir():
        raise UsageError("folder-is-file", f"{root} is a file", "name a folder: mlops init my-project")
    chosen = name or root.name
    if not chosen or not chosen.isprintable() or any(c in chosen for c in '"\\/@'):
        raise UsageError("project-name", f"'{chosen}' cannot be a project's name", "name it: mlops init --name NAME")
    with storage_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    written = [
        relative for relative, content in _contents(source, chosen).items() if _write_new(root / relative, content)
    ]
    if written:
        try:
            _record_in_git(root, written)
        except UnavailableError:
            for relative in written:  # else the next try would find them, and never record them
                (root / relative).unlink()
            raise
        project = Project.open(root)
        join_git(project)
        with project.journal.transaction() as change:
            change.append("project.created", f"project:{chosen}", {"template": template, "files": sorted(written)})
    return Created(str(root), template, tuple(sorted(written)))


def list_templates() -> dict[str, str]:
    """Return every template's name and description."""
    return {
        path.parent.name: str(tomllib.loads(path.read_text(encoding="utf-8")).get("description", ""))
        for path in sorted(_shipped("templates").glob(f"*/{_MANIFEST}"))
    }


def _find_template(name: str) -> Path:
    known = list_templates()
    if name not in known:
        raise NotFoundError("template-unknown", f"There is no template '{name}'", did_you_mean(name, known))
    return _shipped("templates") / name


def _shipped(kind: str) -> Path:
    """Return ``templates`` or ``sample_notebooks``: inside the wheel, or beside the package in a checkout."""
    package = Path(workbench.__file__).parent
    inside = package / f"_{kind}"
    return inside if inside.is_dir() else package.parent / kind


def _contents(source: Path, name: str) -> dict[str, bytes]:
    manifest = tomllib.loads((source / _MANIFEST).read_text(encoding="utf-8"))
    contents = {
        path.relative_to(source).as_posix(): path.read_bytes()
        for path in sorted(source.rglob("*"))
        if path.is_file() and path.name != _MANIFEST
    }
    for notebook in manifest.get("notebooks", []):
        contents[f"notebooks/{notebook}"] = (_shipped("sample_notebooks") / notebook).read_bytes()
    contents[FILE_NAME] = contents[FILE_NAME].replace(b"{{name}}", name.encode())
    if not can_confine():  # else no model of this machine could pass: what held stands in each result instead
        contents[_POLICY] = contents[_POLICY].replace(_CONFINED, _AS_FAR_AS_POSSIBLE)
    # A file called .gitignore inside a template would hide the template's own files from this repository.
    contents[".gitignore"] = contents.pop("gitignore")
    return contents


def _write_new(path: Path, content: bytes) -> bool:
    if path.exists():
        return False
    write_atomic(path, content)
    return True


def _record_in_git(root: Path, files: list[str]) -> None:
    """Commit the new files, so that the very first run has a commit to point to."""
    actor = default_actor(root)
    identity = ["-c", f"user.email={actor}", "-c", f"user.name={actor.partition('@')[0]}"]
    commands = [["add", "--", *files], [*identity, "commit", "--quiet", "-m", "Create the project", "--", *files]]
    if not _is_in_git(root):
        commands.insert(0, ["init", "--quiet", "--initial-branch=main"])
    for command in commands:
        try:
            subprocess.run(["git", "-C", str(root), *command], check=True, capture_output=True, text=True)
        except FileNotFoundError:
            return  # Git is recommended, not required: runs then say that they have no commit
        except subprocess.CalledProcessError as error:
            back = ["git", "-C", str(root), "rm", "--cached", "--quiet", "--ignore-unmatch", "--", *files]
            subprocess.run(back, check=False, capture_output=True)
            hint = f"mend what it says, then repeat; look with: git -C '{root}' status"
            raise UnavailableError(
                "git-failed", f"Git refused the first commit: {error.stderr.strip()}", hint
            ) from error


def _is_in_git(root: Path) -> bool:
    """Whether a repository takes the project's files; one around it that ignores the folder does not."""
    try:
        inside = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--is-inside-work-tree"], check=False, capture_output=True
        )
        ignored = subprocess.run(
            ["git", "-C", str(root), "check-ignore", "--quiet", str(root)], check=False, capture_output=True
        )
    except FileNotFoundError:
        return False
    return inside.returncode == 0 and ignored.returncode != 0
