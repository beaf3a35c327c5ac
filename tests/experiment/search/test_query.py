"""A query means the same in SQL, row by row in Python, and, as far as MLflow's own language goes, to MLflow."""

import random
import shutil
import sqlite3
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.experiment.search.conftest import METRICS, ODD, PATHS, T0, fill
from workbench.contract.status import RunState
from workbench.experiment.runs import group_runs, list_runs, reader_of
from workbench.experiment.search.evaluate import Moment, matches, sorted_rows
from workbench.experiment.search.parser import parse_field, parse_order, parse_query
from workbench.experiment.store.creation import sqlite_path
from workbench.experiment.store.indexes import INDEXES, ensure_indexes
from workbench.experiment.store.rows import RunQuery
from workbench.experiment.store.rows_client import ClientRows
from workbench.foundation.errors import UsageError

NOW = T0 + 3_600_000
WORDS = ("=", "!=", "<", "<=", ">", ">=", "~")
ORDERED = (
    "metrics.f1", "-metrics.f1", "-metrics.`val loss`", "params.depth", "-params.lr", "tags.free", "-tags.free",
    "started", "-started", "ended", "-duration", "name", "-actor", "state", "level", "-starred", "source", "id",
    "tags.nowhere",
)  # fmt: skip


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


numbers = st.sampled_from(["3", "0.5", "0.1", "-2", "1e3", "0", "9007199254740993", "1e300"])
texts = st.sampled_from([*ODD, "u", "%", "_"]).map(quoted)
names = st.sampled_from([*PATHS, *(f"{path}@abc" for path in PATHS), "last1", "last2", "csv", "CSV", "@"]).map(quoted)
comparisons = st.one_of(
    st.builds("metrics.{} {} {}".format, st.sampled_from(["f1", "`val loss`"]), st.sampled_from(WORDS[:-1]), numbers),
    st.builds("metrics.f1 IN ({}, {})".format, numbers, numbers),
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["params.depth", "params.`odd name`", "tags.free", "tags.nowhere"]),
        st.sampled_from(WORDS),
        numbers | texts,
    ),
    st.builds("params.lr IN ({}, {})".format, numbers | texts, numbers | texts),
    st.builds("tags.free NOT IN ({})".format, numbers | texts),
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["name", "source", "actor", "target", "parent", "id"]),
        st.sampled_from(WORDS),
        st.sampled_from(["ada", "a", "First", "it's", "local", "x" * 300, "", "A.ipynb"]).map(quoted),
    ),
    st.builds("state {} {}".format, st.sampled_from(WORDS), st.sampled_from([state.value for state in RunState])),
    st.builds("level {} {}".format, st.sampled_from(WORDS), st.sampled_from(["R0", "R1", "R3"])),
    st.sampled_from(["starred", "starred = false", "starred != true"]),
    st.builds("{} {} {}".format, st.sampled_from(["started", "ended"]), st.sampled_from(WORDS[:-1]),
              st.sampled_from(["-1d", "-6h", "2026-10-20", "2026-10-26T00:00", "now"])),
    st.builds("duration {} {}".format, st.sampled_from(WORDS[:-1]), st.sampled_from(["0", "10m", "1h30m", "0.001"])),
    st.builds("data {} {}".format, st.sampled_from(["=", "!=", "~"]), names),
    st.builds("data IN ({}, {})".format, names, names),
    st.builds(
        "model {} {}".format,
        st.sampled_from(["=", "!=", "~"]),
        st.sampled_from(["m", "M", "n", "it's", ", "]).map(quoted),
    ),
)  # fmt: skip
queries = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds("({}) AND ({})".format, inner, inner),
        st.builds("{} OR {}".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module", params=["plain", "indexed"])
def twins(request, tmp_path_factory, store):
    """The reader by SQL, and all runs as the official client gives them."""
    from tests.experiment.conftest import make_project

    folder = tmp_path_factory.mktemp("twins")
    (folder / ".workbench").mkdir()
    shutil.copy(store, folder / ".workbench" / "mlflow.db")
    project = make_project(folder)
    fill(project, count=150, seed=11)
    if request.param == "indexed":
        assert ensure_indexes(sqlite_path(project))
        assert not ensure_indexes(sqlite_path(project))
    official = ClientRows(project)
    rows = official.search(RunQuery(limit=1000))
    deleted = official.search(RunQuery(limit=1000, is_deleted=True))
    assert len(rows) > 100
    assert len(deleted) > 5
    assert all(row.is_deleted for row in deleted)
    return reader_of(project), rows, deleted


def ids(rows):
    return [row.id for row in rows]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=queries, sort=st.sampled_from(("", *ORDERED)), page=st.tuples(st.integers(0, 40), st.integers(1, 200)))
