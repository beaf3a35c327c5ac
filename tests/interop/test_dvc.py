"""What we write without importing dvc, as the real ``dvc`` sees it; and what plain ``dvc`` wrote, as it opens here."""

from __future__ import annotations

import json
import os
import shutil
import string
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.interop.conftest import dvc_in, git_in, make_project
from workbench.data.content import digest_of
from workbench.data.dvc.ignored import is_ignored
from workbench.data.dvc.pointers import parse_pointer, write_pointer
from workbench.data.versions import list_versions, log_versions, restore, snapshot, verify_versions
from workbench.foundation.errors import ConflictError, UsageError
from workbench.foundation.project import Project

CLEAN = "Data and pipelines are up to date."


def odd_folder(folder: Path) -> None:
    """Fill a folder with everything that a folder may hold."""
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty folder").mkdir()
    (folder / "zero").touch()
    (folder / "deep" / "zero").touch()
    (folder / "name with spaces.csv").write_text("a,b\n1,2\n")
    (folder / "deep" / "計測 値.csv").write_text("時刻,温度\n")
    for form in ("NFC", "NFD"):  # the same letters to a reader, two names to Linux
        (folder / (unicodedata.normalize(form, "がぎぐé") + form[2])).write_text(form)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "deep" / "er" / "big.bin").write_bytes(os.urandom(5 << 20))
    (folder / "deep" / "er" / "big2.bin").write_bytes(os.urandom(6 << 20))
    (folder / "link.bin").symlink_to("deep/er/big.bin")
    (folder / 'quote"back\\slash').write_text("x")
    (folder / "a").mkdir()
    (folder / "a" / "b").write_text("1")
    (folder / "a.b").write_text("2")
    (folder / "a-b").write_text("3")


