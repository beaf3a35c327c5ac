"""What is known of data besides its bytes: whether it holds what was declared, how it was split, whose it is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RuleResult:
    """One declared rule, looked at in every row.

    Attributes:
        column: Column, or empty for a rule over whole rows.
        rule: The rule in words (``at least 0``).
        is_ok: Whether it holds.
        failing_rows: How many rows break it; 0 where the rule is about the table as a whole.
        examples: Some values that break it; masked where the data's card says personal or confidential.
    """

    column: str
    rule: str
    is_ok: bool
    failing_rows: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataCheckReport:
    """Whether a dataset holds what its checks file declares.

    Attributes:
        path: File that was looked at, relative to the project.
        checks: The checks file; empty where there is none.
        is_ok: Whether every rule holds.
        rows: Rows looked at.
        rules: Every rule with its outcome, broken ones first.
    """

    path: str
    checks: str
    is_ok: bool
    rows: int
    rules: tuple[RuleResult, ...] = ()


@dataclass(frozen=True)
class CleanedColumn:
    """What one step of a recipe did to one column.

    Attributes:
        step: The step in words (``fill-missing with median``).
        column: The column; empty where the step takes whole rows.
        changed: Values changed, or rows dropped.
        statistics: What was fitted, on the training part only; the fitted recipe has every digit.
    """

    step: str
    column: str
    changed: int
    statistics: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CleanReport:
    """What cleaning did.

    Attributes:
        path: What was read.
        out: What was written.
        fitted: The fitted recipe; apply it to later data with ``mlops data clean PATH --apply FITTED``.
        rows_before: Rows read.
        rows_after: Rows written.
        fitted_rows: Rows that statistics were taken from; 0 where an earlier fit was applied.
        columns: What each step did to each column.
    """

    path: str
    out: str
    fitted: str
    rows_before: int
    rows_after: int
    fitted_rows: int
    columns: tuple[CleanedColumn, ...] = ()


@dataclass(frozen=True)
class SplitPart:
    """One part of a split.

    Attributes:
        name: ``train``, ``validation`` or ``test``.
        rows: Rows in it.
        share: Of all rows, 0 to 1.
        groups: Distinct groups in it, where the split is by group; else None.
        first: Earliest time in it, where the split is by time.
        last: Latest time in it.
    """

    name: str
    rows: int
    share: float
    groups: int | None = None
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class Leak:
    """One way in which the test part is known before the test.

    Attributes:
        kind: ``duplicate-rows``, ``shared-group`` or ``time-order``.
        rows: Rows outside of training that are concerned.
        detail: What was found, without values of the data.
    """

    kind: str
    rows: int
    detail: str


@dataclass(frozen=True)
class SplitReport:
    """How a table is split, and whether something leaks from one part into another.

    Attributes:
        path: The table.
        file: The split file: one line ``row,part`` for each row.
        by: ``random``, ``group`` or ``time``.
        column: Column of the groups or of the time; empty for ``random``.
        seed: Seed of the choice.
        is_ok: Whether nothing leaks.
        parts: The parts, training first.
        leaks: What leaks.
    """

    path: str
    file: str
    by: str
    column: str
    seed: int
    is_ok: bool
    parts: tuple[SplitPart, ...] = ()
    leaks: tuple[Leak, ...] = ()


@dataclass(frozen=True)
class DataCard:
    """What people have said of a dataset: whose it is, what for, for whom and for how long.

    Attributes:
        path: The dataset.
        file: Its card; kept in Git.
        owner: Who answers for it.
        purpose: What it was collected for.
        data_class: ``public``, ``internal``, ``confidential`` or ``personal``.
        retention: How long it is kept (``2 years``), or until when (``2027-03-31``).
        sharing: Who may have it.
        contact: Whom to ask.
        is_complete: Whether nothing is missing or wrong.
        problems: What is missing or wrong.
    """

    path: str
    file: str
    owner: str = ""
    purpose: str = ""
    data_class: str = ""
    retention: str = ""
    sharing: str = ""
    contact: str = ""
    is_complete: bool = False
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class PersonalFinding:
    """Personal data of one kind in one column; a suspicion with reasons, never a proof.

    Attributes:
        file: File inside the dataset.
        column: Column; empty for text that is no table.
        kind: ``email``, ``phone``, ``my-number``, ``name``, …
        count: Values that look so.
        share: Of the column's values, 0 to 1.
        confidence: ``high`` (check digit, or pattern and column name), ``medium`` or ``low``.
        reason: Why it is thought so.
        examples: Up to three values, masked.
    """

    file: str
    column: str
    kind: str
    count: int
    share: float
    confidence: str
    reason: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class PersonalScan:
    """What a personal-data scan found.

    Attributes:
        path: Dataset or version that was scanned.
        rows: Rows looked at.
        files: Files looked at.
        unread: Files that hold neither a table nor text, and so were not looked into.
        is_clean: Whether nothing was found and everything could be read.
        findings: What was found.
    """

    path: str
    rows: int
    files: int
    unread: tuple[str, ...]
    is_clean: bool
    findings: tuple[PersonalFinding, ...] = ()


@dataclass(frozen=True)
class ErasedVersion:
    """One version that held rows to erase.

    Attributes:
        version: Its id before.
        replaced_by: Id of the version without those rows; empty while it is only planned.
        rows: Rows erased from it.
        kept_rows: Rows left.
    """

    version: str
    replaced_by: str
    rows: int
    kept_rows: int


@dataclass(frozen=True)
class ErasureReport:
    """What erasing would do, or did.

    Attributes:
        id: ``er-…``; empty for a preview.
        state: ``preview``, ``planned``, ``rewritten`` or ``done``.
        paths: Datasets it goes through.
        column: Column the values were looked for in.
        values: How many values were given; which ones is written nowhere.
        versions: The versions concerned.
        untouched: Versions that hold no such row.
        objects: Cache objects removed, or to be removed.
        remotes: Remotes that were gone through.
        unreached: Remotes that could not be reached; the old bytes may lie there still.
        remains: Other files of the project in which a value still stands, as far as they can be read.
        hint: What to do next; empty when nothing is left.
    """

    id: str
    state: str
    paths: tuple[str, ...]
    column: str
    values: int
    versions: tuple[ErasedVersion, ...] = ()
    untouched: int = 0
    objects: int = 0
    remotes: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    remains: tuple[str, ...] = ()
    hint: str = ""
