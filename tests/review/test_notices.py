"""Notices: real HTTP and SMTP servers on loopback that refuse at first, real restarts, and no secret anywhere."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socketserver
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.files import files_below
from workbench.compute.consent import list_secrets, trust_secrets
from workbench.foundation.config import NoticeSection, load_config
from workbench.foundation.errors import DeniedError, UnavailableError, UsageError
from workbench.foundation.project import Project
from workbench.review.notices import delivery
from workbench.review.notices.delivery import list_notices, send_notices
from workbench.review.notices.message import message_of
from workbench.review.notices.receivers import check_receiver, send

SECRET = "correct-horse-battery"
KINDS = ("review.approved", "review.overridden", "release.promoted")


class Sink:
    """An HTTP server that refuses the first posts and keeps what it takes."""

    def __init__(self, refusals: int = 0) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.refused = 0
        self.refusals = refusals
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                is_refused = sink.refused < sink.refusals
                sink.refused += is_refused
                if not is_refused:
                    sink.taken.append((dict(self.headers), body))
                self.send_response(503 if is_refused else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/T0P-S3CRET"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def seqs(self) -> list[int]:
        return [json.loads(body)["seq"] for _, body in self.taken]


class Mailbox(socketserver.ThreadingTCPServer):
    """An SMTP server that answers 451 to the first mails."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, refusals: int) -> None:
        self.mails: list[str] = []
        self.refusals = refusals
        super().__init__(("127.0.0.1", 0), _Session)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box: Mailbox = self.server  # type: ignore[assignment]
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                if box.refusals > 0:
                    box.refusals -= 1
                    self.wfile.write(b"451 later\r\n")
                    continue
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (text := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(text.decode())
                box.mails.append("".join(lines))
                self.wfile.write(b"250 taken\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 fine\r\n")


@pytest.fixture
def sink():
    made: list[Sink] = []

    def make(refusals: int = 0) -> Sink:
        made.append(Sink(refusals))
        return made[-1]

    yield make
    for each in made:
        each.server.shutdown()
        each.server.server_close()


@pytest.fixture
def told(blank_project: Project, monkeypatch):
    """Return a function that writes ``[notices]`` and opens the project anew."""
    monkeypatch.setattr(delivery, "FIRST_PAUSE_S", 0.05)

    def open_with(text: str) -> Project:
        path = blank_project.root / "workbench.toml"
        path.write_text(path.read_text() + text)
        project = Project(blank_project.root, load_config(path), blank_project.actor)
        if names := tuple(use.section for use in list_secrets(project)):
            trust_secrets(project, names)
        return project

    return open_with


def happen(project: Project, *kinds: str) -> None:
    for kind in kinds:
        with project.journal.transaction() as transaction:
            transaction.append(kind, "review:rv-00000001", {"model": "churn", "stage": "production"})


WEBHOOK = '\n[notices.ops]\nkind = "webhook"\nurl = "env:OPS_URL"\nsecret = "env:OPS_SECRET"\n'


def test_a_webhook_is_told_in_order_once_it_answers_and_can_prove_who_told_it(told, sink, monkeypatch):
    receiver = sink(refusals=3)
    monkeypatch.setenv("OPS_URL", receiver.url)
    monkeypatch.setenv("OPS_SECRET", SECRET)
    project = told(WEBHOOK)
    happen(project, *KINDS, "job.started")
    delivery.run(project, life_s=20)
    assert receiver.refused == 3
    assert [json.loads(body)["kind"] for _, body in receiver.taken] == list(KINDS)
    assert receiver.seqs == sorted(receiver.seqs)
    for headers, body in receiver.taken:
        at, mac = (part.partition("=")[2] for part in headers["X-Workbench-Signature"].split(","))
        assert hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest() == mac
        assert abs(int(at) - time.time()) < 60
        assert headers["X-Workbench-Delivery"] == f"ops-{json.loads(body)['seq']}"
    assert "BROKE THE GLASS" in receiver.taken[1][1].decode()
    (card,) = list_notices(project)
    assert (card.waiting, card.tries, card.error) == (0, 0, "")


def test_what_waits_outlives_a_killed_process_and_a_restart(told, sink, monkeypatch):
    receiver = sink(refusals=10**6)
    monkeypatch.setenv("OPS_URL", receiver.url)
    monkeypatch.setenv("OPS_SECRET", SECRET)
    project = told(WEBHOOK)
    happen(project, *KINDS)
    command = [sys.executable, "-m", "workbench.review.notices.delivery", str(project.root)]
    process = subprocess.Popen(command, env={**os.environ}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while receiver.refused < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    (card,) = list_notices(project)
    assert (card.waiting, card.error) == (3, "'ops' answered 503")
    assert card.tries >= 1
    assert card.due_at
    receiver.refusals = 0
    send_notices(project)
    assert len(receiver.taken) == 3
    send_notices(project)
    assert len(receiver.taken) == 3  # nobody is told twice


def test_slack_gets_its_own_format(told, sink, monkeypatch):
    receiver = sink()
    monkeypatch.setenv("SLACK", receiver.url)
    project = told('\n[notices.team]\nkind = "slack"\nurl = "env:SLACK"\nevents = ["review.approved"]\n')
    happen(project, *KINDS)
    send_notices(project)
    ((_, body),) = receiver.taken
    value = json.loads(body)
    assert "approved churn → production" in value["text"]
    assert [block["type"] for block in value["blocks"]] == ["section", "section", "context"]


def test_a_mail_goes_out_once_the_server_takes_it(told, monkeypatch):
    box = Mailbox(refusals=2)
    try:
        text = '\n[notices.mail]\nkind = "mail"\nserver = "127.0.0.1:{port}"\nstarttls = false\n'
        text += 'sender = "gate@example.com"\nto = ["bob@example.com", "carol@example.com"]\n'
        project = told(text.format(port=box.server_address[1]))
        happen(project, "review.rejected")
        delivery.run(project, life_s=20)
        (mail,) = box.mails
        assert "To: bob@example.com, carol@example.com" in mail
        assert "mlops review show rv-00000001" in mail
    finally:
        box.shutdown()
        box.server_close()


def test_no_secret_is_written_anywhere(told, sink, monkeypatch, capfd):
    receiver = sink(refusals=10**6)
    monkeypatch.setenv("OPS_URL", receiver.url)
    monkeypatch.setenv("OPS_SECRET", SECRET)
    project = told(WEBHOOK)
    happen(project, *KINDS)
    send_notices(project)
    for path in files_below(project.root):
        data = path.read_bytes()
        assert SECRET.encode() not in data, path
        assert b"T0P-S3CRET" not in data, path
    assert "T0P-S3CRET" not in "".join(capfd.readouterr())


LOGIN = (
    'kind = "mail"\nserver = "{}"\nsender = "b"\nto = ["c"]\nuser = "u"\npassword = "env:PASSWORD"\nstarttls = false\n'
)


@pytest.mark.parametrize("server", ["localhost:25", "127.0.0.1:25", "[::1]:25", "[::1]"])
def test_on_this_machine_a_mail_server_may_be_logged_in_to_in_the_clear(server):
    given = NoticeSection(
        kind="mail", server=server, sender="b", to=("c",), user="u", password="env:PASSWORD", starttls=False
    )
    check_receiver("x", given)
    with pytest.raises(UsageError, match="notice-insecure"):
        check_receiver("x", replace(given, server="mail.example.com"))
    check_receiver("x", replace(given, server="mail.example.com", starttls=True))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('kind = "pigeon"\n', "notice-malformed"),
        ('kind = "webhook"\n', "notice-malformed"),
        ('kind = "webhook"\nurl = "https://hooks.example.com/T0P-S3CRET"\n', "secret-source-unknown"),
        ('kind = "mail"\nserver = "a"\nsender = "b"\n', "notice-malformed"),
        ('kind = "webhook"\nurl = "env:A"\nsecret = "correct-horse-battery"\n', "secret-source-unknown"),
        (LOGIN.format("mail.example.com:587"), "notice-insecure"),
        (LOGIN.format("10.0.0.1"), "notice-insecure"),
        (LOGIN.format("127.0.0.1.example.com"), "notice-insecure"),
    ],
)
def test_a_receiver_that_is_written_wrongly_is_refused_without_repeating_it(told, text, code):
    project = told("\n[notices.x]\n" + text)
    with pytest.raises(UsageError, match=code) as caught:
        send_notices(project)
    assert "T0P-S3CRET" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_refusal_says_what_mends_it_and_nothing_of_the_address(told, sink, monkeypatch):
    receiver = sink(refusals=10**6)
    project = told(WEBHOOK)
    happen(project, KINDS[0])
    (event,) = project.journal.events(kind=KINDS[0])
    given = project.config.notices["ops"]
    for url, secret, says, command in (
        (receiver.url, SECRET, "'ops' answered 503", "mlops notices"),
        ("http://127.0.0.1:9/T0P-S3CRET", SECRET, "'ops' cannot be reached (URLError)", "mlops notices"),
        (receiver.url, "", "OPS_SECRET", "mlops notices send"),
    ):
        monkeypatch.setenv("OPS_URL", url)
        monkeypatch.setenv("OPS_SECRET", secret)
        if not secret:
            monkeypatch.delenv("OPS_SECRET")
        with pytest.raises(UnavailableError) as refusal:
            send("ops", given, message_of(project, event))
        assert (refusal.value.code, says in refusal.value.message) == ("notice-refused", True)
        assert refusal.value.hint.rpartition(": ")[2] == command
        assert "T0P-S3CRET" not in str(refusal.value)
        assert receiver.url not in str(refusal.value)
    (card,) = send_notices(project)
    assert (card.waiting, "OPS_SECRET" in card.error) == (1, True), "the same is said by the verb, and it waits"


