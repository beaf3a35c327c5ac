"""A table of 1,000,000 rows x 20 columns, versioned by the block against ``dvc add`` of the same table as one file.

Stored is what DVC's own cache grew by, measured on the disk for both. Changes: 1 % of rows appended (budget: at most
2 % of the first version), 1 % put in in the middle, 100 scattered cells, a new column. A keyed comparison of two
versions that were looked at before (budget: 1 s of CPU) stands against pandas' outer merge of the same frames, already
in memory. A planted fault first: cuts that start over at every change must miss the budget, or the figures would prove
nothing.

    python benchmarks/table_versions.py [rows]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from workbench.data.tables import blocks
from workbench.data.tables.diff import diff_data
from workbench.data.tables.imports import import_table
from workbench.data.tables.profile import profile_data
from workbench.foundation.project import Project

APPEND_BUDGET = 0.02
DIFF_BUDGET_S = 1.0
PROFILE_BUDGET_S = 10.0
ROUNDS = 3


def made(rows: int, first: int = 0, seed: int = 1) -> pd.DataFrame:
    """Return readings of a line: a key, 16 sensors, a count, a grade and a share."""
    rng = np.random.default_rng(seed)
    sensors = {f"s{i}": rng.normal(40, 10, rows).round(4) for i in range(16)}
    grades = rng.choice(["L", "M", "H"], rows)
    return pd.DataFrame(
        {
            "id": np.arange(first, first + rows),
            **sensors,
            "n": rng.integers(0, 1000, rows),
            "g": grades,
            "u": rng.random(rows),
        }
    )


def changes(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the frame and what became of it."""
    rows = len(frame)
    extra = made(rows // 100, first=rows, seed=2)
    cells = frame.copy()
    rng = np.random.default_rng(3)
    for row, column in zip(rng.choice(rows, 100, replace=False), rng.integers(1, 17, 100), strict=True):
        cells.iat[row, column] = -1.0
    middle = pd.concat([frame.iloc[: rows // 3], extra, frame.iloc[rows // 3 :]], ignore_index=True)
    return {
        "first version": frame,
        "1 % appended": pd.concat([frame, extra], ignore_index=True),
        "1 % in the middle": middle,
        "100 cells": cells,
        "new column": frame.assign(ratio=(frame["s0"] / frame["s1"]).round(4)),
    }


def cache_bytes(root: Path) -> int:
    """Return what DVC's cache takes."""
    return sum(path.stat().st_size for path in (root / ".dvc" / "cache").rglob("*") if path.is_file())


def spent(begun: os.times_result) -> float:
    """Return CPU seconds of this process and its children since then."""
    now = os.times()
    return sum(now[:4]) - sum(begun[:4])


def project_in(folder: Path) -> Project:
    """Make an empty project."""
    (folder / "data").mkdir(parents=True)
    (folder / "workbench.toml").write_text('[project]\nname = "bench"\n')
    return Project.open(folder, actor="bench@example.org")


def ours(folder: Path, frames: dict[str, pd.DataFrame]) -> tuple[Project, dict[str, tuple[int, float]], dict[str, str]]:
    """Import every frame from Parquet after the first version again; return stored bytes and CPU seconds."""
    project = project_in(folder)
    figures, versions = {}, {}
    base = folder / "base.parquet"
    frames["first version"].to_parquet(base, index=False)
    for name, frame in frames.items():
        if versions:
            import_table(project, str(base), name="line")
        path = folder / "next.parquet"
        frame.to_parquet(path, index=False)
        before, begun = cache_bytes(folder) if versions else 0, os.times()
        versions[name] = import_table(project, str(path), name="line").version.id
        figures[name] = (cache_bytes(folder) - before, spent(begun))
    return project, figures, versions


def theirs(folder: Path, frames: dict[str, pd.DataFrame], suffix: str) -> dict[str, tuple[int, float]]:
    """Add every frame with ``dvc add`` as one file."""
    folder.mkdir()
    dvc = str(Path(sys.executable).with_name("dvc"))
    quiet = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    subprocess.run([dvc, "init", "--no-scm", "-q"], cwd=folder, check=True, env=quiet)
    figures = {}
    for name, frame in frames.items():
        target = folder / f"line{suffix}"
        target.unlink(missing_ok=True)
        frame.to_csv(target, index=False) if suffix == ".csv" else frame.to_parquet(target, index=False)
        before, begun = cache_bytes(folder), os.times()
        subprocess.run([dvc, "add", "-q", target.name], cwd=folder, check=True, env=quiet)
        figures[name] = (cache_bytes(folder) - before, spent(begun))
    return figures


def planted_share(folder: Path, frames: dict[str, pd.DataFrame]) -> float:
    """Return what appending would store if every segment were cut by row number from the end."""
    real = blocks.find_cuts

    def from_the_end(hashes, *_):
        rows = len(hashes)
        return np.array([0, *range(rows % 8192 or 8192, rows + 1, 8192)], np.int64)

    blocks.find_cuts = from_the_end
    try:
        few = {name: frames[name].iloc[:, :3] for name in ("first version", "1 % appended")}
        _, figures, _ = ours(folder, few)
    finally:
        blocks.find_cuts = real
    return figures["1 % appended"][0] / figures["first version"][0]


def main(rows: int = 1_000_000) -> int:
    """Print the figures; 1 where a budget is missed or the planted fault goes unseen."""
    frames = changes(made(rows))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        planted = planted_share(root / "planted", frames)
        project, mine, versions = ours(root / "ours", frames)
        by_dvc = {suffix: theirs(root / suffix[1:], frames, suffix) for suffix in (".csv", ".parquet")}
        diff_s, merge_s = [], []
        left, right = frames["first version"], frames["100 cells"]
        for _ in range(ROUNDS + 1):
            begun = time.process_time()
            found = diff_data(project, versions["first version"], versions["100 cells"])
            diff_s.append(time.process_time() - begun)
            begun = time.process_time()
            merged = left.merge(right, on="id", how="outer", suffixes=("", "_new"), indicator=True)
            changed = sum(int((merged[c] != merged[f"{c}_new"]).sum()) for c in left.columns if c != "id")
            merge_s.append(time.process_time() - begun)
        begun = time.process_time()
        profile_data(project, versions["first version"])
        profile_s = time.process_time() - begun

    print(f"{rows:,} rows x 20 columns; what DVC's cache grew by, and CPU seconds")
    print(f"{'':<20}{'by the block':>26}{'dvc add, CSV':>26}{'dvc add, Parquet':>26}")
    for change in frames:
        cells = (mine, *by_dvc.values())
        words = [
            f"{c[change][0] / c['first version'][0]:9.2%} {c[change][0] / 1e6:7.1f} MB {c[change][1]:4.1f} s"
            for c in cells
        ]
        print(f"{change:<20}{words[0]:>26}{words[1]:>26}{words[2]:>26}")
    share = mine["1 % appended"][0] / mine["first version"][0]
    later = median(diff_s[1:])
    seen = "seen" if planted > APPEND_BUDGET else "NOT SEEN"
    print(f"planted fault (cuts counted from the end): appending stores {planted:.0%}, {seen}")
    print(f"keyed diff: {diff_s[0]:.2f} s the first time, then {later:.2f} s; ", end="")
    print(f"pandas merge of frames in memory {median(merge_s):.2f} s")
    print(
        f"  {found.rows_changed} rows, {sum(s.cells_changed or 0 for s in found.shifts)} cells; pandas: {changed} cells"
    )
    print(f"profile of all columns: {profile_s:.2f} s")
    is_kept = share <= APPEND_BUDGET and later <= DIFF_BUDGET_S and profile_s <= PROFILE_BUDGET_S
    verdict = "kept" if is_kept else "BROKEN"
    print(f"budgets: append {share:.2%} <= 2 %, diff {later:.2f} <= 1 s, profile <= 10 s: {verdict}")
    return int(not is_kept or planted <= APPEND_BUDGET or changed != 100)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
