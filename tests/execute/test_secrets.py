"""Secrets reach the kernel and nothing else: no file of the job, no store, no log, no command line."""

from __future__ import annotations

import base64
import http.server
import json
import os
import sqlite3
import sys
import threading
import time
import types
import urllib.parse
from pathlib import Path

import psutil
import pytest

from tests.execute.far_jobs import FarJob, travelling_module, until
from tests.files import files_below
from workbench.execute.results import deliver_event, take_in
from workbench.execute.secrets import KINDS, parse_source, validate_sources
from workbench.experiment.store.tracking import finish_run, start_run
from workbench.foundation.errors import UsageError
from workbench.foundation.project import Project

pytestmark = [pytest.mark.timeout(300)]
MINE = os.getpid()
"""What another worker plants in a command line at that moment is no leak of this one's."""
FROM_ENV = f'hunter2/"quoted" & {MINE} more+=='
FROM_FILE = f"-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w{MINE}\nsecondlineofthekey{MINE}\n-----END KEY-----"
CELLS = (
    "import base64, os, sys, time, urllib.parse\nd, k = os.environ['DB_PASSWORD'], os.environ['API_KEY']",
    "print('plain', d, flush=True)\nprint('ready', flush=True)\ntime.sleep(1)",
    "for c in d: print(c, end='', flush=True); time.sleep(0.02)\nprint()",
    "sys.stdout.write('half ' + d[:9]); sys.stdout.flush(); time.sleep(0.6); sys.stdout.write(d[9:] + ' whole\\n')",
    "print(k)\nprint(repr(d), repr(k))\nprint(base64.b64encode(d.encode()).decode(), urllib.parse.quote(d))",
    "os.system('echo shell $DB_PASSWORD; echo err $DB_PASSWORD >&2')",
    "print('err', d, file=sys.stderr)\nfrom IPython.display import HTML, display\n"
    "display(HTML(f'<b>{d}</b>'))\n{'x': d}",
    "sys.__stderr__.write('raw ' + d + '\\n'); sys.__stderr__.flush()",
    "import mlflow\nwith mlflow.start_run():\n    mlflow.log_param('password', d)\n    mlflow.set_tag('key', k)\n"
    "    mlflow.log_metric('m', 1)",
)


def forms(value: str) -> set[bytes]:
    """What a value looks like where it was written down."""
    found = {value, repr(value)[1:-1], json.dumps(value)[1:-1], urllib.parse.quote(value)}
    found |= {base64.b64encode(value.encode()).decode().rstrip("=")}
    found |= {line for line in value.splitlines() if "KEY" not in line}
    return {each.encode() for each in found} | {json.dumps(each)[1:-1].encode() for each in found}


LOOKED_FOR = forms(FROM_ENV) | forms(FROM_FILE)


def leaks(*places: Path) -> list[str]:
    """Return the files, and command lines of processes, in which a secret is found."""
    found = []
    for place in places:
        found += [str(path) for path in files_below(place) if any(value in path.read_bytes() for value in LOOKED_FOR)]
    return found + leaking_processes()


def leaking_processes() -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline()).encode()
        except psutil.Error:
            continue
        if any(value in words for value in LOOKED_FOR):
            found.append(f"process {process.pid}")
    return found


def sources(folder: Path) -> dict[str, str]:
    (folder / "key.pem").write_text(FROM_FILE + "\n")
    return {"DB_PASSWORD": "env:FAR_DB_PASSWORD", "API_KEY": f"file:{folder / 'key.pem'}"}


