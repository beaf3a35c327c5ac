"""Finding runs: any page of 100,000 runs, and the top 100 of 10,000 against ``mlflow.search_runs`` in the same run.

Budgets: every page below takes at most 0.2 s of CPU at 100,000 runs (ten metrics, parameters and tags each); the top
100 of 10,000 by a metric takes at most 1/50 of what ``mlflow.search_runs`` takes for it in a store as MLflow leaves it,
and gives the same runs. (MLflow never runs ``ANALYZE``; what it takes once somebody has run it is printed too.) Stores
are written by plain SQL in MLflow's own schema. CPU time, since the machine is shared; alternating; medians; each call
opens the store anew, as a new process would.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workbench.experiment.runs import count_runs, group_runs, list_runs
from workbench.experiment.store.creation import ensure_store, sqlite_path
from workbench.experiment.store.indexes import ensure_indexes
from workbench.foundation.project import Project

ROUNDS = 3
PAGE_S = 0.2
RATIO = 50
T0 = 1_780_000_000_000


def make_store(folder: Path, runs: int) -> Project:
    """Return a project with so many runs."""
    folder.mkdir()
    (folder / "workbench.toml").write_text('[project]\nname = "bench"\n')
    project = Project.open(folder)
    ensure_store(project)
    rng = random.Random(7)
    connection = sqlite3.connect(sqlite_path(project))
    connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
    (number,) = connection.execute("SELECT experiment_id FROM experiments WHERE name = 'bench'").fetchone()
    ids = [f"{rng.getrandbits(128):032x}" for _ in range(runs)]
    with connection:
        connection.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
            " end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
            " VALUES (?, ?, 'NOTEBOOK', '', '', 'ada', ?, ?, ?, '', ?, '', ?)",
            (
                (run, f"run {n}", rng.choice(["FINISHED"] * 9 + ["FAILED"]), T0 + n * 1000,
                 T0 + n * 1000 + rng.randrange(900_000), "deleted" if n % 50 == 0 else "active", number)
                for n, run in enumerate(ids)
            ),
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, 0, 0, ?)",
            ((f"m{k}", rng.random(), T0, run) for run in ids for k in range(10)),
        )
        connection.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            ((f"p{k}", str(rng.randrange(10)), run) for run in ids for k in range(10)),
        )
        connection.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
            ((key, value, run) for n, run in enumerate(ids) for key, value in tags_of(n)),
        )
    connection.close()
    return project


def tags_of(number: int) -> list[tuple[str, str]]:
    """Return ten tags, as a captured run has them."""
    version = f"data/a.csv@{number % 13:012x}"
    inputs = f'[{{"path": "data/a.csv", "digest": "sha256:{"a" * 64}", "dataset_version": "{version}", "reader": ""}}]'
    return [
        ("mlflow.user", "ada"),
        ("mlflow.source.name", "n.ipynb"),
        ("mlflow.runName", f"run {number}"),
        ("workbench.actor", "ada@example.org"),
        ("workbench.source", f"n{number % 7}.ipynb"),
        ("workbench.target", "local" if number % 3 else "cluster"),
        ("workbench.commit", "c" * 40),
        ("workbench.environment_digest", "sha256:" + "e" * 64),
        ("workbench.level", f"R{number % 4}"),
        ("workbench.inputs", inputs),
    ]


def cpu_s(action: Callable[[], object]) -> float:
    """Return the median CPU seconds of an action."""
    spent = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        action()
        spent.append(time.process_time() - begun)
    return statistics.median(spent)


def pages(project: Project) -> dict[str, Callable[[], object]]:
    """Return what is asked of the large store."""

    def listed(query: str = "", **options: object) -> Callable[[], object]:
        return lambda: list_runs(project, query, **options)

    return {
        "count, as the status page asks": lambda: count_runs(project),
        "newest 100": listed(),
        "page 900 of the newest": listed(offset=90_000),
        "top 100 by metric": listed(sort="-metrics.m3"),
        "page 900 by metric": listed(sort="-metrics.m3", offset=90_000),
        "top 100 by parameter": listed(sort="params.p3"),
        "longest 100": listed(sort="-duration"),
        "m3 > 0.99": listed("metrics.m3 > 0.99"),
        "m3 > 0.1 AND NOT p3 = 3, by m5": listed("metrics.m3 > 0.1 AND NOT params.p3 = 3", sort="-metrics.m5"),
        "m3 > 0.9 AND (p1 = 2 OR source)": listed("metrics.m3 > 0.9 AND (params.p1 = 2 OR source = n3.ipynb)"),
        "target, level, last day": listed("target = cluster AND level >= R2 AND started > 2026-05-29"),
        "nothing matches": listed("metrics.m3 > 2 AND tags.never = 1"),
        "one dataset version": listed("data = 'data/a.csv@000000000003'"),
        "deleted": listed(deleted=True),
    }


def main() -> int:
    """Print the figures; 1 where a budget is broken."""
    is_broken = False
    with tempfile.TemporaryDirectory() as name:
        peer, ours = (make_store(Path(name) / folder, 10_000) for folder in ("peer", "ours"))
        ensure_indexes(sqlite_path(ours))
        is_broken |= not against_mlflow(peer, ours, "as MLflow leaves it", RATIO)
        analyze(peer)
        against_mlflow(peer, ours, "after ANALYZE", 0)
        large = make_store(Path(name) / "large", 100_000)
        ensure_indexes(sqlite_path(large))
        for what, action in pages(large).items():
            spent = cpu_s(action)
            is_broken |= spent > PAGE_S
            print(f"100,000 runs: {what:<34} {spent:6.3f} s of CPU  {'kept' if spent <= PAGE_S else 'BROKEN'}")
        spent = cpu_s(lambda: group_runs(large, "params.p3", sort="-metrics.m3"))
        print(f"100,000 runs: {'all of them, grouped and judged':<34} {spent:6.3f} s of CPU  (no page: no budget)")
    return int(is_broken)


def against_mlflow(peer: Project, ours: Project, how: str, budget: int) -> bool:
    """Print the ratio for the top 100 of 10,000 runs and tell whether the budget is kept."""
    import mlflow

    mlflow.set_tracking_uri(peer.tracking_uri)
    mlflow.search_runs(experiment_names=["bench"], max_results=1)  # opening its store is no part of searching
    theirs, own = [], []
    for _ in range(ROUNDS):
        begun = time.process_time()
        expected = mlflow.search_runs(
            experiment_names=["bench"], order_by=["metrics.m3 DESC"], max_results=100, output_format="list"
        )
        between = time.process_time()
        found = list_runs(ours, sort="-metrics.m3")
        own.append(time.process_time() - between)
        theirs.append(between - begun)
        if [run.info.run_id for run in expected] != [card.id for card in found]:
            print("FAIL: not the runs that mlflow.search_runs finds")
            return False
    slow, fast = statistics.median(theirs), statistics.median(own)
    is_kept = slow >= budget * fast
    verdict = f"  budget 1/{budget}: {'kept' if is_kept else 'BROKEN'}" if budget else ""
    print(
        f"top 100 of 10,000 by metric: mlflow.search_runs {how} {slow:.3f} s, mlops runs {fast:.4f} s of CPU:"
        f" 1/{slow / fast:.0f}{verdict}"
    )
    return is_kept


def analyze(project: Project) -> None:
    """Give sqlite the statistics that a tuned store has."""
    connection = sqlite3.connect(sqlite_path(project))
    connection.executescript("PRAGMA analysis_limit = 400; ANALYZE")
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
