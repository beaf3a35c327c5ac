"""Bad days of runs, their lineage, storage, sweeps and pipelines."""

from __future__ import annotations

from tests.bad_day.situations import NOISE, TRAIN, Case, after, append, archive, mlflow_sql, nothing, record, write

NO_RUN = {"run": "nope"}
NO_RUNS = {"runs": ("nope",)}
ADD = {"notebook": TRAIN, "outputs": ("data/out.csv",)}
SWEEP_BODY = {"notebook": TRAIN, "target": "local"}
journal_noise = write(".workbench/journal.db", NOISE)

CASES = (
    # project
    Case("init-over-a-file", nothing, "init", "folder-is-file", {"folder": "{root}/workbench.toml"}),
    Case("init-from-no-template", nothing, "init", "template-unknown", {"folder": "{root}/x", "template": "shutle"}),
    Case("init-without-a-name", nothing, "init", "project-name", {"folder": "{root}/x", "name": "\x07"}),
    Case("doctor-without-configuration", write("workbench.toml", NOISE), "doctor", "config-syntax"),
    Case("store-of-others", write("data/x.db", ""), "store tune", "not-an-mlflow-store", {"path": "data/x.db"}),
    Case("name-a-number", write("workbench.toml", "[project]\nname = 3"), "status", "config-wrong-type"),
    # runs
    Case("limit-of-none", nothing, "runs", "limit-out-of-range", {"limit": 0}),
    Case("state-of-none", nothing, "runs", "state-unknown", {"state": "FINISHD"}),
    Case("group-by-nothing", nothing, "runs group", "query-invalid", {"field": "metrics"}),
    Case("verify-no-run", nothing, "runs verify", "run-unknown", NO_RUN),
    Case("evidence-of-no-run", nothing, "runs evidence", "run-unknown", NO_RUN),
    Case("compare-one", nothing, "runs compare", "too-few-runs", {"runs": ("{run}",)}),
    Case("compare-no-run", nothing, "runs compare", "run-unknown", {"runs": ("{run}", "nope")}),
    Case("diff-no-run", nothing, "runs diff", "run-unknown", {"before": "{run}", "after": "nope"}),
    Case("tag-no-run", nothing, "runs tag", "run-unknown", {**NO_RUN, "tags": {"a": "b"}}),
    Case("tag-a-fact", nothing, "runs tag", "tag-reserved", {"run": "{run}", "tags": {"mlflow.user": "me"}}),
    Case("tag-a-book", nothing, "runs tag", "tag-too-long", {"run": "{run}", "tags": {"a": "b" * 9000}}),
    Case("note-no-run", nothing, "runs note", "run-unknown", {**NO_RUN, "text": "x"}),
    Case("note-a-book", nothing, "runs note", "tag-too-long", {"run": "{run}", "text": "b" * 9000}),
    Case("star-no-run", nothing, "runs star", "run-unknown", NO_RUNS),
    Case("unstar-no-run", nothing, "runs unstar", "run-unknown", NO_RUNS),
    Case("delete-no-run", nothing, "runs delete", "run-unknown", NO_RUNS),
    Case("delete-what-is-served", nothing, "runs delete", "run-in-use", {"runs": ("{run}",)}),
    Case("undelete-no-run", nothing, "runs undelete", "run-unknown", NO_RUNS),
    Case(
        "export-over-a-file",
        nothing,
        "runs export",
        "file-exists",
        {"path": "{root}/workbench.toml", "runs": ("{run}",)},
    ),
    Case("export-no-runs", nothing, "runs export", "nothing-to-export", {"path": "{root}/x.zip"}),
    Case("export-no-run", nothing, "runs export", "run-unknown", {"path": "{root}/x.zip", **NO_RUNS}),
    Case(
        "any-run",
        mlflow_sql(
            "CREATE TEMP TABLE t AS SELECT * FROM runs;"
            " UPDATE t SET run_uuid = substr(run_uuid, 1, 8) || '0'; INSERT INTO runs SELECT * FROM t"
        ),
        "runs show",
        "run-ambiguous",
        {"run": "{run_start}"},
    ),
    Case("import-no-archive", archive("x.zip"), "runs import", "archive-invalid", {"path": "{root}/x.zip"}),
    Case("import-no-runs", nothing, "runs import", "archive-missing", {"path": "{root}/x.zip"}),
    Case("import-runs-of-noise", write("x.zip", NOISE), "runs import", "archive-changed", {"path": "{root}/x.zip"}),
    Case("reproduce-to-no-level", nothing, "reproduce", "level-unknown", {"run": "{bare_run}", "level": "R9"}),
    Case("reproduce-never", nothing, "reproduce", "replays-out-of-range", {"run": "{bare_run}", "replays": 0}),
    Case("reproduce-backwards", nothing, "reproduce", "number-negative", {"run": "{bare_run}", "tolerance": -1.0}),
    # lineage
    Case("lineage-no-way", nothing, "lineage", "direction-unknown", {"id": "{run}", "direction": "sideways"}),
    Case("lineage-of-none", nothing, "lineage", "limit-out-of-range", {"id": "{run}", "limit": 0}),
    Case(
        "lineage-in-no-format",
        nothing,
        "lineage export",
        "format-unknown",
        {"id": "{run}", "to": "{root}/x.json", "format": "provv"},
    ),
    Case("lineage-told-nobody", nothing, "lineage emit", "openlineage-unset"),
    Case(
        "lineage-told-nowhere",
        append("workbench.toml", '\n[lineage]\nopenlineage = "ftp://x"\n'),
        "lineage emit",
        "openlineage-address",
    ),
    # sweeps
    Case("sweeps-of-noise", journal_noise, "sweeps", "journal-unreadable"),
    Case("cancel-no-sweep", nothing, "sweep cancel", "sweep-unknown", {"sweep": "sw-none"}),
    Case(
        "cancel-any-sweep",
        after(
            record("sweep", "sw-1", "FAILED", SWEEP_BODY),
            record("sweep", "sw-12", "FAILED", SWEEP_BODY),
            record("sweep", "sw-123", "FAILED", SWEEP_BODY),
        ),
        "sweep cancel",
        "sweep-ambiguous",
        {"sweep": "sw-"},
    ),
    # pipelines
    Case("pipeline-no-yaml", write("dvc.yaml", "stages: ["), "pipeline", "dvc-failed"),
    Case("pipeline-runs-of-noise", journal_noise, "pipeline runs", "journal-unreadable"),
    Case("stage-without-output", nothing, "pipeline add", "stage-invalid", {"notebook": TRAIN}),
    Case("stage-of-no-notebook", nothing, "pipeline add", "notebook-missing", {**ADD, "notebook": "notebooks/x.ipynb"}),
    Case("stage-under-no-name", nothing, "pipeline add", "stage-invalid", {**ADD, "name": "a b"}),
    Case(
        "stage-with-no-such-parameter", nothing, "pipeline add", "parameter-unknown", {**ADD, "params": {"alhpa": "1"}}
    ),
    Case("stage-of-data-recorded", nothing, "pipeline add", "data-overlaps", {**ADD, "outputs": ("data/rows.csv",)}),
    Case("stage-beside-no-yaml", write("dvc.yaml", "stages: ["), "pipeline add", "pipeline-unreadable", ADD),
    Case(
        "stage-beside-params-no-yaml",
        write("params.yaml", "["),
        "pipeline add",
        "parameters-unreadable",
        {**ADD, "params": {"alpha": "1"}},
    ),
)
