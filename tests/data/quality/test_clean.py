"""Cleaning: fitted on the training part alone, the same ever after, and with scikit-learn's own numbers."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from workbench.data.care.card import describe_data
from workbench.data.quality.clean import clean_data
from workbench.data.quality.split import check_split, read_split, split_data
from workbench.data.versions import snapshot
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, UsageError

CSV = "data/line.csv"
OUT = "data/clean.csv"
EVERYTHING = """
[[steps]]
do = "blank-outliers"
by = "iqr"
columns = ["torque"]
[[steps]]
do = "fill-missing"
by = "median"
columns = ["torque", "heat"]
[[steps]]
do = "fill-missing"
by = "most-frequent"
columns = ["shift"]
[[steps]]
do = "clip-outliers"
by = "quantile"
columns = ["heat"]
[[steps]]
do = "normalise"
columns = ["torque", "heat"]
"""


@pytest.fixture
def line(project):
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=300, freq="h"),
            "torque": random.normal(40, 5, 300).round(3),
            "heat": random.integers(290, 310, 300),
            "shift": random.choice(["early", "late", "night"], 300),
        }
    )
    frame.loc[::17, "torque"] = np.nan
    frame["heat"] = frame["heat"].astype("Int64").mask(frame.index % 19 == 0)
    frame.loc[::23, "shift"] = None
    frame.loc[5, "torque"] = 900.0
    frame.to_csv(project.root / CSV, index=False)
    split_data(project, CSV, by="time", column="at")
    write_recipe(project, EVERYTHING)
    return project


def write_recipe(project, text):
    (project.root / "recipe.toml").write_text(text)


def fitted(project, out=OUT):
    return json.loads((project.root / f"{out}.fitted.json").read_text())


@pytest.mark.checklist("S4-13")
def test_changing_test_rows_changes_nothing_that_was_fitted(line):
    clean_data(line, CSV, OUT, recipe="recipe.toml")
    before = fitted(line)
    parts = read_split(line, CSV).parts
    lines = (line.root / CSV).read_text().splitlines()
    for at, part in enumerate(parts):
        if part == "test":
            stamp = lines[at + 1].split(",")[0]
            lines[at + 1] = f"{stamp},-12345.5,9999,monsoon"
    (line.root / CSV).write_text("\n".join(lines) + "\n")
    split_data(line, CSV, by="time", column="at", replace_file=True)
    clean_data(line, CSV, OUT, recipe="recipe.toml")
    assert fitted(line) == before

    # The harness first catches a planted fault: fitted on all rows, the same change shows.
    clean_data(line, CSV, OUT, recipe="recipe.toml", whole=True)
    assert fitted(line)["steps"] != before["steps"]


def test_what_was_done_is_reported_column_by_column_and_nothing_is_left_over(line):
    report = clean_data(line, CSV, OUT, recipe="recipe.toml")
    found = {(done.step, done.column): done.changed for done in report.columns}
    cleaned = pd.read_csv(line.root / OUT)
    assert (report.rows_before, report.rows_after, report.fitted_rows) == (300, 300, 240)
    assert found["fill-missing by median", "torque"] == 18 + found["blank-outliers by iqr", "torque"]
    assert found["fill-missing by median", "heat"] == 16
    assert found["fill-missing by most-frequent", "shift"] == 14
    assert not cleaned.isna().any().any()
    train = cleaned[:240]
    assert train["torque"].mean() == pytest.approx(0, abs=1e-9)
    assert train["torque"].std(ddof=0) == pytest.approx(1)
    assert cleaned["at"].tolist() == pd.read_csv(line.root / CSV)["at"].astype(str).tolist()
    again = (line.root / OUT).read_bytes()
    clean_data(line, CSV, OUT, recipe="recipe.toml")
    assert (line.root / OUT).read_bytes() == again


def test_a_fitted_recipe_cleans_later_data_just_so_and_fits_nothing(line):
    clean_data(line, CSV, OUT, recipe="recipe.toml")
    report = clean_data(line, CSV, "data/later.csv", apply=f"{OUT}.fitted.json")
    assert (line.root / "data/later.csv").read_bytes() == (line.root / OUT).read_bytes()
    assert report.fitted_rows == 0
    header = (line.root / CSV).read_text().splitlines()[0]
    (line.root / "data/one.csv").write_text(f"{header}\n2025-01-01 00:00:00,,300,late\n")
    clean_data(line, "data/one.csv", "data/one-clean.parquet", apply=f"{OUT}.fitted.json")
    one = pd.read_parquet(line.root / "data/one-clean.parquet")
    steps = fitted(line)["steps"]
    median, scale = steps[1]["statistics"]["torque"]["value"], steps[4]["statistics"]["torque"]
    assert one["torque"][0] == (median - scale["centre"]) / scale["width"]


@pytest.mark.parametrize(
    ("step", "tool"),
    [
        ('do = "normalise"\nby = "standard"', StandardScaler()),
        ('do = "normalise"\nby = "minmax"', MinMaxScaler()),
        ('do = "normalise"\nby = "robust"', RobustScaler()),
        ('do = "fill-missing"\nby = "median"', SimpleImputer(strategy="median")),
        ('do = "fill-missing"\nby = "mean"', SimpleImputer(strategy="mean")),
        ('do = "fill-missing"\nby = "most-frequent"', SimpleImputer(strategy="most_frequent")),
        ('do = "fill-missing"\nby = "constant"\nvalue = -1', SimpleImputer(strategy="constant", fill_value=-1)),
    ],
)
def test_the_numbers_are_scikit_learns(project, step, tool):
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"a": random.normal(3, 4, 101).round(1), "b": random.integers(0, 9, 101) * 1.0, "c": 4.0})
    frame.loc[::10, "a"] = np.nan
    frame.to_csv(project.root / CSV, index=False)
    write_recipe(project, f"[[steps]]\n{step}\n")
    clean_data(project, CSV, "data/clean.parquet", recipe="recipe.toml", whole=True)
    ours = pd.read_parquet(project.root / "data/clean.parquet").to_numpy(dtype="float64", na_value=np.nan)
    np.testing.assert_allclose(ours, tool.fit_transform(frame.to_numpy()), rtol=1e-12, atol=1e-12)


def test_dropped_rows_leave_their_split_behind(line):
    write_recipe(
        line, '[[steps]]\ndo = "drop-outliers"\nby = "mad"\ncolumns = ["torque"]\n[[steps]]\ndo = "drop-missing"\n'
    )
    report = clean_data(line, CSV, OUT, recipe="recipe.toml")
    assert [done.column for done in report.columns] == ["", ""]
    assert report.rows_after == 300 - sum(done.changed for done in report.columns)
    after = check_split(line, OUT)
    assert after.is_ok
    assert {part.name for part in after.parts} == {"train", "test"}


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        ("", "recipe-invalid"),
        ('[[steps]]\ndo = "normalize"', "recipe-invalid"),
        ('[[steps]]\ndo = "normalise"\nby = "maximum"', "recipe-invalid"),
        ('[[steps]]\ndo = "normalise"\nway = "minmax"', "config-unknown-key"),
        ('[[steps]]\nby = "minmax"', "config-missing-key"),
        ('[[steps]]\ndo = "fill-missing"\nby = "constant"', "recipe-invalid"),
        ('[[steps]]\ndo = "clip-outliers"\nby = "quantile"\nfactor = 0.6', "recipe-invalid"),
        ('[[steps]]\ndo = "normalise"\ncolumns = ["shift"]', "recipe-misfit"),
        ('[[steps]]\ndo = "normalise"\ncolumns = ["torqe"]', "column-unknown"),
        ('[[steps]]\ndo = "fill-missing"\nby = "constant"\nvalue = "x"\ncolumns = ["heat"]', "recipe-misfit"),
    ],
)
def test_a_wrong_recipe_is_named_and_nothing_is_written(line, recipe, code):
    write_recipe(line, recipe)
    with pytest.raises((UsageError, NotFoundError)) as refusal:
        clean_data(line, CSV, OUT, recipe="recipe.toml")
    assert refusal.value.code == code
    assert not (line.root / OUT).exists()


def test_what_does_not_fit_is_refused(line):
    with pytest.raises(UsageError, match="recipe-unnamed"):
        clean_data(line, CSV, OUT)
    with pytest.raises(UsageError, match="clean-onto-itself"):
        clean_data(line, CSV, "data/../data/line.csv", recipe="recipe.toml")
    clean_data(line, CSV, OUT, recipe="recipe.toml")
    (line.root / "data/odd.csv").write_text("at,torque,heat,shift\n2024-01-01,high,300,late\n")
    with pytest.raises(UsageError, match="'torque' is text"):
        clean_data(line, "data/odd.csv", "data/x.csv", apply=f"{OUT}.fitted.json")
    text = (line.root / f"{OUT}.fitted.json").read_text()
    (line.root / f"{OUT}.fitted.json").write_text(text.replace('"rows": 240', '"rows": 300'))
    with pytest.raises(IntegrityError, match="recipe-malformed"):
        clean_data(line, CSV, "data/x.csv", apply=f"{OUT}.fitted.json")
    (line.root / f"{CSV}.split.csv").unlink()
    with pytest.raises(NotFoundError, match="split-missing"):
        clean_data(line, CSV, OUT, recipe="recipe.toml")


def test_unsaved_bytes_of_the_output_are_never_lost(line):
    clean_data(line, CSV, OUT, recipe="recipe.toml")
    snapshot(line, (OUT,))
    clean_data(line, CSV, OUT, recipe="recipe.toml", whole=True)
    with pytest.raises(ConflictError, match="data-unsaved"):
        clean_data(line, CSV, OUT, recipe="recipe.toml")


def test_values_of_a_guarded_dataset_stay_out_of_the_report(line):
    describe_data(line, CSV, data_class="confidential")
    report = clean_data(line, CSV, OUT, recipe="recipe.toml")
    assert all(done.statistics == {} for done in report.columns)


@pytest.mark.parametrize(("do", "by", "rows"), [("fill-missing", "median", 10), ("drop-missing", "any", 8)])
def test_nan_is_a_gap_as_much_as_null_is(project, do, by, rows):
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = [float("nan"), None, *map(float, range(8))]
    pq.write_table(pa.table({"torque": pa.array(values)}), project.root / "data/nan.parquet")
    write_recipe(project, f'[[steps]]\ndo = "{do}"\nby = "{by}"\n')
    clean_data(project, "data/nan.parquet", "data/nan_clean.parquet", recipe="recipe.toml", whole=True)
    cleaned = pq.read_table(project.root / "data/nan_clean.parquet")["torque"]
    assert len(cleaned) == rows
    assert np.isfinite(cleaned.to_pylist()).all()