@pytest.mark.checklist("S0-13")
@pytest.mark.parametrize("channel", ["files", "stdout"])
def test_a_secret_is_written_nowhere(tmp_path, tmp_path_factory, channel) -> None:
    env = sources(tmp_path_factory.mktemp("secrets"))
    job = FarJob(tmp_path, *CELLS, "raise ValueError(d)", channel=channel, env=env)
    process = job.start(env={"FAR_DB_PASSWORD": FROM_ENV})
    out: list[bytes] = []
    if process.stdout:
        threading.Thread(target=lambda: out.append(process.stdout.read()), daemon=True).start()
    until(lambda: job.said("ready"))
    assert leaking_processes() == []
    process.wait(timeout=200)
    assert job.end == (1, "cell_error"), job.folder.log.read_text()
    assert job.folder.read_exit().error == "ValueError: [secret DB_PASSWORD]"
    assert job.said("plain [secret DB_PASSWORD]"), "it reached the kernel, and is shown as what it is"
    assert job.said("whole"), "a secret said in two halves is one all the same"
    if channel == "stdout":
        until(lambda: out)
        (tmp_path / "stdout.log").write_bytes(out[0])

    root = tmp_path / "home"
    root.mkdir()
    (root / "workbench.toml").write_text('[project]\nname = "trial"\n')
    project = Project.open(root, actor="ada@example.org")
    run = start_run(project, name="far", tags={"workbench.job": "jb-00000001"})
    for event in job.folder.read_events():
        deliver_event(project, run, event)
    take_in(project, job.folder, run)
    finish_run(project, run, "FAILED", job.folder.read_exit().error)
    rows = sqlite3.connect(root / ".workbench" / "mlflow.db").execute("SELECT value FROM params WHERE key='password'")
    assert rows.fetchall() == [("[secret DB_PASSWORD]",)]
    assert (root / ".workbench" / "journal.db").stat().st_size > 0
    assert leaks(tmp_path) == []


@pytest.mark.checklist("S0-13")
@pytest.mark.parametrize(
    "leak",
    [
        "open('../leak.txt', 'w').write(d)",
        "import pathlib; pathlib.Path(os.environ['WORKBENCH_ARTIFACTS'], 'leak.txt').write_text(k)",
    ],
    ids=["file", "artifact"],
)
def test_the_scan_catches_a_planted_leak(tmp_path, tmp_path_factory, leak) -> None:
    """What a notebook writes into files of its own is its own doing; the look above would see it."""
    env = sources(tmp_path_factory.mktemp("secrets"))
    job = FarJob(tmp_path, CELLS[0], leak, env=env)
    job.run(env={"FAR_DB_PASSWORD": FROM_ENV})
    assert job.end == (0, "")
    assert leaks(tmp_path) != []


def test_the_scan_catches_a_planted_command_line(tmp_path) -> None:
    cell = "import subprocess; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)', d])"
    job = FarJob(tmp_path, CELLS[0], cell, env={"DB_PASSWORD": "env:FAR_DB_PASSWORD", "API_KEY": "env:FAR_DB_PASSWORD"})
    process = job.start(env={"FAR_DB_PASSWORD": FROM_ENV})
    until(leaking_processes)
    process.terminate()
    process.wait(timeout=60)
    until(lambda: not leaking_processes(), 10)


@pytest.mark.parametrize(
    "source",
    ["env:NOT_THERE", "file:/nowhere/at/all", "keyring:service/nobody", "vault:secret/x#field", "k8s-secret:a/b"],
)
def test_a_missing_secret_ends_the_job_before_it_begins(tmp_path, source) -> None:
    job = FarJob(tmp_path, "print('never')", env={"DB_PASSWORD": source})
    job.run(env={"VAULT_ADDR": "http://127.0.0.1:9", "VAULT_TOKEN": "hush-hush"})
    assert job.end == (2, "secret-missing")
    assert source in job.folder.read_exit().error
    assert "hush-hush" not in job.folder.read_exit().error + job.folder.log.read_text()
    assert not job.said("never")


# -- reading them


@pytest.fixture
def secret():
    """The travelling file, as it runs far away."""
    return travelling_module("secret")


def test_from_a_keyring(secret, monkeypatch) -> None:
    fake = types.ModuleType("keyring")
    fake.get_password = lambda service, user: {("warehouse", "ada/lovelace"): "hunter2"}.get((service, user))
    monkeypatch.setitem(sys.modules, "keyring", fake)
    assert secret.read_secret("DB", "keyring:warehouse/ada/lovelace") == "hunter2"
    with pytest.raises(secret.SecretMissingError):
        secret.read_secret("DB", "keyring:warehouse/bob")


