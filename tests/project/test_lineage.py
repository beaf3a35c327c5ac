"""Lineage both ways: from a file to the windows that rest on it and back, from real runs and the journal's records."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from workbench.data.quality.clean import clean_data
from workbench.data.tables.exports import export_data
from workbench.data.tables.imports import import_table
from workbench.experiment.store.tracking import finish_run, start_run
from workbench.foundation.errors import NotFoundError, UsageError
from workbench.foundation.project import Project
from workbench.project.lineage.export import export_lineage
from workbench.project.lineage.walk import show_lineage

VERSION, OTHER = "data/a.csv@0123456789ab", "data/a.csv@ba9876543210"
DIGEST = "sha256:" + "5" * 64
CHANNEL = "fault@production"


def put(project: Project, noun: str, id: str, state: str, **body: object) -> None:
    with project.journal.transaction() as change:
        change.append(f"{noun}.recorded", f"{noun}:{id}", {})
        change.put(noun, id, state, body)


def run_on(project: Project, *inputs: tuple[str, str], **tags: str) -> str:
    read = [{"path": path, "digest": "sha256:0", "dataset_version": version} for path, version in inputs]
    named = {f"workbench.{name}": value for name, value in tags.items()}
    run = start_run(project, source="notebooks/train.ipynb", tags={"workbench.inputs": json.dumps(read), **named})
    finish_run(project, run, "FINISHED")
    return run


@pytest.fixture(scope="module")
def road(tmp_path_factory) -> tuple[Project, dict[str, str]]:
    root = tmp_path_factory.mktemp("road")
    (root / "workbench.toml").write_text('[project]\nname = "line"\n')
    project = Project.open(root, actor="ada@example.org")
    for version in (VERSION, OTHER):
        at = "2026-11-01T00:00:00.000+00:00"
        put(project, "dataset", version, "RECORDED", path="data/a.csv", created_at=at, actor="ada@example.org")
    run = run_on(project, ("data/a.csv", VERSION), ("data/loose.csv", ""), models='["fault"]')
    replay = run_on(project, ("data/a.csv", VERSION), replay_of=run)
    other = run_on(project, ("data/a.csv", OTHER))
    review = {"run": run, "model": "fault", "model_digest": DIGEST, "requester": "ada@example.org"}
    put(project, "review", "rv-1", "APPROVED", requested_at="2026-11-02T00:00:00.000+00:00", **review)
    release = {
        "channel": CHANNEL,
        "model": "fault",
        "model_digest": DIGEST,
        "review": "rv-1",
        "actor": "op@example.org",
    }
    put(project, "release", "rl-1", "CURRENT", released_at="2026-11-03T00:00:00.000+00:00", **release)
    served = {"channel": CHANNEL, "model_digest": DIGEST}
    for index in range(2):
        at = f"2026-11-04T0{index}:00:00.000+00:00"
        put(project, "window", f"{CHANNEL}/{'5' * 16}/{index}", "RECORDED", index=index, started_at=at, **served)
    put(project, "alert", "al-1", "OPEN", kind="drift", raised_at="2026-11-05T00:00:00.000+00:00", **served)
    put(project, "job", "jb-1234", "SUCCEEDED", run=run)
    return project, {"run": run, "replay": replay, "other": other}


def named(road: tuple[Project, dict[str, str]], id: str, direction: str) -> set[str]:
    project, runs = road
    names = {run: name for name, run in runs.items()}
    found = show_lineage(project, id, direction)
    assert {end for edge in found.edges for end in (edge.source, edge.target)} <= {node.id for node in found.nodes}
    assert found.is_complete
    return {f"{node.kind}:{names.get(node.name, node.name)}" for node in found.nodes}


MODEL, WINDOWS = f"model:{DIGEST}", {f"window:{CHANNEL}/{'5' * 16}/{index}" for index in range(2)}
STEPS = ("data.cleaned", "data.imported", "data.exported")
SERVED = {MODEL, "review:rv-1", "release:rl-1", *WINDOWS, "alert:al-1"}
SOURCES = {"file:data/a.csv", f"dataset:{VERSION}", "file:data/loose.csv", "notebook:notebooks/train.ipynb"}


@pytest.mark.checklist("S1-20")
def test_a_window_of_predictions_leads_back_to_the_data(road) -> None:
    start = f"{CHANNEL}/{'5' * 16}/1"
    assert named(road, start, "up") == {f"window:{start}", "release:rl-1", "review:rv-1", MODEL, "run:run", *SOURCES}


def test_a_dataset_version_leads_to_every_prediction_that_rests_on_it(road) -> None:
    assert named(road, VERSION, "down") == {f"dataset:{VERSION}", "run:run", "run:replay", *SERVED}
    assert named(road, OTHER, "down") == {f"dataset:{OTHER}", "run:other"}
    assert named(road, "data/a.csv", "down") >= {"run:run", "run:other", *WINDOWS}


def test_a_file_that_nobody_versioned_is_found_too(road) -> None:
    assert named(road, "data/loose.csv", "down") == {"file:data/loose.csv", "run:run", "run:replay", *SERVED}


def test_both_ways_from_the_middle(road) -> None:
    project, runs = road
    everything = {"run:run", "run:replay", *SOURCES, *SERVED}
    assert named(road, runs["run"], "both") == everything
    assert named(road, runs["run"][:10], "both") == everything, "a beginning is enough"
    assert named(road, "jb-1234", "both") == everything, "a job is its run"
    steps = {(edge.kind) for edge in show_lineage(project, runs["run"]).edges}
    assert steps == {"versioned", "read", "ran", "replayed", "made", "reviewed", "allowed", "answered", "raised"}


@pytest.mark.parametrize("id", [DIGEST, "5" * 12, "rv-1", "rl-1", CHANNEL, f"release:{CHANNEL}"])
def test_whatever_stands_on_the_road_can_be_asked_for(road, id) -> None:
    assert "run:run" in named(road, id, "up")
    assert named(road, id, "down") >= WINDOWS


def test_steps_without_a_run_are_on_the_road_too(tmp_path) -> None:
    (tmp_path / "workbench.toml").write_text('[project]\nname = "line"\n')
    project = Project.open(tmp_path, actor="ada@example.org")
    with project.journal.transaction() as change:
        change.append("data.reduced", "data:data/small.csv", {"source": "data/raw.csv", "output": "data/small.csv"})
        stage = {"notebook": "notebooks/prepare.ipynb", "inputs": ["data/small.csv"], "outputs": ["data/ready.csv"]}
        change.append("pipeline.added", "stage:prepare", stage)
        change.append("data.rewritten", "erasure:er-1", {"versions": {"data/ready.csv@000000000000": OTHER}})
    put(project, "dataset", "data/ready.csv@000000000000", "RECORDED", path="data/ready.csv")
    put(project, "dataset", OTHER, "RECORDED", path="data/a.csv")
    run = run_on(project, ("data/a.csv", OTHER))
    found = show_lineage(project, run, "up")
    assert {node.name for node in found.nodes} >= {"data/raw.csv", "data/small.csv", "notebooks/prepare.ipynb", OTHER}
    assert {edge.kind for edge in found.edges} >= {"reduced", "declared", "rewritten", "versioned"}
    assert run in {node.name for node in show_lineage(project, "file:data/raw.csv", "down").nodes}


def test_a_table_that_a_verb_has_written_leads_back_to_what_it_read(tmp_path) -> None:
    (tmp_path / "workbench.toml").write_text('[project]\nname = "line"\n')
    project = Project.open(tmp_path, actor="ada@example.org")
    (tmp_path / "raw.csv").write_text("id,v\n" + "".join(f"{n},{n % 7}\n" for n in range(30)))
    (tmp_path / "clean.toml").write_text('[[steps]]\ndo = "fill-missing"\nby = "median"\ncolumns = ["v"]\n')
    for _ in range(2):
        clean_data(project, "raw.csv", out="clean.csv", recipe="clean.toml", whole=True)
        import_table(project, str(tmp_path / "clean.csv"), name="kept")
        export_data(project, "data/kept.table", tmp_path / "again.parquet", overwrite=True)
    export_data(project, "data/kept.table", tmp_path.parent / "elsewhere.parquet", overwrite=True)
    found = show_lineage(project, "file:raw.csv", "down")
    assert {(edge.source, edge.target, edge.kind) for edge in found.edges if edge.kind != "versioned"} == {
        ("file:raw.csv", "file:clean.csv", "cleaned"),
        ("file:clean.csv", "file:data/kept.table", "imported"),
        ("file:data/kept.table", "file:again.parquet", "exported"),
    }
    assert len([event for event in project.journal.events(kind="data.*") if event.kind in STEPS]) == len(STEPS)


def test_what_is_cut_off_is_said(road) -> None:
    found = show_lineage(road[0], VERSION, "down", limit=3)
    assert len(found.nodes) <= 3
    assert found.start in {node.id for node in found.nodes}
    assert not found.is_complete


@pytest.mark.parametrize(
    ("id", "options", "error", "code"),
    [
        ("nothing-of-this-name", {}, NotFoundError, "lineage-unknown"),
        ("x", {}, NotFoundError, "lineage-unknown"),
        ("", {}, NotFoundError, "lineage-unknown"),
        ("data/a.csv@", {}, UsageError, "lineage-ambiguous"),
        ("rv-1", {"direction": "sideways"}, UsageError, "direction-unknown"),
        ("rv-1", {"limit": 0}, UsageError, "limit-out-of-range"),
    ],
)
def test_wrong_questions_are_named(road, id, options, error, code) -> None:
    with pytest.raises(error) as caught:
        show_lineage(road[0], id, **options)
    assert caught.value.code == code


def test_provenance_is_read_by_the_tool_of_its_own_field(road, tmp_path) -> None:
    from prov.model import ProvActivity, ProvAgent, ProvDerivation, ProvDocument, ProvEntity, ProvUsage

    project, runs = road
    written = export_lineage(project, runs["run"], tmp_path / "out" / "lineage.json")
    document = ProvDocument.deserialize(str(tmp_path / "out" / "lineage.json"), format="json")
    lineage = show_lineage(project, runs["run"])
    assert written.entries == len(lineage.nodes) + len(lineage.edges)
    things = list(document.get_records((ProvEntity, ProvActivity)))
    assert len(things) == len(lineage.nodes)
    assert {str(r.identifier) for r in document.get_records(ProvAgent)} == {
        "wb:person/ada%40example.org", "wb:person/op%40example.org",
    }  # fmt: skip
    used = {(str(a), str(e)) for a, e in ((r.args[0], r.args[1]) for r in document.get_records(ProvUsage))}
    assert (f"wb:run/{runs['run']}", "wb:dataset/data/a.csv%400123456789ab") in used
    assert list(document.get_records(ProvDerivation))
    again = ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
    assert again == document


def test_runs_are_written_as_openlineage_too(road, tmp_path) -> None:
    written = export_lineage(road[0], "rv-1", tmp_path / "events.jsonl", format="openlineage")
    events = [json.loads(line) for line in Path(written.to).read_text().splitlines()]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    with pytest.raises(UsageError):
        export_lineage(road[0], "rv-1", tmp_path / "x", format="dot")


def test_ten_thousand_runs_are_walked_in_a_moment(tmp_path) -> None:
    import sqlite3

    (tmp_path / "workbench.toml").write_text('[project]\nname = "line"\n')
    project = Project.open(tmp_path, actor="ada@example.org")
    first = run_on(project, ("data/a.csv", VERSION))
    with sqlite3.connect(project.state_dir / "mlflow.db") as store:
        columns = [row[1] for row in store.execute("PRAGMA table_info(runs)")]
        row = dict(zip(columns, store.execute("SELECT * FROM runs").fetchone(), strict=True))
        runs = [{**row, "run_uuid": f"{n:032x}", "start_time": row["start_time"] + n} for n in range(10_000)]
        marks = ", ".join(f":{name}" for name in columns)
        store.executemany(f"INSERT INTO runs ({', '.join(columns)}) VALUES ({marks})", runs)
        tags = store.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (first,)).fetchall()
        other = [(key, value.replace(VERSION, OTHER), f"{n:032x}") for n in range(10_000) for key, value in tags]
        kept = [(key, value.replace(OTHER, VERSION) if run[-1] == "7" else value, run) for key, value, run in other]
        store.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", kept)
        store.commit()
        store.execute("PRAGMA analysis_limit=400")
        store.execute("ANALYZE")
    store.close()
    show_lineage(project, first)
    begun = time.process_time()
    assert len(show_lineage(project, VERSION, "down", limit=2000).nodes) == 1 + 1 + 625
    spent = time.process_time() - begun
    begun = time.process_time()
    assert len(show_lineage(project, first, "up").nodes) == 4
    single = time.process_time() - begun
    assert (spent < 2.0, single < 0.5) == (True, True), (spent, single)
