"""The life of the process: exit codes, the token, the drain, one runner per channel, a full disk."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import time

import pytest

ROW = [0.9, -0.2, 0.4]
CHANNEL = "fault@production"
BODY = json.dumps({"inputs": [ROW]}).encode()


def run_to_end(site, *options):
    command = [sys.executable, "-m", "workbench.serving.runner", str(site.project.root), CHANNEL, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


def test_exit_codes(site, kit):
    assert run_to_end(site, "--once")[0] == 4
    grant = site.grant(kit.plain)
    site.release(grant)
    assert run_to_end(site, "--once")[0] == 0
    blob = site.project.store.path_of(site.project.store.tree(grant.model_digest)[0].digest)
    blob.chmod(0o644)
    blob.write_bytes(b"tampered")
    assert run_to_end(site, "--once")[0] == 5
    code, said = run_to_end(site, "--strict")
    assert code == 5
    assert "bytes-changed" in said


def test_it_listens_beyond_loopback_only_with_a_token(site, kit):
    code, said = run_to_end(site, "--host", "0.0.0.0")
    assert code == 1
    assert "token-needed" in said
    site.release(site.grant(kit.plain))
    with site.run("--host", "0.0.0.0", env={"WORKBENCH_RUNNER_TOKEN": "s3cret"}) as running:
        request = {"inputs": [ROW]}
        assert running.ask("POST", "/invocations", request)[0] == 401
        assert running.ask("POST", "/invocations", request, authorization="Bearer wrong")[0] == 401
        assert running.ask("POST", "/invocations", request, authorization="Bearer s3cret")[0] == 200
        assert running.ask("GET", "/metrics")[0] == 401
        assert running.ask("GET", "/ping")[0] == 200


def test_a_second_runner_and_a_taken_port_are_refused(site, kit):
    with site.run() as running:
        code, said = run_to_end(site)
        assert (code, "lease-held" in said) == (2, True)
        command = [sys.executable, "-m", "workbench.serving.runner", str(site.project.root), "other@production"]
        done = subprocess.run([*command, "--port", str(running.port)], capture_output=True, check=False, timeout=30)
        assert (done.returncode, b"address-taken" in done.stderr) == (3, True)


def test_stopping_finishes_what_was_begun(site, kit):
    site.release(site.grant(kit.plain))
    with site.run() as running:
        idle = socket.create_connection(("127.0.0.1", running.port))
        begun = socket.create_connection(("127.0.0.1", running.port))
        begun.sendall(b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY[:7])
        asked = socket.create_connection(("127.0.0.1", running.port))
        asked.sendall(b"GET /ping HTTP/1.1\r\n")
        time.sleep(0.2)
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert idle.recv(100) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", running.port))
        begun.sendall(BODY[7:])
        answer = begun.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"connection: close" in answer
        asked.sendall(b"host: x\r\n\r\n")
        refusal, _, problem = asked.recv(65536).partition(b"\r\n\r\n")
        assert refusal.startswith(b"HTTP/1.1 503 "), refusal
        assert json.loads(problem)["code"] == "runner-stopping"
        assert json.loads(problem)["hint"].endswith(f"start it again: mlops serve {CHANNEL}")
        assert running.process.wait(10) == 0
        assert not (running.state_dir / "runners" / f"{CHANNEL}.json").exists()
        assert not (running.state_dir / "leases" / f"runner-{CHANNEL}").exists()
        idle.close()
        begun.close()
        asked.close()


def test_a_full_disk_stops_the_log_and_not_the_answers(site, kit):
    site.release(site.grant(kit.plain))
    with site.run() as running:
        running.predict([ROW] * 10)
        running.until(lambda figures: figures["logged_rows"] == 10)
        unlimited = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (10 * 24 + 30, unlimited[1]))
        assert running.predict([ROW] * 20)[0] == ["broken"] * 20
        figures = running.until(lambda found: found["dropped_rows"] == 20)
        assert figures["log_fault"]
        assert running.predict([ROW])[0] == ["broken"]
        assert b"workbench_runner_log_off 1" in running.ask("GET", "/metrics")[2]
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, unlimited)
        deadline = time.monotonic() + 15
        while running.figures()["logged_rows"] == 10 and time.monotonic() < deadline:
            running.predict([ROW])
            time.sleep(0.1)
        figures = running.until(lambda found: found["logged_rows"] + found["dropped_rows"] == found["rows"])
        assert figures["log_fault"] == ""
    files = list((running.state_dir / "predictions" / CHANNEL).glob("*/*.rows"))
    assert all(file.stat().st_size % 24 == 0 for file in files)
    assert sum(file.stat().st_size // 24 for file in files) >= figures["logged_rows"] > 10


def test_it_imports_nothing_heavy():
    code = "import sys, workbench.serving.runner.__main__; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {
        "mlflow",
        "pandas",
        "sklearn",
        "dvc",
        "papermill",
        "nbformat",
        "IPython",
        "tornado",
        "sqlalchemy",
    }
    rooms = ("experiment", "execute", "data", "compute", "monitor", "doors")
    assert not [name for name in loaded if name.startswith(tuple(f"workbench.{room}" for room in rooms))]
