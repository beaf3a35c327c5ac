"""Bad input over HTTP: one stable code, a message, a hint, and nothing changed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path

import pytest
from jupyter_server.utils import url_path_join
from tornado import web

from workbench.doors.server.handlers import verb_handler
from workbench.doors.server.problem import problem_of
from workbench.doors.server.routes import route_of, routes
from workbench.doors.server.services import PATHS
from workbench.foundation.project import Project
from workbench.verbs import VERBS, Permission, Verb

BAD = [
    # route, query or body, code, in the message, in the hint
    ("runs", {"limit": "many"}, "parameter-wrong-type", "must be a whole number, not 'many'", "mlops runs --help"),
    ("runs", {"limti": "3"}, "parameter-unknown", "no parameter 'limti'", "did you mean 'limit'?"),
    ("runs", {"limit": ["1", "2"]}, "parameter-wrong-type", "whole number", "mlops runs --help"),
    ("runs/show", {}, "parameter-missing", "needs 'run'", "mlops runs show --help"),
    ("runs/show", {"run": "nope"}, "run-unknown", "no run 'nope'", "mlops runs"),
    ("logs", {"job": "jb-1", "after": "1.5"}, "parameter-wrong-type", "whole number", "mlops logs --help"),
]
BAD_POSTED = [
    ("run", {}, "parameter-missing", "needs 'notebook'", "mlops run --help"),
    ("run", {"notebook": 5}, "parameter-wrong-type", "must be text, not 5", "mlops run --help"),
    ("run", {"notebook": "a.ipynb", "params": ["alpha"]}, "parameter-wrong-type", "mapping", "mlops run --help"),
    ("run", {"notebook": "a.ipynb", "targt": "local"}, "parameter-unknown", "'targt'", "did you mean 'target'?"),
    ("review/approve", {"review": "rv-1", "actor": "boss@example.org"}, "parameter-unknown", "'actor'", "known:"),
    ("data/snapshot", {"paths": [1]}, "parameter-wrong-type", "list of texts", "mlops data snapshot --help"),
    ("alerts/resolve", "[]", "body-not-json", "no JSON object", "JSON object"),
    ("alerts/resolve", "[" * 100_000, "body-not-json", "no JSON", "JSON object"),
    ("alerts/resolve", '{"alert": ' + "[" * 100_000, "body-not-json", "no JSON", "JSON object"),
    ("alerts/resolve", '{"alert": "a", "alert": "b"}', "body-not-json", "a name twice", "once"),
    ("alerts/resolve", "{", "body-not-json", "no JSON", "JSON object"),
    ("alerts/resolve", "\udcff".encode("utf-8", "surrogateescape"), "body-not-json", "no JSON", "JSON object"),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: f"{case[0]}-{case[2]}")
async def test_bad_query(ask, root, case):
    route, query, code, message, hint = case
    answer = await ask(route, **query)
    assert_problem(answer, code, message, hint)


@pytest.mark.parametrize("case", BAD_POSTED, ids=lambda case: f"{case[0]}-{case[2]}")
async def test_bad_body_changes_nothing(ask, root, project, case):
    route, body, code, message, hint = case
    with project.journal.transaction() as transaction:
        transaction.append("project.created", "project:shuttle", {})
    before, files = project.journal.head(), listing(root)
    answer = await ask(route, body=body if not isinstance(body, bytes) else body.decode("latin-1"))
    assert_problem(answer, code, message, hint)
    assert project.journal.head() == before
    assert listing(root) == files


async def test_every_route_names_an_unknown_parameter(ask, root):
    for route in routes():
        given = {"no_such": "x"} if route.method == "GET" else {"body": {"no_such": "x"}}
        answer = await ask(route.path.removeprefix("/mlops-workbench/api/"), **given)
        assert_problem(answer, "parameter-unknown", f"'{route.verb.words}' has no parameter 'no_such'", "")
    assert not (root / ".workbench" / "journal.db").exists()


async def test_where_no_project_is(ask, jp_root_dir):
    answer = await ask("status", path="")
    assert_problem(answer, "project-missing", "in no project", "mlops init", status=404)


async def test_a_location_that_is_too_long(ask, root, jp_root_dir):
    for name in ("x" * 300, "x" * 5000):
        answer = await ask("status", path=name)
        assert_problem(answer, "project-missing", "xxx", "mlops init", status=404)
        assert len(answer.body["message"]) < 600
        assert (await ask("status", path=f"work/shuttle/{name}")).status == 200, (
            "it lies in the project, if only in name"
        )
    answer = await ask("init", body={"folder": "y" * 300}, path="work")
    assert_problem(answer, "path-refused", "too long", f"ls -ld '{jp_root_dir / 'work'}'", status=507)


@pytest.mark.parametrize(
    ("route", "query"),
    [
        ("data/profile", {"source": "{outside}"}),
        ("data/diff", {"before": "{outside}", "after": "{outside}"}),
        ("data/diff", {"before": "a.csv", "after": "../../../{name}/secret.csv"}),
        ("policy/test", {"file": "{outside}"}),
        ("data/verify", {"paths": "{outside}"}),
        ("audit/verify", {"checkpoint": "{outside}"}),
        ("audit/verify", {"checkpoint": "http://127.0.0.1:1/x"}),
        ("audit/verify", {"signers": "{outside}"}),
        ("data/profile", {"source": "~/secret.csv"}),
    ],
)
async def test_who_may_only_read_reads_nothing_outside(ask, root, tmp_path_factory, route, query):
    outside = tmp_path_factory.mktemp("elsewhere") / "secret.csv"
    outside.write_text("name,pin\nann,1234\nbob,5678\n")
    (root / "a.csv").write_text("name,pin\nann,1\n")
    given = {name: value.format(outside=outside, name=outside.parent.name) for name, value in query.items()}
    answer = await ask(route, **given)
    assert_problem(
        answer, "path-outside-project", "leaves the server's folder", "folder that the server shows", status=400
    )
    assert "1234" not in str(answer.body)


async def test_a_relative_path_is_taken_from_the_project(ask, root, tmp_path_factory, monkeypatch):
    started = tmp_path_factory.mktemp("started")
    monkeypatch.chdir(started)
    assert (await ask("audit/export", body={"path": "journal.zip"})).status == 200
    assert (await ask("identity/create", body={"path": "key"})).status == 200
    answer = await ask("runs/import", body={"path": "key"})
    assert_problem(answer, "archive-changed", str(root / "key"), "", status=422)
    assert (root / "journal.zip").exists()
    assert (root / "key.pub").exists()
    assert list(started.iterdir()) == []


async def test_where_the_server_was_started_is_no_way_out(ask, root, tmp_path_factory, monkeypatch):
    started = tmp_path_factory.mktemp("started")
    (started / "here.csv").write_text("name,pin\nann,1234\nbob,5678\n")
    monkeypatch.chdir(started)
    answer = await ask("data/profile", source="here.csv")
    assert_problem(
        answer, "path-outside-project", "leaves the server's folder", "folder that the server shows", status=400
    )


async def test_who_reads_may_name_what_the_server_shows(ask, root, jp_root_dir):
    for place, near in ((root / "a.csv", "a.csv"), (jp_root_dir / "b.csv", "../../b.csv")):
        place.write_text("name,pin\nann,1234\nbob,5678\n")
        for name in (str(place), near):
            assert (await ask("data/profile", source=name)).status == 200, name


def test_every_path_that_a_reading_verb_takes_is_looked_at():
    names = {name for verb in VERBS if verb.is_reading for name in verb.signature().parameters}
    assert names >= PATHS
    plain = {"after", "at", "check", "column", "columns", "by", "dataset", "deleted", "direction", "examples", "field"}
    plain |= {
        "id",
        "job",
        "key",
        "language",
        "limit",
        "limit_mb",
        "model",
        "offset",
        "on",
        "query",
        "reason",
        "refresh",
    }
    plain |= {"review", "run", "runs", "sort", "stage", "state", "sweep", "verdict"}
    assert names - PATHS <= plain, "a new parameter: does it take a path?"


async def test_a_parameter_in_the_query_of_a_post_is_not_ignored(ask, root):
    answer = await ask("gc", body={}, older_than_days="3")
    assert_problem(answer, "parameter-unknown", "'older_than_days' stands in the query", "in the body")


def test_a_percent_sign_is_said_once():
    refused = problem_of(web.HTTPError(400, "Invalid unicode in query: 50%"))
    assert (refused.status, refused.message) == (400, "Invalid unicode in query: 50%")


@pytest.mark.parametrize("path", ["../..", "work/../../..", "/.."])
async def test_a_path_that_leaves_the_root(ask, root, path):
    assert_problem(await ask("runs", path=path), "path-outside", "leaves the server's folder", "")


async def test_init_stays_below_the_root(ask, jp_root_dir, tmp_path):
    for folder in ("../out", str(tmp_path / "out")):
        answer = await ask("init", body={"folder": folder, "template": "blank"}, path="")
        assert_problem(answer, "path-outside", "'folder' leaves", "")
    assert not (tmp_path / "out").exists()
    (jp_root_dir / "link").symlink_to(tmp_path)
    answer = await ask("init", body={"folder": "link/out", "template": "blank"}, path="")
    assert_problem(answer, "path-outside", "'folder' leaves", "")
    assert not (tmp_path / "out").exists()


async def test_init_stands_where_the_caller_stands(ask, root):
    answer = await ask("init", body={"template": "blank"}, path="work")
    assert answer.status == 200, answer
    assert Path(answer.body["root"]) == root.parent
    assert (root.parent / "workbench.toml").is_file()


async def test_a_broken_configuration_names_its_line(ask, root):
    (root / "workbench.toml").write_text('[project]\nname = "x"\nownr = "me"\n')
    assert_problem(await ask("runs"), "config-unknown-key", "workbench.toml:3", "did you mean 'owner'?")
    (root / "workbench.toml").write_text('[project]\nname = "x"\n')
    assert (await ask("runs")).status == 200  # mended without a restart


async def test_what_jupyterlabs_client_adds_to_a_url_is_no_parameter(ask, root):
    assert (await ask("runs", **{"1760000000000": "", "no_track_activity": "1"})).status == 200


async def test_an_unknown_route_names_the_nearest(ask, root):
    assert_problem(await ask("review/aprove", body={}), "verb-unknown", "'review/aprove'", "review/approve", status=404)


async def test_a_reading_verb_takes_no_post(ask, root):
    assert_problem(
        await ask("runs", body={}), "method-not-allowed", "Method Not Allowed", "GET what only reads", status=405
    )


def boom(project: Project) -> tuple[str, ...]:
    raise ZeroDivisionError(f"secret of {project.actor}")


ASLEEP = threading.Semaphore(0)
ALARM = threading.Event()


def doze(project: Project) -> tuple[str, ...]:
    ASLEEP.release()
    return ("awake",) if ALARM.wait(60) else ("overslept",)


@pytest.fixture
def planted(jp_serverapp):
    """Two more verbs in the running server: one with a fault that nobody foresaw, one that blocks."""
    added = [Verb(name, "", f"{__name__}:{name}", Permission.READ, name) for name in ("boom", "doze")]
    added.append(Verb("snooze", "", f"{__name__}:doze", Permission.RUN, "snooze"))
    rules = [(url_path_join(jp_serverapp.base_url, route_of(v).path), verb_handler(route_of(v))) for v in added]
    jp_serverapp.web_app.add_handlers(".*$", rules)
    router = jp_serverapp.web_app.default_router
    router.rules.insert(0, router.rules.pop(next(i for i, r in enumerate(router.rules) if holds(r, "boom"))))


def holds(rule, word: str) -> bool:
    inner = getattr(rule.target, "rules", ())
    return any(word in getattr(getattr(r.matcher, "regex", None), "pattern", "") for r in inner)


async def test_a_fault_nobody_foresaw_is_logged_and_tells_nothing(ask, root, planted, caplog):
    with caplog.at_level(logging.ERROR):
        answer = await ask("boom")
    assert_problem(answer, "internal-error", "nobody foresaw", "log", status=500)
    assert "secret" not in str(answer.body)
    assert "Traceback" not in str(answer.body)
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)


async def test_a_verb_that_blocks_does_not_block_the_server(ask, root, planted):
    dozing = [asyncio.ensure_future(ask("doze")) for _ in range(3)]
    for _ in dozing:
        assert await asyncio.to_thread(ASLEEP.acquire, timeout=60)
    assert (await ask("hello")).status == 200
    assert not any(answer.done() for answer in dozing), "all the while they block"
    ALARM.set()
    assert [answer.body for answer in await asyncio.gather(*dozing)] == [["awake"]] * 3


async def test_verbs_that_act_do_not_keep_readers_waiting(ask, root, planted):
    ALARM.clear()
    dozing = [asyncio.ensure_future(ask("snooze", body={})) for _ in range(8)]
    for _ in dozing:
        assert await asyncio.to_thread(ASLEEP.acquire, timeout=60)
    try:
        assert (await asyncio.wait_for(ask("status"), 20)).status == 200
    finally:
        ALARM.set()
    assert [answer.body for answer in await asyncio.gather(*dozing)] == [["awake"]] * 8


async def test_who_acts_is_who_runs_the_server(ask, root, project):
    answer = await ask("status")
    assert answer.status == 200, answer
    assert answer.body["actor"] == "author@example.org"


@pytest.mark.checklist("S3-11")
async def test_status_is_quick(ask, root, project, record_property):
    await ask("status")
    times = []
    for _ in range(20):
        started = time.perf_counter()
        assert (await ask("status")).status == 200
        times.append(time.perf_counter() - started)
    record_property("median_ms", round(sorted(times)[10] * 1e3, 1))
    assert sorted(times)[10] < 0.25


def test_no_verb_takes_a_parameter_that_the_query_needs():
    taken = {name for verb in VERBS if verb.is_reading for name in verb.signature().parameters}
    assert not taken & {"location", "token", "no_track_activity"}


def assert_problem(answer, code: str, message: str, hint: str, status: int = 0) -> None:
    assert answer.media_type == "application/problem+json"
    assert set(answer.body) == {"code", "message", "hint", "status"}
    assert answer.body["code"] == code
    assert message in answer.body["message"]
    assert hint in answer.body["hint"]
    assert answer.body["status"] == answer.status
    assert 400 <= answer.status < 600
    assert status in (0, answer.status)


def listing(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if ".workbench" not in path.parts}
