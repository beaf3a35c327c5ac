"""Bad days of jobs and targets."""

from __future__ import annotations

import json

from tests.bad_day.situations import NOISE, NOTEBOOK, TRAIN, Case, after, far, folder, nothing, record, write

WITH_DATA = json.dumps(NOTEBOOK).replace("alpha = 0.5", "alpha = 'data/rows.csv'")
BODY = {
    "notebook": TRAIN,
    "notebook_digest": "",
    "target": "local",
    "name": "train",
    "attempt": 1,
    "replay_of": "",
    "params": {},
    "actor": "author@example.com",
    "submitted_at": "2026-01-01T00:00:00+00:00",
}
NO_JOB = {"job": "jb-none"}
JOB = {"job": "jb-00000001"}
FAR = {"notebook": TRAIN, "target": "cluster"}


def job(state: str, id: str = "jb-00000001") -> object:
    """Record a job in some state."""
    return record("job", id, state, {**BODY, "ended_at": "2026-01-01T00:00:01+00:00"})


CASES = (
    Case("jobs-of-noise", write(".workbench/journal.db", NOISE), "jobs", "journal-unreadable"),
    Case("secrets-no-toml", write("workbench.toml", NOISE), "secrets", "config-syntax"),
    Case("targets-no-toml", write("workbench.toml", NOISE), "targets", "config-syntax"),
    Case("target-of-no-kind", far("slrum"), "run", "target-kind-unknown", FAR),
    Case("show-no-job", nothing, "jobs show", "job-unknown", NO_JOB),
    Case(
        "any-job",
        after(job("SUCCEEDED"), job("SUCCEEDED", "jb-00000002")),
        "jobs show",
        "job-ambiguous",
        {"job": "jb-0"},
    ),
    Case("cancel-no-job", nothing, "cancel", "job-unknown", NO_JOB),
    Case(
        "cancel-any-job",
        after(job("SUCCEEDED"), job("SUCCEEDED", "jb-00000002")),
        "cancel",
        "job-ambiguous",
        {"job": "jb-0"},
    ),
    Case("retry-what-succeeded", job("SUCCEEDED"), "retry", "job-succeeded", JOB),
    Case("fetch-from-elsewhere", job("SUCCEEDED"), "fetch", "pattern-outside-job", {**JOB, "patterns": ("../*",)}),
    Case(
        "fetch-nothing",
        after(job("SUCCEEDED"), folder(".workbench/jobs/jb-00000001")),
        "fetch",
        "job-files-missing",
        {**JOB, "patterns": ("nope",)},
    ),
    *(
        Case(
            f"fetch-by-a-pattern-that-is-none-{at}",
            after(job("SUCCEEDED"), folder(".workbench/jobs/jb-00000001")),
            "fetch",
            "job-files-missing",
            {**JOB, "patterns": (pattern,)},
        )
        for at, pattern in enumerate(("", ".", "**zzz"))
    ),
    Case("jobs-of-none", nothing, "jobs", "limit-out-of-range", {"limit": 0}),
    Case("notebook-elsewhere", nothing, "run", "notebook-outside-project", {"notebook": "/tmp/x.ipynb"}),
    Case("parameters-of-no-file", nothing, "run", "parameters-missing", {"notebook": TRAIN, "params_file": "p.yaml"}),
    Case(
        "parameters-no-yaml",
        write("p.yaml", "["),
        "run",
        "parameters-unreadable",
        {"notebook": TRAIN, "params_file": "{root}/p.yaml"},
    ),
    Case("retry-what-runs", job("RUNNING"), "retry", "job-not-ended", JOB),
    Case("jobs-a-file", write(".workbench/jobs", ""), "run", "path-blocked", {"notebook": TRAIN}),
    Case("gpu-where-none-is", nothing, "run", "target-too-small", {"notebook": TRAIN, "gpus": 1}),
    Case(
        "data-to-fit-fails-its-checks",
        after(write("data/rows.csv.checks.toml", "[columns.a]\nmax = 0\n"), write(TRAIN, WITH_DATA)),
        "run",
        "data-checks-failed",
        {"notebook": TRAIN},
    ),
)
