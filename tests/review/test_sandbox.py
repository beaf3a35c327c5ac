"""The child that opens models really is confined, and whatever ends it badly is no result."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from workbench.foundation.errors import IntegrityError, UnknownResultError
from workbench.foundation.store import Store
from workbench.review.sandbox import child as sandbox_child
from workbench.review.sandbox.sandbox import _environment, _read, run_child, run_sandboxed

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="namespaces and Landlock are Linux's")


def confined(tmp_path, body: str) -> subprocess.CompletedProcess[str]:
    """Run code as the sandbox's child would run it, after it confined itself."""
    for name in ("home", "out"):
        (tmp_path / name).mkdir()
    code = "from pathlib import Path\nfrom workbench.foundation.confinement import confine\n"
    code += f"scratch = Path({str(tmp_path)!r})\nheld = confine(scratch)\n" + textwrap.dedent(body)
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def require(held: str, done: subprocess.CompletedProcess[str]) -> None:
    if held not in done.stdout:
        pytest.skip(f"this system does not offer '{held}': {done.stdout}{done.stderr}")


@pytest.mark.checklist("S1-17")
@linux_only
def test_the_network_is_gone(tmp_path):
    done = confined(
        tmp_path,
        """
        import socket
        print(held)
        try:
            socket.create_connection(("127.0.0.1", 22), timeout=2)
        except OSError as error:
            print("refused", error)
        """,
    )
    require("no network", done)
    assert "unreachable" in done.stdout


@pytest.mark.checklist("S1-17")
@linux_only
def test_other_files_cannot_be_read_or_written(tmp_path, tmp_path_factory):
    secret = tmp_path_factory.mktemp("home") / "id_ed25519"
    secret.write_text("a private key")
    done = confined(
        tmp_path,
        f"""
        print(held)
        for mode in ("r", "w"):
            try:
                open({str(secret)!r}, mode)
                print("opened")
            except OSError as error:
                print(type(error).__name__)
        (scratch / "out" / "mine").write_text("allowed")
        """,
    )
    require("own files only", done)
    assert done.stdout.split()[-2:] == ["PermissionError", "PermissionError"], done.stdout + done.stderr
    assert secret.read_text() == "a private key"
    assert (tmp_path / "out" / "mine").read_text() == "allowed"


@pytest.mark.checklist("S1-17")
def test_memory_and_file_size_have_an_end(tmp_path):
    done = confined(
        tmp_path,
        """
        import resource
        print(held, resource.getrlimit(resource.RLIMIT_FSIZE)[0], resource.getrlimit(resource.RLIMIT_CORE)[0])
        try:
            bytearray(64 << 30)
        except MemoryError:
            print("no memory")
        """,
    )
    require("limits,", done) if sys.platform == "linux" else None
    assert "no memory" in done.stdout
    assert f"{1 << 30} 0" in done.stdout


def test_the_child_inherits_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    done = confined(tmp_path, "import os; print(sorted(os.environ))")
    assert "AWS" not in done.stdout
    assert str(tmp_path) not in done.stdout


def test_a_crash_is_no_result(tmp_path, models):
    store = Store(tmp_path / "store")
    digest = store.put_tree(models.good)
    with pytest.raises(UnknownResultError, match="sandbox-crashed"):
        run_sandboxed(store, digest, "no-such-task")


def test_a_model_that_takes_too_long_is_no_result(tmp_path, models):
    store = Store(tmp_path / "store")
    digest = store.put_tree(models.good)
    with pytest.raises(UnknownResultError, match="sandbox-timeout"):
        run_sandboxed(store, digest, "examine", arguments={"file": "model.onnx"}, timeout_s=0.05)


def test_an_answer_that_is_none_is_no_result(tmp_path):
    for content in (None, b"", b"[]", b'{"fault": ""}', b"\xff"):
        if content is not None:
            (tmp_path / "result.json").write_bytes(content)
        with pytest.raises(UnknownResultError, match="sandbox-crashed"):
            _read(tmp_path)
    (tmp_path / "result.json").write_bytes(b'{"isolation": "limits"}')
    np.savez(tmp_path / "result.npz", evil=np.array([print], dtype=object))
    with pytest.raises(UnknownResultError, match="sandbox-crashed"):
        _read(tmp_path)


def test_an_answer_is_a_plain_file_of_the_childs_own(tmp_path):
    """The hole: a child that a model had taken over could have its parent read any file, or wait for ever."""
    honest = b'{"isolation": "limits", "token": "of somebody else"}'
    (tmp_path / "secret.json").write_bytes(honest)
    places = [tmp_path / name for name in ("pipe", "link", "bomb", "deep", "moved")]
    pipe, link, bomb, deep, moved = places
    for place in places[:-1]:
        place.mkdir()
    os.mkfifo(pipe / "result.json")
    (link / "result.json").symlink_to(tmp_path / "secret.json")
    (bomb / "result.json").write_bytes(honest)
    np.savez_compressed(bomb / "result.npz", zeros=np.zeros(1 << 20))
    (deep / "result.json").write_bytes(b"[" * 100_000)
    (tmp_path / "result.json").write_bytes(honest)
    moved.symlink_to(tmp_path)
    for place in places:
        with ThreadPoolExecutor(1) as reader, pytest.raises(UnknownResultError, match="sandbox-crashed"):
            waited = reader.submit(_read, place)
            try:
                waited.result(timeout=10)
            except TimeoutError:
                (place / "result.json").open("wb").close()  # lets the reader go, whose wait has no end
                pytest.fail(f"{place.name} is waited for without an end")


def test_a_killed_child_is_no_result(tmp_path, monkeypatch):
    """The child is a real process that kills itself, as the kernel does when memory runs out."""
    (tmp_path / "home").mkdir()
    package = tmp_path / "code" / "workbench" / "review" / "sandbox"
    package.mkdir(parents=True)
    for folder in (package.parent.parent, package.parent, package):
        (folder / "__init__.py").write_text("")
    (package / "child.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    environment = {**_environment(tmp_path), "PYTHONPATH": str(tmp_path / "code")}
    monkeypatch.setattr("workbench.review.sandbox.sandbox._environment", lambda _scratch: environment)
    with pytest.raises(UnknownResultError, match="signal 9"):
        run_child("workbench.review.sandbox.child", tmp_path, 30, "The model")


def test_changed_bytes_are_not_even_given_to_the_child(tmp_path, models):
    store = Store(tmp_path / "store")
    digest = store.put_tree(models.good)
    entry = next(entry for entry in store.tree(digest) if entry.path == "model.onnx")
    path = store.path_of(entry.digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="bytes-changed"):
        run_sandboxed(store, digest, "examine", arguments={"file": "model.onnx"})


def test_the_child_confines_itself_before_it_imports_anything_heavy():
    with open(sandbox_child.__file__, encoding="utf-8") as stream:
        source = stream.read()
    assert source.index("confine(scratch)") < source.index("import numpy")