def test_a_message_that_nobody_takes_for_half_a_day_is_given_up_and_said_so(told, sink, monkeypatch):
    monkeypatch.setattr(delivery, "MOST_TRIES", 2)
    receiver = sink(refusals=2)
    monkeypatch.setenv("OPS_URL", receiver.url)
    monkeypatch.setenv("OPS_SECRET", SECRET)
    project = told(WEBHOOK)
    happen(project, *KINDS[:2])
    for _ in range(3):
        send_notices(project)
    (event,) = project.journal.events(kind="notice.given-up")
    assert event.data["receiver"] == "ops"
    assert receiver.seqs == [event.data["seq"] + 1]


def test_a_verb_tells_by_itself(told, sink, monkeypatch):
    receiver = sink()
    monkeypatch.setenv("OPS_URL", receiver.url)
    monkeypatch.setenv("OPS_SECRET", SECRET)
    project = told(WEBHOOK)
    happen(project, "review.approved")
    delivery.announce(project)
    deadline = time.monotonic() + 60
    while not receiver.taken and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(receiver.taken) == 1
    lease = Path(project.state_dir / "leases" / ".notices")
    while lease.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_nothing_is_read_or_sent_before_whoever_runs_it_has_agreed(told, sink, monkeypatch, tmp_path):
    """The hole: the repository's file has a key of whoever approves posted to an address that its author wrote."""
    receiver = sink()
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(tmp_path / "eve"))
    key = tmp_path / "id_ed25519"
    key.write_text("PRIVATE KEY OF BOB")
    monkeypatch.setenv("OPS_URL", receiver.url)
    project = told(
        f'\n[notices.ops]\nkind = "webhook"\nurl = "env:OPS_URL"\nsecret = "file:{tmp_path / "id_ed25519"}"\n'
    )
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(tmp_path / "bob"))
    happen(project, *KINDS)
    monkeypatch.setattr("workbench.review.notices.receivers.read_secret", lambda *_: pytest.fail("a secret was read"))
    with pytest.raises(DeniedError, match="secrets-untrusted") as caught:
        send_notices(project)
    assert all(word in caught.value.message for word in ("file:", "id_ed25519", "env:OPS_URL"))
    assert caught.value.hint.endswith("mlops secrets trust notices.ops")
    delivery.run(project, life_s=5.0)  # ends at once: there is nobody to tell
    assert not delivery.is_due(project)
    (card,) = list_notices(project)
    assert (card.waiting, card.tries, receiver.seqs) == (3, 0, [])
    assert "mlops secrets trust notices.ops" in card.error
    monkeypatch.undo()
    monkeypatch.setenv("OPS_URL", receiver.url)
    monkeypatch.setenv("WORKBENCH_TRUST", list_secrets(project)[0].digest)
    assert send_notices(project)[0].waiting == 0
    assert len(receiver.seqs) == 3


