import errno
import os
from pathlib import Path

import pytest

from workbench.foundation.canonical import canonical_json, digest_bytes, digest_json
from workbench.foundation.errors import IntegrityError, NotFoundError, StorageError, UsageError
from workbench.foundation.store import Store, digest_tree


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    (root / "inner").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"a")
    (root / "inner" / "b.bin").write_bytes(b"\x00" * 3_000_000)
    return root


def test_bytes_come_back(store: Store) -> None:
    assert store.read(store.put_bytes(b"hello")) == b"hello"


def test_a_tree_is_named_by_its_content(store: Store, folder: Path, tmp_path: Path) -> None:
    digest = store.put_tree(folder)
    assert store.put_tree(folder) == digest
    copy = store.export_tree(digest, tmp_path / "copy")
    assert (copy / "inner" / "b.bin").read_bytes() == (folder / "inner" / "b.bin").read_bytes()
    (folder / "a.txt").write_bytes(b"b")
    assert store.put_tree(folder) != digest
    assert store.put_tree(folder, exclude=frozenset({"a.txt"})) not in (digest, store.put_tree(folder))


@pytest.mark.checklist("S1-16")
def test_changed_bytes_are_never_handed_out(store: Store) -> None:
    digest = store.put_bytes(b"approved")
    path = store.path_of(digest)
    path.chmod(0o644)
    path.write_bytes(b"swapped!")
    with pytest.raises(IntegrityError, match="bytes-changed"):
        store.read(digest)


def test_unknown_and_malformed_digests_are_told_apart(store: Store) -> None:
    with pytest.raises(NotFoundError, match="digest-unknown"):
        store.read(digest_bytes(b"never stored"))
    for bad in ("", "sha256:xyz", "md5:" + "0" * 64, "sha256:" + "G" * 64, "sha256:../../etc/passwd"):
        with pytest.raises(UsageError, match="digest-malformed"):
            store.read(bad)


def test_what_a_tree_does_not_hold_is_named(store: Store, folder: Path) -> None:
    digest = store.put_tree(folder)
    assert store.read_tree_file(digest, "a.txt") == b"a"
    with pytest.raises(NotFoundError) as caught:
        store.read_tree_file(digest, "reference.json")
    assert caught.value.code == "file-not-in-tree"
    assert "'reference.json'" in caught.value.message
    assert caught.value.hint == "see what the run holds: mlops runs show <run>"


def test_a_link_is_refused(store: Store, folder: Path) -> None:
    (folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(UsageError, match="link-in-tree"):
        store.put_tree(folder)


@pytest.mark.parametrize("read", ["digest", "keep"])
def test_a_file_that_goes_away_while_its_folder_is_read(store, folder, monkeypatch, read) -> None:
    real = Path.lstat

    def then_gone(path: Path) -> os.stat_result:
        found = real(path)
        if path.name == "a.txt":
            path.unlink()
        return found

    monkeypatch.setattr(Path, "lstat", then_gone)
    with pytest.raises(UsageError, match="folder-changing"):
        store.put_tree(folder) if read == "keep" else digest_tree(folder)
    assert not list((store.root / "staging").glob("*"))


def test_what_is_neither_file_nor_folder_is_refused(store, folder) -> None:
    os.mkfifo(folder / "inner" / "pipe")
    with pytest.raises(UsageError, match="file-special"):
        store.put_tree(folder)


@pytest.mark.parametrize("where", [".", "inner"])
def test_a_folder_that_may_not_be_listed_is_not_passed_over(folder, monkeypatch, where) -> None:
    """Whoever verifies a folder must not see less of it than the server that opens it, who may be somebody else."""
    real = os.scandir

    def refuse(path):
        if Path(path) == folder / where:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may list anything
    with pytest.raises(StorageError, match="file-not-readable"):
        digest_tree(folder)


def test_a_path_that_leaves_the_tree_is_refused(store: Store, tmp_path: Path) -> None:
    blob = store.put_bytes(b"x")
    evil = store.put_bytes(canonical_json({"files": [{"path": "../evil", "size": 1, "digest": blob}]}))
    with pytest.raises(IntegrityError, match="path-escapes"):
        store.export_tree(evil, tmp_path / "out")
    assert not (tmp_path / "evil").exists()


def test_a_blob_that_is_no_tree_is_said(store: Store) -> None:
    with pytest.raises(IntegrityError, match="manifest-malformed"):
        store.tree(store.put_bytes(b"[1, 2]"))


def test_a_full_disk_leaves_the_store_unchanged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = store.put_bytes(b"kept")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="disk-full"):
        store.put_bytes(b"lost")
    monkeypatch.undo()
    assert store.read(kept) == b"kept"
    assert [p for p in store.root.rglob("*") if p.is_file()] == [store.path_of(kept)]


def test_canonical_json_is_one_form() -> None:
    assert canonical_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))