class Vault(http.server.BaseHTTPRequestHandler):
    """What HashiCorp's Vault answers to the three questions asked of it, by its own documentation."""

    def do_GET(self) -> None:
        answers = {
            "/v1/sys/internal/ui/mounts/secret/team/db": {"path": "secret/", "options": {"version": "2"}},
            "/v1/secret/data/team/db": {"data": {"password": "hunter2"}, "metadata": {"version": 3}},
            "/v1/sys/internal/ui/mounts/kv/db": {"path": "kv/", "options": None},
            "/v1/kv/db": {"password": "hunter1"},
        }
        is_known = self.headers["X-Vault-Token"] == "s.token" and self.path in answers
        self.send_response(200 if is_known else 403)
        self.end_headers()
        self.wfile.write(json.dumps({"data": answers[self.path]} if is_known else {"errors": ["hush-hush"]}).encode())

    def log_message(self, *_: object) -> None:
        return


def test_from_vault(secret, monkeypatch) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vault) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{server.server_address[1]}/")
        monkeypatch.setenv("VAULT_TOKEN", "s.token")
        assert secret.read_secret("DB", "vault:secret/team/db#password") == "hunter2"
        assert secret.read_secret("DB", "vault:kv/db#password") == "hunter1"
        for place in ("vault:secret/team/db#user", "vault:secret/other#password"):
            with pytest.raises(secret.SecretMissingError) as caught:
                secret.read_secret("DB", place)
            assert place in str(caught.value)
            assert "hush" not in str(caught.value)
        server.shutdown()


def test_short_values_are_not_looked_for(secret, monkeypatch) -> None:
    monkeypatch.setenv("HERE", "ab")
    secrets = secret.Secrets()
    secrets.resolve({"THERE": "env:HERE"})
    assert secrets.clean("absolutely") == "absolutely"


# -- cut and said in parts


@pytest.fixture
def events(tmp_path, secret, monkeypatch):
    """Events of the travelling runner, which keeps one secret out of them."""
    monkeypatch.setenv("HERE", FROM_ENV)
    found = travelling_module("runner").Events(tmp_path)
    secrets = secret.Secrets()
    secrets.resolve({"DB_PASSWORD": "env:HERE"})
    found.clean = secrets.clean_stream
    return found


