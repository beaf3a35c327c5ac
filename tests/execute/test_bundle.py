"""What travels with a notebook, and above all what does not."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from tests.notebooks import write_notebook
from workbench.execute import bundle
from workbench.execute.bundle import make_bundle, show_bundle
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError
from workbench.foundation.project import Project

A = "notebooks/a.ipynb"
LIMIT = 10_000_000
MD5 = "0123456789abcdef0123456789abcdef"
SECRETS = (
    ".env", ".env.local", ".envrc", "deploy/id_ed25519", "certs/server.pem", "certs/server.key", "credentials.json",
    ".netrc", ".aws/config", "conf/.git-credentials",
)  # fmt: skip


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture(params=["git", "without-git"])
def root(request, tmp_path) -> Path:
    """A project with code, data that a ``.dvc`` file names, secrets and rubbish."""
    write_notebook(tmp_path / A, "print(1)")
    write(
        tmp_path,
        {
            "workbench.toml": '[project]\nname = "demo"\n',
            "src/lib.py": "x = 1\n",
            "data/small.csv": "a\n1\n",
            "data/big.csv": "a\n" + "1\n" * 50_000,
            "data/big.csv.dvc": f"outs:\n- md5: {MD5}\n  size: 1\n  hash: md5\n  path: big.csv\n",
            "data/images.dvc": f"outs:\n- md5: {MD5}.dir\n  size: 1\n  nfiles: 1\n  hash: md5\n  path: images\n",
            "data/images/cat.txt": "cat",
            ".dvc/config": "[core]\n    analytics = False\n",
            ".dvc/config.local": "['remote \"s\"']\n    password = hush-hush\n",
            ".dvc/cache/files/md5/01/23": "cached",
            ".workbench/journal.db": "mine",
            "src/__pycache__/lib.pyc": "junk",
            **dict.fromkeys(SECRETS, "hush-hush"),
        },
    )
    if request.param == "git":
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        (tmp_path / ".gitignore").write_text(".workbench/\n__pycache__/\nignored.txt\n")
        (tmp_path / "ignored.txt").write_text("no")
        # Somebody has put a secret and the data under Git: that does not send them anywhere.
        subprocess.run(["git", "-C", str(tmp_path), "add", "-f", ".env", "data/big.csv", "src"], check=True)
    return tmp_path


def unpacked(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: archive.extractfile(m).read() if m.isfile() else m.linkname for m in archive}


def test_it_holds_the_projects_files_and_no_secret(root) -> None:
    bundle = make_bundle(root, A, LIMIT)
    files = unpacked(bundle.data)
    wanted = {A, "workbench.toml", "src/lib.py", "data/small.csv", "data/big.csv.dvc", "data/images.dvc", ".dvc/config"}
    assert wanted <= set(files)
    assert set(files) - wanted <= {".gitignore"}
    assert set(bundle.files) == set(files)
    for planted in SECRETS:
        assert bundle.left_out[planted] == "named like a secret"
    assert bundle.left_out["data/big.csv"] == "data: travels as a reference"
    assert b"hush-hush" not in b"".join(files.values())


def test_a_planted_secret_is_found_by_this_test(root) -> None:
    """The look above would see one: a file that is not named like a secret does travel."""
    (root / "src" / "notes.txt").write_text("hush-hush")
    assert b"hush-hush" in b"".join(unpacked(make_bundle(root, A, LIMIT).data).values())


@pytest.mark.parametrize("line", ["    password = hush\n", "    url = https://ada:hush@example.org/x\n"])
def test_dvcs_configuration_stays_where_it_holds_a_credential(root, line) -> None:
    (root / ".dvc" / "config").write_text("['remote \"s\"']\n" + line)
    bundle = make_bundle(root, A, LIMIT)
    assert bundle.left_out[".dvc/config"] == "holds a credential"


def test_equal_files_are_equal_bytes(root) -> None:
    first = make_bundle(root, A, LIMIT)
    os.utime(root / "src" / "lib.py", (1, 1))
    assert make_bundle(root, A, LIMIT).data == first.data
    (root / "src" / "lib.py").write_text("x = 2\n")
    assert make_bundle(root, A, LIMIT).digest != first.digest


def test_a_bit_that_makes_a_file_run_travels(root) -> None:
    (root / "src" / "run.sh").write_text("#!/bin/sh\n")
    (root / "src" / "run.sh").chmod(0o755)
    with tarfile.open(fileobj=io.BytesIO(make_bundle(root, A, LIMIT).data)) as archive:
        assert {m.name: m.mode for m in archive if m.name.startswith("src/")} == {
            "src/lib.py": 0o644,
            "src/run.sh": 0o755,
        }


def test_links_stay_inside(root, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "theirs.txt").write_text("theirs")
    (root / "out.txt").symlink_to(elsewhere / "theirs.txt")
    (root / "out").symlink_to(elsewhere)
    (root / "nowhere").symlink_to("gone")
    (root / "same.py").symlink_to("src/lib.py")
    (root / "code").symlink_to("src")
    bundle = make_bundle(root, A, LIMIT)
    files = unpacked(bundle.data)
    assert files["same.py"] == b"x = 1\n"
    assert files["code"] == "src"
    assert {bundle.left_out[name] for name in ("out.txt", "out", "nowhere")} == {"a link that leads out of the project"}
    assert b"theirs" not in b"".join(value for value in files.values() if isinstance(value, bytes))


def test_a_harmless_name_gets_no_secret_and_no_data_out(root) -> None:
    links = {
        "settings.txt": (".env", "named like a secret"),
        "src/keys.txt": ("../deploy/id_ed25519", "named like a secret"),
        "twice.txt": ("settings.txt", "named like a secret"),
        "remote.txt": (".dvc/config.local", "made anew on every machine"),
        "journal.txt": (".workbench/journal.db", "made anew on every machine"),
        "big.txt": ("data/big.csv", "data: travels as a reference"),
        "cat.txt": ("data/images/cat.txt", "data: travels as a reference"),
        "dvc.txt": (".dvc/config", "holds a credential"),
    }
    for name, (leads_to, _) in links.items():
        (root / name).symlink_to(leads_to)
    (root / ".dvc" / "config").write_text("    password = hush-hush\n")
    (root / "pictures").symlink_to("data/images")
    bundle = make_bundle(root, A, LIMIT)
    files = unpacked(bundle.data)
    assert not links.keys() & files.keys()
    assert [name for name, (_, reason) in links.items() if not bundle.left_out[name].endswith(reason)] == []
    assert bundle.left_out["twice.txt"] == "a link to .env: named like a secret"
    assert files["pictures"] == "data/images"
    assert b"hush-hush" not in b"".join(value for value in files.values() if isinstance(value, bytes))


def test_a_folder_that_became_a_link_brings_no_secret(root) -> None:
    (root / "conf2").mkdir()
    (root / "conf2" / "config").write_text("harmless")
    subprocess.run(["git", "-C", str(root), "add", "conf2/config"], check=False)
    shutil.rmtree(root / "conf2")
    (root / "conf2").symlink_to(".aws")
    files = unpacked(make_bundle(root, A, LIMIT).data)
    assert "conf2/config" not in files
    assert b"hush-hush" not in b"".join(value for value in files.values() if isinstance(value, bytes))


def test_too_large_names_the_largest_and_what_mends_it(root) -> None:
    for number, size in enumerate((3_000, 9_000, 5_000, 1_000)):
        (root / f"f{number}.bin").write_bytes(os.urandom(size))
    with pytest.raises(UsageError) as caught:
        make_bundle(root, A, 15_000)
    assert caught.value.code == "bundle-too-large"
    assert "f1.bin" in caught.value.message
    assert "f2.bin" in caught.value.message
    assert "f3.bin" not in caught.value.message
    assert "mlops data snapshot 'f1.bin'" in caught.value.hint
    assert ".gitignore" in caught.value.hint


def test_a_file_that_git_still_has_but_that_is_gone(root) -> None:
    (root / "src" / "lib.py").unlink()
    assert "src/lib.py" not in make_bundle(root, A, LIMIT).files


def test_a_file_that_goes_away_while_it_is_packed(root, monkeypatch) -> None:
    packed = bundle._packed

    def later(folder: Path, names: list[str]) -> bytes:
        (folder / "src" / "lib.py").unlink()  # an editor that saves by replacing, at the worst moment
        return packed(folder, names)

    with monkeypatch.context() as patch, pytest.raises(ConflictError) as refusal:
        patch.setattr(bundle, "_packed", later)
        make_bundle(root, A, LIMIT)
    assert (refusal.value.code, "src/lib.py" in refusal.value.message) == ("file-changing", True)
    assert refusal.value.hint == "run the command again"
    assert "src/lib.py" not in make_bundle(root, A, LIMIT).files, "and again it is packed as it is now"


def test_a_project_below_the_top_of_its_repository(tmp_path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    write(tmp_path, {"other/secret-plan.txt": "x", "mine/src/lib.py": "x = 1"})
    write_notebook(tmp_path / "mine" / A, "1")
    assert set(make_bundle(tmp_path / "mine", A, LIMIT).files) == {A, "src/lib.py"}


def test_a_project_that_its_repository_ignores(tmp_path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    write(tmp_path, {".gitignore": "mine/\n", "mine/src/lib.py": "x = 1"})
    write_notebook(tmp_path / "mine" / A, "1")
    assert set(make_bundle(tmp_path / "mine", A, LIMIT).files) == {A, "src/lib.py"}


def test_it_is_quick(root) -> None:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        make_bundle(root, A, LIMIT)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.1


def test_it_is_shown_before_it_is_sent(root) -> None:
    card = show_bundle(Project.open(root), A)
    bundle = make_bundle(root, A, LIMIT)
    assert (card.digest, card.bytes, card.files) == (bundle.digest, bundle.bytes, len(bundle.files))
    assert card.left_out[".env"] == "named like a secret"
    assert card.unpacked_bytes == sum(bundle.files.values())
    with pytest.raises(UsageError, match="bundle-too-large"):
        show_bundle(Project.open(root), A, limit_mb=0.0001)
    with pytest.raises(NotFoundError, match="notebook-missing"):
        show_bundle(Project.open(root), "notebooks/b.ipynb")