def test_sql_and_python_answer_alike(twins, text, sort, page):
    reader, rows, _ = twins
    moment = Moment(NOW, {rows[3].id: RunState.KILLED, rows[5].id: RunState.LOST})
    where, order = parse_query(text), parse_order(sort)
    asked = RunQuery(page[1], where=where, order=order, offset=page[0], now_ms=NOW, dead=moment.dead)
    expected = sorted_rows([row for row in rows if matches(where, row, moment)], order, moment)
    assert ids(reader.search(asked)) == ids(expected)[page[0] : sum(page)], text


@pytest.mark.parametrize("name", [*PATHS, "data/a.csv@abc", "last1", "last2", "xxx", "sha256", "path"])
def test_inputs_are_found_wherever_they_stand_in_the_list(twins, name):
    """Also behind the first 7,500 characters, where the list goes on in another tag."""
    reader, rows, _ = twins
    for word in ("=", "!=", "~"):
        where = parse_query(f"data {word} {quoted(name)}")
        expected = sorted_rows([row for row in rows if matches(where, row, Moment(NOW))], None, Moment(NOW))
        assert ids(reader.search(RunQuery(1000, where=where))) == ids(expected), word


@pytest.mark.parametrize("sort", ORDERED)
def test_every_page_of_every_order_is_the_same(twins, sort):
    reader, rows, deleted = twins
    moment, order = Moment(NOW), parse_order(sort)
    expected = ids(sorted_rows(rows, order, moment))
    pages = [
        reader.search(RunQuery(13, order=order, offset=start, now_ms=NOW)) for start in range(0, len(rows) + 13, 13)
    ]
    assert [run for page in pages for run in ids(page)] == expected
    of_deleted = reader.search(RunQuery(1000, order=order, is_deleted=True, now_ms=NOW))
    assert of_deleted == sorted_rows(deleted, order, moment)


def test_the_property_test_catches_a_planted_fault(twins, monkeypatch):
    """A "contains" that is told to mind the case, or a "!=" that takes missing values, is found."""
    reader, rows, _ = twins
    monkeypatch.setattr("workbench.experiment.search.evaluate.folded", lambda text: text)
    where = parse_query("tags.free ~ auto")
    wrong = [row for row in rows if matches(where, row, Moment(NOW))]
    assert ids(reader.search(RunQuery(1000, where=where))) != ids(wrong)


def test_mlflow_finds_the_same_where_its_language_reaches(twins, filled):
    import mlflow

    client = mlflow.MlflowClient(filled.tracking_uri)
    experiment = client.get_experiment_by_name("demo").experiment_id
    rng = random.Random(3)
    pairs = [
        (f"metrics.f1 {word} {value}", f"metrics.f1 {word} {value}") for word in WORDS[:-1] for value in METRICS[:7]
    ]
    pairs += [(f"params.depth = {quoted(v)}", f"params.depth = '{v}'") for v in ODD if "'" not in v and '"' not in v]
    pairs += [("state = FAILED", "attributes.status = 'FAILED'"), ("tags.free != 'a'", "tags.free != 'a'")]
    pairs += [("name = 'first'", "attributes.run_name = 'first'"), ("actor ~ ''", "")]
    for _ in range(12):
        chosen = rng.sample(pairs, 2)
        ours = " AND ".join(f"({one})" for one, _ in chosen)
        theirs = " AND ".join(one for _, one in chosen if one)
        if any(one == "" for _, one in chosen):
            continue
        expected = client.search_runs([experiment], theirs, max_results=1000)
        assert {card.id for card in list_runs(filled, ours)} == {run.info.run_id for run in expected}, ours


def test_the_client_reader_pages_and_groups_like_sql(filled):
    fast, official = reader_of(filled), ClientRows(filled)
    fields = tuple(
        map(parse_field, ("params.depth", "actor", "state", "data", "duration", "starred", "metrics.f1", "model"))
    )
    for text in ("", "NOT params.depth = 3", "data ~ csv"):
        asked = RunQuery(20, where=parse_query(text), order=parse_order("-metrics.f1"), offset=3, now_ms=NOW)
        assert fast.search(asked) == official.search(asked)
        assert sorted(fast.values(asked, fields), key=repr) == sorted(official.values(asked, fields), key=repr)
    for kind in ("metrics", "params"):
        assert fast.names(kind) == official.names(kind)