def said(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def text_said(folder: Path) -> str:
    return "".join(event["data"]["text"] for event in said(folder) if event["kind"] == "out")


@pytest.mark.parametrize("before", [3_970, 3_990, 4_000])
def test_a_secret_where_the_text_is_cut(events, tmp_path, before) -> None:
    events.say(1, "x" * before + FROM_ENV + "y" * 100)
    events.emit("cell_end", cell=1)
    assert FROM_ENV[:2] not in text_said(tmp_path)
    assert "characters more are in output.ipynb" in text_said(tmp_path)


@pytest.mark.parametrize("between", ["flush", "heartbeat", "metric"])
def test_a_secret_of_which_more_is_to_come(events, tmp_path, between) -> None:
    """Whatever else is said between its halves, the first is kept back; after a cut, too."""
    events.say(1, "x" * 5_000 + FROM_ENV[:9])
    events.flush() if between == "flush" else events.emit(between)
    events.say(1, FROM_ENV[9:] + " whole")
    events.emit("cell_end", cell=1)
    assert FROM_ENV[:2] not in text_said(tmp_path)
    assert FROM_ENV[9:] not in text_said(tmp_path)
    assert text_said(tmp_path).endswith("[secret DB_PASSWORD] whole")


def test_what_only_looked_like_a_beginning_is_said_at_last(events, tmp_path) -> None:
    events.say(1, "to " + FROM_ENV[:4])
    events.flush()
    assert text_said(tmp_path) == "to "
    events.emit("cell_end", cell=1)
    assert text_said(tmp_path) == "to " + FROM_ENV[:4]


def test_a_secret_in_what_the_stand_in_tells(events, tmp_path) -> None:
    told = [
        {"kind": "param", "data": {"name": "password", "value": FROM_ENV, "more": [{"x": FROM_ENV}]}},
        {"kind": "metric", "data": {"name": f"loss {FROM_ENV}", "value": 0.5, "step": 0}},
    ]
    (tmp_path / "outbox.jsonl").write_text("".join(json.dumps(each) + "\n" for each in told))
    events.flush()
    assert [event["data"].get("value") for event in said(tmp_path)] == ["[secret DB_PASSWORD]", 0.5]
    assert json.dumps(FROM_ENV)[1:-1] not in (tmp_path / "events.jsonl").read_text()


def test_a_secret_where_an_error_is_cut(tmp_path) -> None:
    cell = "import os\nraise ValueError('x' * 3970 + os.environ['DB_PASSWORD'])"
    job = FarJob(tmp_path, cell, env={"DB_PASSWORD": "env:HERE"})
    job.run(env={"HERE": FROM_ENV})
    assert job.end == (1, "cell_error")
    assert FROM_ENV[:2] not in job.folder.read_exit().error
    assert FROM_ENV[:2] not in job.folder.events.read_text()


def test_a_log_read_in_the_middle_of_a_letter(secret, monkeypatch) -> None:
    monkeypatch.setenv("HERE", "秘密の言葉")
    secrets = secret.Secrets()
    secrets.resolve({"DB_PASSWORD": "env:HERE"})
    reading, writing = os.pipe()
    log, secrets._log = os.pipe()
    thread = threading.Thread(target=secrets._pass_on, args=(reading,))
    thread.start()
    for byte in "it is 秘密の言葉\n".encode() + b"\xff\n":
        os.write(writing, bytes([byte]))
        time.sleep(0.01)
    os.close(writing)
    thread.join(timeout=20)
    os.close(secrets._log)
    with os.fdopen(log, "rb") as stream:
        assert stream.read() == b"it is [secret DB_PASSWORD]\n\xff\n"
    os.close(reading)


# -- naming them


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        ("env:FAR_DB", "env", "FAR_DB"),
        ("file:/run/secrets/db", "file", "/run/secrets/db"),
        ("file:~/db", "file", "~/db"),
        ("keyring:warehouse/ada", "keyring", "warehouse/ada"),
        ("k8s-secret:warehouse/password", "k8s-secret", "warehouse/password"),
        ("vault:secret/team/db#password", "vault", "secret/team/db#password"),
    ],
)
def test_sources_are_read(text, kind, place) -> None:
    source = parse_source("DB", text)
    assert (source.name, source.kind, source.place) == ("DB", kind, place)
    assert parse_source("DB", "k8s-secret:warehouse/password").secret_key == ("warehouse", "password")


@pytest.mark.parametrize(
    "text",
    ["hunter2", "hunter2:x", "env:", "env:A-B", "file:relative", "keyring:service", "vault:path", "k8s-secret:A"],
)
def test_what_is_no_source_is_refused_without_being_repeated(text) -> None:
    with pytest.raises(UsageError) as caught:
        parse_source("DB_PASSWORD", text)
    assert caught.value.code == "secret-source-unknown"
    assert "hunter2" not in str(caught.value)
    assert "DB_PASSWORD" in caught.value.message


def test_a_target_takes_the_sources_that_it_can_read() -> None:
    env = {"A": "env:FAR_A", "B": "k8s-secret:b/key"}
    assert validate_sources("cluster", env) == env
    with pytest.raises(UsageError) as caught:
        validate_sources("gpu-box", env, frozenset(KINDS) - {"k8s-secret"})
    assert caught.value.code == "secret-source-refused"
    with pytest.raises(UsageError, match="no name for a variable"):
        validate_sources("gpu-box", {"not a name": "env:A"})


def test_a_job_at_home_has_secrets_as_well(tmp_path) -> None:
    """The local target resolves the same sources with the same code."""
    job = FarJob(tmp_path, "import os\nprint('it is', os.environ['DB_PASSWORD'])", env={"DB_PASSWORD": "env:HERE"})
    job.spec.update(is_far=False, cwd=str(job.root / "notebooks"))
    job.run(env={"HERE": FROM_ENV})
    assert job.end == (0, "")
    assert job.said("it is [secret DB_PASSWORD]")
    assert leaks(tmp_path) == []