def tree(root: Path) -> dict[str, bytes]:
    """Return every file by name, and links as what they lead to."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def written(root: Path) -> dict[str, bytes]:
    """Return what a recording tool leaves for others to read: pointers, ignore files, cache."""
    names = {name for name in tree(root) if name.endswith((".dvc", ".gitignore")) or "/cache/files/" in name}
    return {name: (root / name).read_bytes() for name in names}


def modes(root: Path) -> dict[str, int]:
    """Return the mode of each object in the cache."""
    cache = root / ".dvc" / "cache" / "files" / "md5"
    return {p.relative_to(cache).as_posix(): p.stat().st_mode & 0o777 for p in cache.rglob("*") if p.is_file()}


@pytest.mark.parametrize("git", [True, False])
def test_we_write_byte_for_byte_what_dvc_add_writes(tmp_path: Path, git: bool) -> None:
    ours, theirs = (make_project(tmp_path / name, git=git) for name in ("ours", "theirs"))
    names = ["data/odd", "data/none", "data/tool", "data/ta ble [1]#!.csv", "data/日本.csv", "data/yes", "data/1"]
    for project in (ours, theirs):
        (project.root / "data" / "none").mkdir()
        (project.root / "data" / "tool").write_text("#!/bin/sh\n")
        (project.root / "data" / "tool").chmod(0o755)
        for name in names[3:]:
            (project.root / name).write_text(f"{name}\n")
    odd_folder(ours.root / "data" / "odd")
    shutil.copytree(ours.root / "data" / "odd", theirs.root / "data" / "odd", symlinks=True)
    snapshot(ours, tuple(names))
    dvc_in(theirs.root, "init", "-q", *([] if git else ["--no-scm"]))
    dvc_in(theirs.root, "add", "-q", *names)
    assert written(ours.root) == written(theirs.root)
    assert modes(ours.root) == modes(theirs.root)
    assert set(modes(ours.root).values()) == {0o444}
    for name in (".dvcignore", ".dvc/.gitignore"):
        assert (ours.root / name).exists() == (theirs.root / name).exists()
    if git:
        assert git_in(ours.root, "diff", "--cached", "--name-only") == git_in(
            theirs.root, "diff", "--cached", "--name-only"
        )


def test_dvc_finds_nothing_to_do_after_us(any_project: Project) -> None:
    root = any_project.root
    odd_folder(root / "data" / "odd")
    (root / "data" / "t.csv").write_text("a\n1\n")
    snapshot(any_project, ("data/odd", "data/t.csv"))
    before = written(root)
    assert dvc_in(root, "status").strip() == CLEAN
    dvc_in(root, "add", "-q", "data/odd", "data/t.csv")
    assert written(root) == before
    dvc_in(root, "gc", "-w", "-f", "-q")
    assert written(root) == before
    assert {found.state for found in verify_versions(any_project)} == {"whole"}
    assert {version.is_current for version in list_versions(any_project)} == {True}


def test_dvc_checks_out_what_we_recorded(any_project: Project) -> None:
    root = any_project.root
    odd_folder(root / "data" / "odd")
    expected = tree(root / "data" / "odd")
    (version,) = snapshot(any_project, ("data/odd",))
    shutil.rmtree(root / "data" / "odd")
    dvc_in(root, "checkout", "-q")
    assert tree(root / "data" / "odd") == expected
    shutil.rmtree(root / "data" / "odd")
    restore(any_project, version.id)
    assert tree(root / "data" / "odd") == expected
    assert dvc_in(root, "status").strip() == CLEAN


def test_dvc_diff_between_our_commits(git_project: Project) -> None:
    root = git_project.root
    (root / "data" / "imgs").mkdir()
    for number in range(5):
        (root / "data" / "imgs" / f"{number}.bin").write_text(f"{number}")
    snapshot(git_project, ("data/imgs",))
    git_in(root, "add", "-A")
    git_in(root, "commit", "-qm", "one")
    (root / "data" / "imgs" / "3.bin").write_text("other")
    (root / "data" / "imgs" / "new.bin").write_text("new")
    (root / "data" / "imgs" / "0.bin").unlink()
    snapshot(git_project, ("data/imgs",))
    git_in(root, "add", "-A")
    git_in(root, "commit", "-qm", "two")
    said = dvc_in(root, "diff", "HEAD~1", "HEAD")
    for line in ("data/imgs/new.bin", "data/imgs/0.bin", "data/imgs/3.bin"):
        assert line.replace("/", os.sep) in said


def test_push_and_pull_into_a_clean_clone(git_project: Project, tmp_path: Path) -> None:
    root = git_project.root
    odd_folder(root / "data" / "odd")
    snapshot(git_project, ("data/odd",))
    dvc_in(root, "remote", "add", "-q", "--default", "storage", str(tmp_path / "storage"))
    git_in(root, "add", "-A")
    git_in(root, "commit", "-qm", "data")
    dvc_in(root, "push", "-q")
    git_in(tmp_path, "clone", "-q", str(root), "clone")
    dvc_in(tmp_path / "clone", "pull", "-q")
    assert tree(tmp_path / "clone" / "data" / "odd") == tree(root / "data" / "odd")
    clone = Project.open(tmp_path / "clone", actor="grace@example.org")
    (found,) = list_versions(clone)
    assert found.is_current
    assert (found.actor, found.message) == ("ada@example.org", "data")


def test_a_project_of_plain_dvc_opens_here_with_its_history(git_project: Project) -> None:
    root = git_project.root
    table = root / "data" / "t.csv"
    dvc_in(root, "init", "-q")
    for number, message in enumerate(("first", "second", "third")):
        table.write_text(f"a\n{number}\n")
        dvc_in(root, "add", "-q", "data/t.csv")
        git_in(root, "add", "-A")
        git_in(root, "commit", "-qm", message)
    known = log_versions(git_project, "data/t.csv")
    assert {version.message for version in known} == {"first", "second", "third"}
    assert {version.actor for version in known} == {"ada@example.org"}
    assert [version.is_current for version in known if version.message == "third"] == [True]
    (first,) = [version for version in known if version.message == "first"]
    restore(git_project, first.id)
    assert table.read_text() == "a\n0\n"
    assert dvc_in(root, "status").strip() == CLEAN
    table.write_text("a\n9\n")
    (own,) = snapshot(git_project, ("data/t.csv",), "ours")
    assert len(list_versions(git_project)) == 4
    assert own.id in {version.id for version in log_versions(git_project, "data/t.csv.dvc")}


def test_vscode_dvc_reads_what_we_wrote(git_project: Project) -> None:
    """The commands that the extension asks (https://github.com/iterative/vscode-dvc, extension/src/cli/dvc)."""
    root = git_project.root
    (root / "data" / "images").mkdir()
    for number in range(3):
        (root / "data" / "images" / f"{number}.bin").write_text(f"{number}")
    (root / "data" / "t.csv").write_text("a\n1\n")
    snapshot(git_project, ("data/images", "data/t.csv"))
    (root / "params.yaml").write_text("train:\n  depth: 3\n")
    git_in(root, "add", "-A")
    git_in(root, "commit", "-qm", "one")

    def status() -> dict[str, Any]:
        said = dvc_in(root, "data", "status", "--granular", "--unchanged", "--json")
        return dict(json.loads(said))

    images = [f"data/images/{number}.bin" for number in range(3)]
    assert sorted(status()["unchanged"]) == sorted(["data/images/", "data/t.csv", *images])
    (root / "data" / "t.csv").write_text("a\n2\n")
    (root / "data" / "images" / "new.bin").write_text("n")
    found = status()["uncommitted"]
    assert sorted(found["modified"]) == ["data/images/", "data/t.csv"]
    assert found["added"] == ["data/images/new.bin"]
    snapshot(git_project, ("data/images", "data/t.csv"))
    assert sorted(status()["committed"]["modified"]) == ["data/images/", "data/t.csv"]
    listed = json.loads(dvc_in(root, "ls", ".", "--dvc-only", "-R", "--json"))
    assert {item["path"] for item in listed} == {*images, "data/images/new.bin", "data/t.csv"}
    (workspace, *_) = json.loads(dvc_in(root, "exp", "show", "--json"))
    assert workspace["rev"] == "workspace"
    assert workspace["data"]["params"]["params.yaml"]["data"] == {"train": {"depth": 3}}
    assert dvc_in(root, "root").strip() == "."


def test_a_described_pointer_is_left_to_dvc_which_keeps_what_is_said(any_project: Project) -> None:
    root = any_project.root
    (root / "data" / "t.csv").write_text("a\n1\n")
    snapshot(any_project, ("data/t.csv",))
    pointer = root / "data" / "t.csv.dvc"
    pointer.write_text(
        "# measured in hall 3\n" + pointer.read_text() + "  desc: readings of line 4\nmeta:\n  owner: ada\n"
    )
    (root / "data" / "t.csv").write_text("a\n2\n")
    (second,) = snapshot(any_project, ("data/t.csv",))
    text = pointer.read_text()
    assert text.startswith("# measured in hall 3\n")
    assert "desc: readings of line 4" in text
    assert second.digest.removeprefix("md5:") in text
    assert dvc_in(root, "status").strip() == CLEAN


@pytest.mark.parametrize("kind", ["hardlink", "copy", "symlink"])
def test_cache_type_is_obeyed(any_project: Project, kind: str) -> None:
    root = any_project.root
    (root / "data" / "x.bin").write_bytes(b"x" * 100_000)
    dvc_in(root, "init", "-q", *([] if (root / ".git").exists() else ["--no-scm"]))
    dvc_in(root, "config", "cache.type", kind)
    (version,) = snapshot(any_project, ("data/x.bin",))
    path = root / "data" / "x.bin"
    (stored,) = [p for p in (root / ".dvc" / "cache" / "files" / "md5").rglob("*") if p.is_file()]
    assert {"hardlink": path.samefile(stored), "copy": path.stat().st_nlink == 1, "symlink": path.is_symlink()}[kind]
    assert version.link == ("" if kind == "symlink" else kind)
    assert path.stat().st_mode & 0o222 == (0o200 if kind == "copy" else 0)
    assert dvc_in(root, "status").strip() == CLEAN
    assert snapshot(any_project, ("data/x.bin",))[0].id == version.id


def test_a_shared_cache_elsewhere_is_used(any_project: Project, tmp_path: Path) -> None:
    root = any_project.root
    dvc_in(root, "init", "-q", *([] if (root / ".git").exists() else ["--no-scm"]))
    dvc_in(root, "config", "cache.dir", "../team-cache")
    dvc_in(root, "config", "cache.shared", "group")
    (root / "data" / "x.bin").write_bytes(b"x" * 100)
    (version,) = snapshot(any_project, ("data/x.bin",))
    (stored,) = [p for p in (tmp_path / "team-cache").rglob("*") if p.is_file()]
    assert stored.parent.stat().st_mode & 0o7777 == 0o2775
    assert dvc_in(root, "status").strip() == CLEAN
    (root / "data" / "x.bin").unlink()
    restore(any_project, version.id)
    assert (root / "data" / "x.bin").read_bytes() == b"x" * 100


def test_autostage_is_obeyed(git_project: Project) -> None:
    root = git_project.root
    (root / "data" / "x.bin").write_bytes(b"x" * 100)
    dvc_in(root, "init", "-q")
    dvc_in(root, "config", "core.autostage", "true")
    snapshot(git_project, ("data/x.bin",))
    staged = git_in(root, "diff", "--cached", "--name-only").split()
    assert {"data/x.bin.dvc", "data/.gitignore"} <= set(staged)


def test_what_git_keeps_is_refused(git_project: Project) -> None:
    root = git_project.root
    (root / "data" / "x.csv").write_text("a\n")
    git_in(root, "add", "data/x.csv")
    with pytest.raises(ConflictError) as refusal:
        snapshot(git_project, ("data/x.csv",))
    assert refusal.value.code == "data-in-git"
    assert not (root / "data" / "x.csv.dvc").exists()
    assert not (root / "data" / ".gitignore").exists()


def test_pipeline_outputs_are_left_to_dvc(any_project: Project) -> None:
    root = any_project.root
    dvc_in(root, "init", "-q", *([] if (root / ".git").exists() else ["--no-scm"]))
    (root / "dvc.yaml").write_text("stages:\n  make:\n    cmd: echo 1 > data/out.csv\n    outs: [data/out.csv]\n")
    dvc_in(root, "repro", "-q")
    with pytest.raises(ConflictError) as refusal:
        snapshot(any_project, ("data",))
    assert refusal.value.code == "data-overlaps"


IGNORES = {
    "data/d/*.tmp\n": ["keep.csv", "x.tmp"],
    "*.tmp\n!keep.tmp\n": ["a.tmp", "keep.tmp", "deep/b.tmp", "deep/keep.tmp"],
    "deep/\n": ["deep/a", "x"],
    "/data/d/deep\n!/data/d/deep/a\n": ["deep/a", "x"],
    "# nothing\n\n  \n": ["a"],
    "**/cache/**\n": ["cache/a", "deep/cache/b", "x"],
    "a[0-9].csv\n?.bin\n": ["a1.csv", "aa.csv", "b.bin", "bb.bin"],
}


@pytest.mark.parametrize("rules", IGNORES)
def test_dvcignore_gives_the_folder_that_dvc_sees(tmp_path: Path, rules: str) -> None:
    project = make_project(tmp_path / "p", git=False)
    dvc_in(project.root, "init", "-q", "--no-scm")
    (project.root / ".dvcignore").write_text(rules)
    (project.root / "data" / ".dvcignore").write_text("from_nested\n")
    for name in [*IGNORES[rules], "always", "from_nested", "deep/from_nested", ".git", "sub/.dvc/config", "sub/x"]:
        path = project.root / "data" / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (version,) = snapshot(project, ("data/d",))
    assert dvc_in(project.root, "status").strip() == CLEAN
    dvc_in(project.root, "add", "-q", "data/d")
    assert digest_of(project, "data/d") == version.digest
    assert version.digest.removeprefix("md5:") in (project.root / "data" / "d.dvc").read_text()


def test_what_dvc_ignores_or_refuses_is_refused(any_project: Project) -> None:
    root = any_project.root
    (root / "data" / "x.tmp").write_text("x")
    (root / ".dvcignore").write_text("*.tmp\n")
    with pytest.raises(UsageError, match="data-ignored"):
        snapshot(any_project, ("data/x.tmp",))
    (root / "data" / "d").mkdir()
    (root / "data" / "d" / ".dvcignore").write_text("y\n")
    with pytest.raises(UsageError, match="dvcignore-inside"):
        snapshot(any_project, ("data/d",))
    (root / "data" / "e").mkdir()
    (root / "data" / "e" / "gone").symlink_to("nowhere")
    with pytest.raises(UsageError, match="leads nowhere"):
        snapshot(any_project, ("data/e",))
    (root / "data" / "f").mkdir()
    (root / "data" / "f" / "folder").symlink_to("../d")
    with pytest.raises(UsageError, match="data-linked-folder"):
        snapshot(any_project, ("data/f",))
    assert not list((root / "data").glob("*.dvc"))


SEGMENT = st.sampled_from(["a", "b", "*", "a*", "?", "[ab]", "**", "ab", "\\a"])
RULE = st.builds(
    lambda sign, root, parts, end: sign + root + "/".join(parts) + end,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(SEGMENT, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
)
NOISE = st.text(alphabet="ab*?/!.[]\\# ", min_size=1, max_size=7).map(str.strip).filter(bool)
PATTERN = st.lists(RULE | NOISE, max_size=4)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    outer=PATTERN,
    inner=PATTERN,
    names=st.lists(st.sampled_from(["a", "b", "ab", ".b"]), min_size=1, max_size=3),
)
@example(outer=[], inner=["*/"], names=["a", "a"])
@example(outer=[], inner=["a/a", "**/"], names=["a"])
@example(outer=[], inner=["a", "!\\[a]"], names=["a"])
@example(outer=[], inner=["**", "!a"], names=["a"])
@example(outer=["a", "!a/"], inner=["!a"], names=["a"])
def test_any_rules_mean_what_they_mean_to_dvc(
    tmp_path: Path, outer: list[str], inner: list[str], names: list[str]
) -> None:
    from dvc.fs import LocalFileSystem
    from dvc.ignore import DvcIgnoreFilter

    if {".", ".."} & set(names):
        return
    root = tmp_path / "rules"
    shutil.rmtree(root, ignore_errors=True)
    (root / "a").mkdir(parents=True)
    (root / ".dvcignore").write_text("\n".join(outer))
    (root / "a" / ".dvcignore").write_text("\n".join(inner))
    path = "/".join(["a", *names])
    try:
        theirs = DvcIgnoreFilter(LocalFileSystem(), str(root))
        expected = theirs.is_ignored_file(str(root / path)) or any(
            theirs.is_ignored_dir(str(root / "/".join(["a", *names[:count]]))) for count in range(len(names))
        )
    except (ValueError, KeyError, IndexError, AttributeError):
        return  # DVC itself breaks on these rules
    try:
        ours = is_ignored(root, path, is_folder=False)
    except ValueError:
        return
    assert ours == expected, (outer, inner, path)


NAME = st.text(
    alphabet=string.printable.translate({ord(c): None for c in "/\n\r\x0b\x0c\t"}) + "値é", min_size=1, max_size=90
)


@settings(max_examples=120, deadline=None)
@given(
    name=NAME,
    md5=st.text(alphabet="0123456789abcdef", min_size=32, max_size=32)
    | st.from_regex(r"[0-9]{10}e[0-9]{21}", fullmatch=True),
)
def test_any_pointer_is_worded_as_dvc_words_it(name: str, md5: str) -> None:
    from dvc.utils.serialize import dumps_yaml

    if name in (".", ".."):
        return
    pointer = write_pointer(f"data/{name}", f"{md5}.dir", 12, files=3)
    value = {"md5": f"{md5}.dir", "size": 12, "nfiles": 3, "hash": "md5", "path": name}
    assert pointer.text == dumps_yaml({"outs": [value]})
    assert parse_pointer(f"data/{name}", pointer.text) == pointer
