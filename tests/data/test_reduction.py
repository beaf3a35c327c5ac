"""Edge reduction: each step does what its name says, and the same rows give the same bytes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from workbench.data.reduction.recipe import read_recipe
from workbench.data.reduction.reduce import RECORD_SUFFIX, reduce
from workbench.data.reduction.steps import _largest_triangles
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError


@pytest.fixture
def readings(project):
    """Two machines, a reading every second, a spike at second 333."""
    n = 1_000
    torque = np.sin(np.arange(n) / 50) + np.where(np.arange(n) == 333, 9.0, 0.0)
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2026-11-01", periods=n, freq="s", tz="UTC"),
            "machine": np.where(np.arange(n) % 2, "B", "A"),
            "torque": torque,
            "load": np.arange(n),
        }
    )
    frame.to_csv(project.root / "data" / "line.csv", index=False)
    return frame


@pytest.fixture
def carry_out(project):
    def run(recipe: str, out: str = "data/small.parquet"):
        (project.root / "reduction.toml").write_text(recipe)
        return reduce(project, "data/line.csv", "reduction.toml", out)

    return run


def written(project, name="data/small.parquet"):
    return pd.read_parquet(project.root / name)


@pytest.mark.checklist("S0-05", "S0-29", "S0-43")
def test_steps_run_in_order_and_each_says_what_it_saved(project, readings, carry_out):
    report = carry_out("""
[[step]]
kind = "filter"
column = "machine"
value = "A"

