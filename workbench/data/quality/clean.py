"""Clean a table by a recipe: fitted on the training part only, saved as numbers, applied the same way ever after."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.contract.quality import CleanReport
from workbench.data.care.card import is_guarded
from workbench.data.derived import note_derived
from workbench.data.paths import relative_path
from workbench.data.quality.frames import read_frame, source_of, type_word, write_frame
from workbench.data.quality.recipe import FittedRecipe, FittedStep, Step, fitted_text, read_fitted, read_recipe
from workbench.data.quality.split import TRAIN, carry_split, read_split
from workbench.data.quality.steps import apply_step, fit_step
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, IntegrityError, UsageError, did_you_mean
from workbench.foundation.project import Project

if TYPE_CHECKING:
    import pandas as pd

    from workbench.contract.quality import CleanedColumn

SUFFIX = ".fitted.json"
_ARROW_TYPES = {"integer": "int64", "number": "double"}


def clean_data(
    project: Project,
    path: str,
    out: str,
    *,
    recipe: str = "",
    split: str = "",
    whole: bool = False,
    apply: str = "",
) -> CleanReport:
    """Clean a table by recorded steps, whose statistics come from the training part only.

    The fitted recipe is written beside the output (``<out>.fitted.json``), so that later data is cleaned just so, and
    the split of what is left (``<out>.split.csv``).

    Args:
        project: The project.
        path: A table inside the project, or the id of one of its versions.
        out: Table to write; its name says in which form.
        recipe: Recipe to fit: a TOML file with ``[[steps]]`` (``do``, ``by``, ``columns``, ``factor``, ``value``).
        split: Split file that says which rows are for training; by default ``<path>.split.csv``.
        whole: Fit on all rows, where there is nothing to be tested.
        apply: Fitted recipe to apply instead of fitting one.

    Raises:
        UsageError: ``recipe-unnamed``, ``recipe-invalid``, ``recipe-misfit``, ``clean-onto-itself``,
            ``data-not-a-table``.
        NotFoundError: ``data-missing``, ``recipe-missing``, ``split-missing`` or ``column-unknown``.
        IntegrityError: ``recipe-malformed``, ``split-stale`` or ``split-malformed``.
        ConflictError: ``data-unsaved``: the output is recorded as data and holds changes of its own.
    """
    if bool(recipe) == bool(apply):
        raise UsageError(
            "recipe-unnamed", "Name a recipe to fit or a fitted one to apply", "--recipe FILE or --apply FILE"
        )
    source = source_of(project, path)
    target = relative_path(project, out)
    if target == source.name:
        raise UsageError("clean-onto-itself", f"{target} would be written over itself", "choose another --out")
    frame = read_frame(project, path)
    if apply:
        fitted = read_fitted(project.root / relative_path(project, apply))
        frame = _as_fitted(fitted, frame, source.name)
        cleaned, changed = _applied(fitted.steps, frame)
        name, rows = relative_path(project, apply), 0
    else:
        steps = read_recipe(project.root / relative_path(project, recipe))
        is_training = _training(project, path, frame, split, whole)
        fitted, cleaned, changed = _fitted(steps, frame, is_training, source.name)
        name, rows = f"{target}{SUFFIX}", fitted.rows
    _keep_unsaved(project, target)
    write_frame(cleaned, project.root / target)
    if not apply:
        write_atomic(project.root / name, fitted_text(fitted))
        if not whole:
            carry_split(project, path, split, list(cleaned.index), target)
    note_derived(project, "data.cleaned", source.name, target)
    if is_guarded(project, source.name):
        changed = [replace(column, statistics={}) for column in changed]
    return CleanReport(source.name, target, name, len(frame), len(cleaned), rows, tuple(changed))


def _training(project: Project, path: str, frame: pd.DataFrame, split: str, whole: bool) -> list[bool]:
    if whole:
        return [True] * len(frame)
    parts = read_split(project, path, relative_path(project, split) if split else "").parts
    if len(parts) != len(frame):
        raise IntegrityError("split-stale", f"The split has {len(parts)} rows, {path} has {len(frame)}", "split again")
    return [part == TRAIN for part in parts]


def _fitted(
    steps: tuple[Step, ...], frame: pd.DataFrame, is_training: list[bool], path: str
) -> tuple[FittedRecipe, pd.DataFrame, list[CleanedColumn]]:
    """Fit each step on training rows that the steps before it have cleaned, and apply it to all."""
    import numpy as np
    import pandas as pd

    columns = {str(name): type_word(frame[name]) for name in frame.columns}
    mask = pd.Series(np.array(is_training, dtype=bool), index=frame.index)
    done: list[FittedStep] = []
    changed: list[CleanedColumn] = []
    for step in steps:
        fitted = fit_step(step, frame[mask.loc[frame.index]], path)
        frame, columns_changed = apply_step(fitted, frame)
        done.append(fitted)
        changed += columns_changed
    return FittedRecipe(tuple(done), columns, int(mask.sum())), frame, changed


def _applied(steps: tuple[FittedStep, ...], frame: pd.DataFrame) -> tuple[pd.DataFrame, list[CleanedColumn]]:
    changed: list[CleanedColumn] = []
    for step in steps:
        frame, columns_changed = apply_step(step, frame)
        changed += columns_changed
    return frame, changed


def _as_fitted(fitted: FittedRecipe, frame: pd.DataFrame, path: str) -> pd.DataFrame:
    """Refuse columns that are missing or of another kind than when the recipe was fitted.

    A column without any value has no kind of its own and takes the one that it had.
    """
    now = {str(name): type_word(frame[name]) for name in frame.columns}
    empty = {}
    for name in dict.fromkeys(name for step in fitted.steps for name in step.step.columns):
        if name not in now:
            raise UsageError("recipe-misfit", f"{path} has no column '{name}'", did_you_mean(name, now))
        was = fitted.columns[name]
        if now[name] == was or {now[name], was} == {"integer", "number"}:
            continue
        if not frame[name].isna().all():
            message = f"'{name}' is {now[name]} in {path}, and was {was} when the recipe was fitted"
            raise UsageError("recipe-misfit", message, "mend the data, or fit the recipe again")
        if was in _ARROW_TYPES:
            column: Any = frame[name]
            empty[name] = column.astype(f"{_ARROW_TYPES[was]}[pyarrow]")
    return frame.assign(**empty)


def _keep_unsaved(project: Project, target: str) -> None:
    """Never write over bytes of a recorded dataset that no version has."""
    from workbench.data.versions import version_of

    is_recorded = (project.root / f"{target}.dvc").exists() and (project.root / target).exists()
    if is_recorded and version_of(project, project.root / target) is None:
        hint = f"keep them first: mlops data snapshot {target}"
        raise ConflictError("data-unsaved", f"{target} holds changes that no version has", hint)