def test_groups_are_judged_by_a_metric(filled):
    everything = list_runs(filled, limit=1000)
    groups = group_runs(filled, "params.depth", sort="-metrics.f1")
    assert sum(group.runs for group in groups) == len(everything)
    for group in groups:
        members = [card for card in everything if card.params.get("depth", "") == group.value]
        values = [card.metrics["f1"] for card in members if "f1" in card.metrics]
        assert group.runs == len(members) or group.value == ""
        if group.value:
            assert group.best == (max(values) if values else None)
            assert group.mean is None or min(values) <= group.mean <= max(values)
    best = [group.best for group in groups if group.best is not None]
    assert best == sorted(best, reverse=True)
    assert [group.value for group in group_runs(filled, "state")] != []
    days = {group.value: group.runs for group in group_runs(filled, "started")}
    assert days == Counter(card.started_at[:10] for card in everything)
    lengths = {group.value: group.runs for group in group_runs(filled, "duration")}
    for name, query in {"< 1s": "duration < 1s", "10s to 1m": "duration >= 10s AND duration < 1m"}.items():
        assert lengths.get(name, 0) == len(list_runs(filled, query, limit=1000))
    per_input = {group.value: group.runs for group in group_runs(filled, "data")}
    assert per_input["data/a.csv"] == len(list_runs(filled, "data = data/a.csv"))
    with pytest.raises(UsageError, match="judged by a metric"):
        group_runs(filled, "state", sort="params.depth")


def test_a_name_that_no_run_has_is_a_typing_error(filled, project):
    for text, at in (("metrics.`val lss` > 0.1", 1), ("starred AND NOT params.`dept` = 1", 17)):
        with pytest.raises(UsageError, match="did you mean") as refusal:
            list_runs(filled, text)
        assert refusal.value.code == "query-invalid"
        assert f"character {at}:" in refusal.value.message
    with pytest.raises(UsageError, match="known: a/b, f1"):
        list_runs(filled, sort="-metrics.f2")
    with pytest.raises(UsageError, match=r"no run has metrics\.f2") as refusal:
        list_runs(filled, "starred OR metrics.f1 > 0", sort="-metrics.f2")
    assert "starred" not in refusal.value.message, "it is the order that names it"
    with pytest.raises(UsageError, match="did you mean 'depth'"):
        group_runs(filled, "params.dept")
    assert list_runs(filled, "tags.never = 1") == ()


def test_in_an_empty_store_every_name_may_still_come(project):
    assert list_runs(project, "metrics.f1 > 0", sort="-metrics.f1") == ()
    assert group_runs(project, "params.depth", sort="metrics.loss") == ()


def test_indexes_leave_mlflow_what_it_had(filled):
    path = sqlite_path(filled)
    before = reader_of(filled).search(RunQuery(1000))
    assert ensure_indexes(path)
    assert reader_of(filled).search(RunQuery(1000)) == before == ClientRows(filled).search(RunQuery(1000))
    with sqlite3.connect(path) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT run_uuid FROM tags WHERE key = 'a' AND value = 'b' AND length(value) <= 250"
        ).fetchall()
        assert "workbench_tags_by_value" in plan[0][3]
        for name in INDEXES:
            connection.execute(f"DROP INDEX {name}")
    connection.close()
    assert not ensure_indexes(path.with_name("missing.db"))
    assert not path.with_name("missing.db").exists()


def test_a_query_cannot_reach_into_sql(filled):
    for evil in ("'); DROP TABLE runs; --", "%", "\\", "x' OR '1'='1", "\x00"):
        assert list_runs(filled, f"name = {quoted(evil)}") == ()
        assert list_runs(filled, f"tags.`{evil.replace('`', '')}` = 1") == ()
    assert len(list_runs(filled)) > 50


def test_limits_are_kept(filled):
    for arguments in ({"offset": -1}, {"limit": 0}, {"limit": 10_001}, {"offset": 1 << 70}):
        with pytest.raises(UsageError, match="limit-out-of-range"):
            list_runs(filled, **arguments)
    assert list_runs(filled, offset=10_000) == ()