def test_a_mail_without_a_password_reads_nothing_and_asks_nobody(told):
    box = Mailbox(0)
    host, port = box.server_address
    people = 'sender = "g@x.org"\nto = ["r@x.org"]\n'
    project = told(f'\n[notices.mail]\nkind = "mail"\nserver = "{host}:{port}"\nstarttls = false\n{people}')
    happen(project, KINDS[0])
    assert list_secrets(project) == ()
    assert send_notices(project)[0].waiting == 0
    assert len(box.mails) == 1
    box.shutdown()
    box.server_close()


@pytest.mark.parametrize("name", ["../../victim", "a/b", ""])
def test_a_receiver_writes_no_file_but_its_own(told, name):
    """A repository's workbench.toml names them, and a mail asks nobody: its cursor would replace any file.json."""
    mail = 'kind = "mail"\nserver = "localhost:1"\nsender = "a@b.c"\nto = ["d@e.f"]\nstarttls = false\n'
    project = told(f'\n[notices."{name}"]\n{mail}')
    victim = project.root / "victim.json"
    victim.write_text("{}")
    happen(project, KINDS[0])
    delivery.run(project, life_s=0.3)
    for verb in (send_notices, list_notices):
        with pytest.raises(UsageError, match="notice-malformed"):
            verb(project)
    assert victim.read_text() == "{}"


