"""Data of a far job: which is needed, where it can be had, and that what cannot be had is said before."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.data.storage import S3_KEYS, add_s3, configure, s3
from tests.notebooks import write_notebook
from workbench.data.places import bucket_of
from workbench.data.remotes import push
from workbench.data.versions import snapshot
from workbench.execute.notebook import read_notebook
from workbench.execute.references import data_entries, needed_pointers
from workbench.foundation.errors import UsageError
from workbench.foundation.project import Project

__all__ = ["s3"]
NAMES = ("data/train.csv", "data/train.csv.old.csv", "data/other.csv", "data/images", "raw.parquet")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Project:
    """A project with versioned data and no remote."""
    root = tmp_path_factory.mktemp("project")
    (root / "workbench.toml").write_text('[project]\nname = "demo"\n')
    (root / "data" / "images" / "sub").mkdir(parents=True)
    (root / "data" / "images" / "cat.txt").write_text("cat")
    (root / "data" / "images" / "sub" / "dog.txt").write_text("doggy")
    for name in ("data/train.csv", "data/other.csv", "data/train.csv.old.csv", "raw.parquet"):
        (root / name).write_text(f"a\n{name}\n")
    (root / "data" / "train.csv").chmod(0o755)
    project = Project.open(root, actor="ada@example.org")
    snapshot(project, NAMES)
    return project


@pytest.fixture
def project(made, tmp_path) -> Project:
    shutil.copytree(made.root, tmp_path / "project")
    return Project.open(tmp_path / "project", actor="ada@example.org")


def needed(project: Project, source: str, **values: object) -> set[str]:
    notebook = read_notebook(write_notebook(project.root / "notebooks" / "a.ipynb", source))
    return {pointer.path for pointer in needed_pointers(project, project.root, notebook, values)}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("pd.read_csv('../data/train.csv')", {"data/train.csv"}),
        ("pd.read_csv(ROOT / 'train.csv')", {"data/train.csv"}),
        ('pd.read_csv("data/other.csv")', {"data/other.csv"}),
        ("open('../data/images/sub/dog.txt')", {"data/images"}),
        ("list(Path('data/images').iterdir())", {"data/images"}),
        ("images = 3", set()),
        ("retrain.csv_dialect = 1; x = 'mytrain.csv'; y = 'train.csvx'", set()),
        ("pd.read_parquet('../raw.parquet')", {"raw.parquet"}),
        ("print('nothing')", set()),
    ],
)
def test_what_the_source_mentions_is_needed(project, source, found) -> None:
    assert needed(project, source) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("data/train.csv", {"data/train.csv"}),
        ("../data/train.csv", {"data/train.csv"}),
        ("data/images/cat.txt", {"data/images"}),
        ("data", {"data/train.csv", "data/train.csv.old.csv", "data/other.csv", "data/images"}),
        (["x", "../raw.parquet"], {"raw.parquet"}),
        ({"train": "data/train.csv"}, {"data/train.csv"}),
        ("../../../etc/passwd", set()),
        ("a" * 5000, set()),
        (3, set()),
    ],
)
def test_what_a_parameter_names_is_needed(project, value, found) -> None:
    assert needed(project, "1", path=value) == found


def entries(project: Project, source: str, *data_sources: str) -> list[dict]:
    notebook = read_notebook(write_notebook(project.root / "notebooks" / "a.ipynb", source))
    return data_entries(project, project.root, notebook, {}, data_sources)


def test_a_folder_remote(project, tmp_path) -> None:
    configure(project, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    push(project, ("data/train.csv", "data/images"))
    train, images = sorted(entries(project, "'data/train.csv', 'data/images/'"), key=lambda e: e["path"], reverse=True)
    (file,) = train["files"]
    assert (train["path"], file["path"], file["bytes"]) == ("data/train.csv", "data/train.csv", 17)
    assert file["is_executable"]
    assert train["version"].startswith("data/train.csv@")
    (source,) = file["sources"]
    assert Path(source).read_text() == "a\ndata/train.csv\n"
    assert {f["path"]: Path(f["sources"][0]).read_text() for f in images["files"]} == {
        "data/images/cat.txt": "cat",
        "data/images/sub/dog.txt": "doggy",
    }


def test_what_was_not_pushed_is_said_before(project, tmp_path) -> None:
    with pytest.raises(UsageError) as caught:
        entries(project, "'data/train.csv'")
    assert caught.value.code == "data-not-pushed"
    assert "dvc remote add" in caught.value.hint
    configure(project, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    push(project, ("data/other.csv",))
    with pytest.raises(UsageError) as caught:
        entries(project, "'data/train.csv', 'data/other.csv'")
    assert caught.value.hint == "mlops data push 'data/train.csv'"
    assert len(entries(project, "'data/other.csv'")) == 1
    assert entries(project, "no data") == []


def test_the_targets_own_sources_come_first(project, tmp_path) -> None:
    configure(project, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    configure(project, "remote", "add", "spare", str(tmp_path / "spare"))
    push(project, ("data/train.csv",))
    push(project, ("data/train.csv",), remote="spare")
    (entry,) = entries(project, "'data/train.csv'", "/mnt/near", "https://mirror/dvc", "spare")
    near = [source.partition("/files/")[0] for source in entry["files"][0]["sources"]]
    assert near[:4] == ["/mnt/near", "https://mirror/dvc", str(tmp_path / "spare"), str(tmp_path / "remote")]
    with pytest.raises(UsageError) as caught:
        entries(project, "'data/train.csv'", "spere")
    assert (caught.value.code, caught.value.hint) == ("data-source-unknown", "did you mean 'spare'?")


def test_remotes_that_need_a_client_or_a_password_are_no_source(project) -> None:
    configure(project, "remote", "add", "a", "ssh://host/folder")
    configure(project, "remote", "add", "b", "https://host/folder")
    configure(project, "remote", "modify", "--local", "b", "password", "hush-hush")
    configure(project, "remote", "add", "c", "https://ada:hush-hush@host/folder")
    with pytest.raises(UsageError, match="data-not-pushed"):
        entries(project, "'data/train.csv'")


@pytest.fixture
def web(tmp_path):
    """A web server over what lies in a folder."""
    (tmp_path / "remote").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "remote"))
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_web_remote(project, tmp_path, web) -> None:
    configure(project, "remote", "add", "upload", str(tmp_path / "remote"))
    push(project, ("data/train.csv",), remote="upload")
    configure(project, "remote", "remove", "upload")
    configure(project, "remote", "add", "--default", "web", web)
    (entry,) = entries(project, "'data/train.csv'")
    (source,) = entry["files"][0]["sources"]
    assert urllib.request.urlopen(source).read() == b"a\ndata/train.csv\n"
    with pytest.raises(UsageError, match="data-not-pushed"):
        entries(project, "'data/other.csv'")


def test_a_bucket_is_read_and_written_by_signed_addresses(project, s3, monkeypatch) -> None:
    import boto3

    for name in ("AWS_PROFILE", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1", **S3_KEYS)
    client.create_bucket(Bucket="data")
    add_s3(project, s3)
    push(project, ("data/train.csv",))
    found = entries(project, "'data/train.csv'")
    (source,) = found[0]["files"][0]["sources"]
    assert "X-Amz-Signature" in source
    assert urllib.request.urlopen(source).read() == b"a\ndata/train.csv\n"
    assert "hush-hush" not in json.dumps(found)
    with pytest.raises(UsageError, match="data-not-pushed"):
        entries(project, "'data/other.csv'")
    bucket = bucket_of(project, "cloud")
    address = bucket.signed("put_object", "results/jb-1/output.ipynb")
    headers = {"Content-Type": "application/octet-stream"}
    urllib.request.urlopen(urllib.request.Request(address, data=b"executed", method="PUT", headers=headers))
    assert client.get_object(Bucket="data", Key="project/results/jb-1/output.ipynb")["Body"].read() == b"executed"