[[step]]
kind = "aggregate"
time = "time"
window = "1min"
by = ["machine"]
statistics = ["mean", "max", "count"]
""")
    source = project.root / "data" / "line.csv"
    small = written(project)
    ours = readings[readings.machine == "A"]
    expected = ours.groupby(ours.time.dt.floor("1min")).torque.max()
    assert small["torque_max"].to_numpy() == pytest.approx(expected.to_numpy())
    assert small["load_count"].sum() == 500
    assert [step.kind for step in report.steps] == ["filter", "aggregate"]
    assert [(step.rows_before, step.rows_after) for step in report.steps] == [(1000, 500), (500, len(small))]
    assert report.bytes_before == report.steps[0].bytes_before == source.stat().st_size
    assert (
        report.bytes_after == report.steps[-1].bytes_after == (project.root / "data" / "small.parquet").stat().st_size
    )
    assert report.saved_share == pytest.approx(1 - report.bytes_after / report.bytes_before, abs=1e-6)
    recorded = json.loads((project.root / f"data/small.parquet{RECORD_SUFFIX}").read_text())
    assert recorded["report"]["recipe_digest"] == report.recipe_digest
    assert project.journal.events(kind="data.reduced")[0].data["output_digest"] == report.output_digest


def test_the_same_source_and_recipe_give_the_same_bytes(carry_out, readings):
    recipe = '[[step]]\nkind = "features"\nby = ["machine"]\n'
    first, second = carry_out(recipe), carry_out(recipe, "data/again.parquet")
    assert first.output_digest == second.output_digest
    other = carry_out(recipe.replace("features", "features") + 'statistics = ["mean"]\n')
    assert other.output_digest != first.output_digest
    assert other.recipe_digest != first.recipe_digest


def test_features_hold_the_statistics_of_each_batch(project, readings, carry_out):
    carry_out('[[step]]\nkind = "features"\nby = ["machine"]\nstatistics = ["mean", "std", "slope"]\n')
    small = written(project).set_index("machine")
    for name, group in readings.groupby("machine"):
        assert small.loc[name, "torque_std"] == pytest.approx(group.torque.std())
        assert small.loc[name, "load_slope"] == pytest.approx(2.0)


def test_a_curve_keeps_its_spike_when_points_are_few_and_loses_it_when_every_nth_is_kept(project, readings, carry_out):
    carry_out('[[step]]\nkind = "downsample"\npoints = 50\ncolumn = "torque"\ntime = "time"\n')
    assert len(written(project)) == 50
    assert written(project).torque.max() == pytest.approx(readings.torque.max())
    carry_out('[[step]]\nkind = "downsample"\nevery = 20\n')
    assert len(written(project)) == 50
    assert written(project).torque.max() < 2


def test_largest_triangles_agree_with_a_search_over_each_bucket():
    rng = np.random.default_rng(7)
    x, y = np.arange(200.0), rng.normal(size=200).cumsum()
    chosen = _largest_triangles(x, y, 20)
    assert len(chosen) == 20
    assert chosen[0] == 0
    assert chosen[-1] == 199
    assert list(chosen) == sorted(set(chosen))


def test_quantising_says_its_largest_error(project, readings, carry_out):
    report = carry_out('[[step]]\nkind = "quantise"\nstep = 0.1\ncolumns = ["torque"]\n')
    difference = np.abs(written(project).torque.to_numpy() - readings.torque.to_numpy()).max()
    assert report.steps[0].largest_error == pytest.approx(difference, rel=1e-6)
    assert report.steps[0].largest_error <= 0.05 + 1e-9


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        ("", "recipe-invalid"),
        ('[[step]]\nkind = "aggregat"\n', "recipe-invalid"),
        ('[[step]]\nkind = "filter"\ncolumn = "torque"\n', "config-missing-key"),
        ('[[step]]\nkind = "filter"\ncolumn = "torqe"\nvalue = 1\n', "reduction-column-missing"),
        ('[[step]]\nkind = "filter"\ncolumn = "torque"\nvalue = "high"\ncomparison = ">"\n', "reduction-not-possible"),
        ('[[step]]\nkind = "downsample"\n', "recipe-invalid"),
        ('[[step]]\nkind = "aggregate"\ntime = "time"\nwindow = "soon"\n', "reduction-not-possible"),
        ('[[step]]\nkind = "quantise"\nstep = 0.0\n', "recipe-invalid"),
        ("[[step]\n", "recipe-invalid"),
        ('codec = "rar"\n[[step]]\nkind = "keep"\ncolumns = ["time"]\n', "recipe-invalid"),
    ],
)
def test_a_wrong_recipe_is_refused_and_nothing_is_written(project, readings, carry_out, recipe, code):
    with pytest.raises(UsageError) as caught:
        carry_out(recipe)
    assert caught.value.code == code
    assert caught.value.hint
    assert not (project.root / "data" / "small.parquet").exists()
    assert not project.journal.events(kind="data.reduced")


def test_a_recipe_that_is_not_there_and_an_output_over_its_source_are_refused(project, readings):
    with pytest.raises(NotFoundError, match="There is no recipe"):
        reduce(project, "data/line.csv", "none.toml", "data/x.parquet")
    (project.root / "r.toml").write_text('[[step]]\nkind = "keep"\ncolumns = ["torque"]\n')
    readings.to_parquet(project.root / "data" / "line.parquet")
    with pytest.raises(ConflictError):
        reduce(project, "data/line.parquet", "r.toml", "data/line.parquet")


def test_a_recipe_has_one_digest_however_it_is_written(tmp_path):
    (tmp_path / "a.toml").write_text('[[step]]\nkind = "filter"\ncolumn = "x"\nvalue = 1\n')
    (tmp_path / "b.toml").write_text('# a comment\ncodec = "zstd"\n[[step]]\nvalue = 1\ncolumn="x"\nkind="filter"\n')
    assert read_recipe(tmp_path / "a.toml").digest == read_recipe(tmp_path / "b.toml").digest


@pytest.mark.parametrize("kind", ["sjis", "table", "xlsx"])
def test_a_factory_table_is_reduced_as_an_import_reads_it(project, kind):
    from openpyxl import Workbook

    from workbench.data.tables.imports import import_table

    rows = [
        ("時刻", "機械", "値"),
        ("2024/4/1 9:00", "001", 1),
        ("2024/4/1 9:01", "001", 2),
        ("2024/4/1 9:02", "01", 3),
    ]
    path = "data/line.csv"
    (project.root / path).write_bytes("".join(f"{a},{b},{c}\r\n" for a, b, c in rows).encode("cp932"))
    if kind == "table":
        import_table(project, path, name="line")
        path = "data/line.table"
    elif kind == "xlsx":
        book = Workbook()
        for row in rows:
            book.active.append(row)
        path = "data/line.xlsx"
        book.save(project.root / path)
    recipe = '[[step]]\nkind = "aggregate"\ntime = "時刻"\nwindow = "10min"\nby = ["機械"]\nstatistics = ["mean"]\n'
    (project.root / "reduction.toml").write_text(recipe)
    report = reduce(project, path, "reduction.toml", "data/small.parquet")
    assert dict(zip(*written(project)[["機械", "値_mean"]].to_numpy().T, strict=True)) == {"001": 1.5, "01": 3.0}
    assert report.bytes_before > 0
    assert report.source_digest.startswith("sha256:")