def test_what_waits_for_a_new_receiver_does_not_grow_too_old_for_it(told, sink, monkeypatch):
    """The hole: whoever agreed after ten minutes, or had the first process killed, was told nothing of what waited."""
    receiver = sink()
    monkeypatch.setenv("OPS_URL", receiver.url)
    monkeypatch.setenv("OPS_SECRET", SECRET)
    project = told(WEBHOOK)
    happen(project, "review.approved")
    with monkeypatch.context() as killed:
        killed.setattr(delivery, "spawn_detached", lambda *_, **__: None)
        delivery.announce(project)
    monkeypatch.setattr(delivery, "_YOUNG", -timedelta(minutes=1))  # later on it is too old for one that is new
    assert send_notices(project)[0].waiting == 0
    assert len(receiver.seqs) == 1


def test_a_redirect_is_a_refusal(told, monkeypatch):
    """The hole: it was followed by a GET without the message, and whatever answered that had taken it."""

    class Moved(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with socketserver.TCPServer(("127.0.0.1", 0), Moved) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OPS_URL", f"http://127.0.0.1:{server.server_address[1]}/")
        monkeypatch.setenv("OPS_SECRET", SECRET)
        project = told(WEBHOOK)
        happen(project, "review.approved")
        (card,) = send_notices(project)
        server.shutdown()
    assert (card.waiting, card.tries) == (1, 1)
    assert "302" in card.error
