"""Dataset versions to remotes and back: a folder, and S3 as moto's server speaks it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.data.conftest import make_project
from tests.data.storage import S3_KEYS, add_s3, configure, s3
from tests.targets.sshd import free_port
from workbench.data.remotes import exposed_secrets, pull, push
from workbench.data.versions import list_versions, restore, snapshot, verify_versions
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, StorageError, UnavailableError
from workbench.foundation.project import Project
from workbench.project.doctor import find_faults

__all__ = ["s3"]
CSV = "data/readings.csv"


@pytest.fixture
def stored(project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Path]:
    """A project with two versions of a table, a folder, and a remote that is a folder elsewhere."""
    (project.root / "images").mkdir()
    for number in range(3):
        (project.root / "images" / f"{number}.bin").write_bytes(bytes([number]) * 100)
    snapshot(project, (CSV, "images"), "first")
    (project.root / CSV).write_text("time,torque\n1,2\n")
    snapshot(project, (CSV,), "second")
    storage = tmp_path_factory.mktemp("storage")
    configure(project, "remote", "add", "--default", "storage", str(storage))
    return project, storage


def objects(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def lose_cache(project: Project) -> None:
    shutil.rmtree(project.root / ".dvc" / "cache")


def test_pushed_is_pulled_again(stored: tuple[Project, Path]) -> None:
    project, storage = stored
    sent = push(project)
    assert (sent.remote, sent.url, sent.objects) == ("storage", str(storage), 5)
    assert push(project).objects == 0
    assert len(objects(storage)) == 5
    expected = (project.root / CSV).read_bytes()
    lose_cache(project)
    (project.root / CSV).unlink()
    shutil.rmtree(project.root / "images")
    assert pull(project).objects == 5
    assert (project.root / CSV).read_bytes() == expected
    assert len(list((project.root / "images").iterdir())) == 3
    assert pull(project).objects == 0
    assert all(version.state == "whole" for version in verify_versions(project, ("images",)))


def test_every_version_can_be_sent_and_an_older_one_fetched_by_its_id(stored: tuple[Project, Path]) -> None:
    project, _ = stored
    assert push(project, (CSV,)).objects == 1
    sent = push(project, (CSV,), every_version=True)
    assert (len(sent.versions), sent.objects) == (2, 1)
    (old,) = [version for version in list_versions(project) if version.path == CSV and version.message == "first"]
    lose_cache(project)
    with pytest.raises(IntegrityError) as refusal:
        restore(project, old.id)
    assert refusal.value.hint == f"fetch it from the remote: mlops data pull '{old.id}'"
    pull(project, (old.id,))
    assert (project.root / CSV).stat().st_size == old.size


def test_damage_is_found_named_and_mended_from_the_remote(stored: tuple[Project, Path]) -> None:
    project, _ = stored
    push(project)
    (version,) = [v for v in list_versions(project) if v.path == "images"]
    broken = project.root / ".dvc" / "cache" / "files" / "md5"
    (victim,) = [p for p in broken.rglob("*") if p.is_file() and p.read_bytes() == b"\1" * 100]
    victim.chmod(0o644)
    victim.write_bytes(b"\1" * 99 + b"\2")
    victim.chmod(0o444)  # DVC trusts it again
    assert {v.version: v.state for v in verify_versions(project)}[version.id] == "damaged"
    shutil.rmtree(project.root / "images")
    with pytest.raises(IntegrityError, match="data-cache-damaged"):
        restore(project, version.id)
    assert pull(project, ("images",)).objects == 1
    assert (project.root / "images" / "1.bin").read_bytes() == b"\1" * 100
    assert {v.state for v in verify_versions(project)} == {"whole"}


def test_damaged_bytes_are_never_sent(stored: tuple[Project, Path]) -> None:
    project, storage = stored
    (version,) = [v for v in list_versions(project) if v.path == CSV and v.is_current]
    value = version.digest.removeprefix("md5:")
    path = project.root / ".dvc" / "cache" / "files" / "md5" / value[:2] / value[2:]
    path.chmod(0o644)
    path.write_bytes(b"X" * version.size)
    path.chmod(0o444)
    with pytest.raises(IntegrityError, match="data-cache-damaged"):
        push(project, (CSV,))
    assert objects(storage) == {}


def test_a_folder_with_damaged_bytes_replaces_nothing(stored: tuple[Project, Path]) -> None:
    project, storage = stored
    push(project)
    lose_cache(project)
    (project.root / CSV).unlink()
    for path in storage.rglob("*"):
        if path.is_file() and not path.name.endswith(".dir"):
            path.chmod(0o644)
            path.write_bytes(b"?" * path.stat().st_size)
    with pytest.raises(UnavailableError, match="remote-incomplete"):  # DVC hashes what a folder holds
        pull(project, (CSV,))
    assert not (project.root / CSV).exists()


def test_pull_never_overwrites_unsaved_work(stored: tuple[Project, Path]) -> None:
    project, _ = stored
    push(project)
    (project.root / CSV).write_text("precious\n")
    with pytest.raises(ConflictError, match="data-unsaved"):
        pull(project)
    assert (project.root / CSV).read_text() == "precious\n"


def test_remotes_that_are_missing_or_do_not_answer(stored: tuple[Project, Path]) -> None:
    project, storage = stored
    with pytest.raises(NotFoundError) as unknown:
        push(project, remote="storag")
    assert (unknown.value.code, unknown.value.hint) == ("remote-missing", "did you mean 'storage'?")
    with pytest.raises(NotFoundError, match="version-unknown"):
        push(project, ("data/nothing.csv",))
    lose_cache(project)
    with pytest.raises(UnavailableError, match="remote-incomplete"):
        pull(project)
    assert storage.is_dir()
    configure(project, "config", "--unset", "core.remote")
    with pytest.raises(NotFoundError, match="no default remote"):
        pull(project)


def test_a_secret_in_the_committed_configuration_is_a_finding(project: Project) -> None:
    snapshot(project, (CSV,))
    configure(project, "remote", "add", "cloud", "s3://bucket/path")
    configure(project, "remote", "modify", "--local", "cloud", "secret_access_key", "hidden-well")
    assert exposed_secrets(project) == ()
    configure(project, "remote", "modify", "cloud", "secret_access_key", "in-the-open")
    configure(project, "remote", "add", "web", "https://ada:in-the-open@example.org/data")
    assert exposed_secrets(project) == ("remote.cloud.secret_access_key", "remote.web.url")
    said = [finding for finding in find_faults(project) if finding.name == "data-secret"]
    assert len(said) == 2
    assert not any("in-the-open" in finding.message + finding.hint for finding in said)


def test_s3(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    for name in ("AWS_PROFILE", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1", **S3_KEYS)
    client.create_bucket(Bucket="data")
    projects = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        project = make_project(tmp_path / name)
        projects.append(project)
        if name == "one":
            snapshot(project, (CSV,))
        else:
            shutil.copytree(projects[0].root / ".dvc", project.root / ".dvc", ignore=lambda *_: ["cache", "tmp"])
            shutil.copy(projects[0].root / f"{CSV}.dvc", project.root / f"{CSV}.dvc")
            (project.root / CSV).unlink()
        add_s3(project, s3)
    one, two = projects
    sent = push(one)
    assert (sent.url, sent.objects) == ("s3://data/project", 1)
    assert push(one).objects == 0
    (key,) = [found["Key"] for found in client.list_objects_v2(Bucket="data")["Contents"]]
    whole = client.get_object(Bucket="data", Key=key)["Body"].read()
    client.put_object(Bucket="data", Key=key, Body=b"?" * len(whole))
    with pytest.raises(IntegrityError, match="data-cache-damaged"):  # DVC believes what S3 has
        pull(two)
    assert not (two.root / CSV).exists()
    client.put_object(Bucket="data", Key=key, Body=whole)
    assert pull(two).objects == 1
    assert (two.root / CSV).read_bytes() == (one.root / CSV).read_bytes()
    assert exposed_secrets(one) == ()
    configure(two, "remote", "modify", "cloud", "endpointurl", f"http://127.0.0.1:{free_port()}")
    configure(two, "remote", "modify", "cloud", "connect_timeout", "1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(UnavailableError) as refusal:
        push(two)
    assert refusal.value.code == "remote-unreachable"
    assert "hush" not in str(refusal.value)
    assert os.environ.get("AWS_SECRET_ACCESS_KEY") is None


@pytest.mark.parametrize("damage", ["folder", "noise"])
def test_dvcs_notes_that_cannot_be_written_are_named_and_made_anew(stored, tmp_path, monkeypatch, damage):
    project, storage = stored
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "notes"))
    push(project)
    found = sorted((tmp_path / "notes").rglob("cache.db"))
    assert found
    for path in found:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        if damage == "folder":
            path.mkdir()
        else:
            path.write_bytes(b"no database at all " * 500)
    (project.root / CSV).write_text("time,torque\n1,3\n")
    snapshot(project, (CSV,), "third")
    before, head = objects(storage), project.journal.head()
    with pytest.raises(StorageError) as refusal:
        push(project)
    assert refusal.value.code == "data-unwritable"
    assert (objects(storage), project.journal.head()) == (before, head)
    words = shlex.split(refusal.value.hint.rpartition(": ")[2])
    assert words == ["rm", "-r", str(tmp_path / "notes" / "repo")]
    subprocess.run(words, check=True)
    push(project)
    assert len(objects(storage)) > len(before)
