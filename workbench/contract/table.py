"""Tables: how one was read, what a version of it holds, and where two differ."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.contract.data import DatasetVersion


@dataclass(frozen=True)
class ColumnRule:
    """How the cells of one column are read.

    Attributes:
        name: Column name.
        type: Arrow's word for it: ``int64``, ``double``, ``bool``, ``date32[day]``, ``timestamp[us]``,
            ``timestamp[us, tz=UTC]`` or ``string``.
        style: How the source wrote its values (``plain``, ``python``, ``bare``, ``fixed:2``, ``%Y/%m/%d``); empty
            where no one style gives its text back, and then the text itself is kept.
        missing: The text that stood for a missing value.
        notes: What had to be assumed: full-width digits, thousands separators, era dates.
    """

    name: str
    type: str
    style: str = ""
    missing: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadingRecipe:
    """How a source became a table: what was found out, what was assumed, what somebody declared.

    Attributes:
        format: ``csv``, ``parquet``, ``feather``, ``excel`` or ``query``.
        source: Name of the file; empty for a query.
        encoding: Of a text file.
        delimiter: Of a text file.
        newline: Of a text file: ``lf``, ``crlf`` or ``cr``.
        quoting: Of a text file: ``minimal``, ``text`` (every text cell) or ``all``; empty where no rule gives it back.
        skip_rows: Rows before the header.
        sheet: Of a workbook.
        query: SQL; ``url_env`` names the environment variable that holds the database's address, never the address.
        url_env: See ``query``.
        key: Columns that name a row.
        is_key_declared: Whether a person named the key; else it was detected.
        missing: Texts that stand for a missing value.
        columns: One rule a column.
    """

    format: str
    source: str = ""
    encoding: str = ""
    delimiter: str = ""
    newline: str = ""
    quoting: str = ""
    skip_rows: int = 0
    sheet: str = ""
    query: str = ""
    url_env: str = ""
    key: tuple[str, ...] = ()
    is_key_declared: bool = False
    missing: tuple[str, ...] = ()
    columns: tuple[ColumnRule, ...] = ()


@dataclass(frozen=True)
class ImportedTable:
    """What an import did.

    Attributes:
        version: The dataset version that holds the table now.
        rows: Number of rows.
        columns: Number of columns.
        key: Columns that name a row; empty where none do.
        blocks: Block files that the table consists of.
        new_blocks: Those that no earlier state of this table had.
        stored_bytes: Size of what the table consists of.
        new_bytes: Size of what had to be stored anew.
        original: How ``data export --format original`` gets the source's own bytes back: ``written again`` from the
            columns, ``kept`` as they were, or ``not kept``.
        assumptions: What the reading took for granted, in sentences; edit the recipe to change it.
        recipe_file: Where the recipe lies, relative to the project.
        recipe: The recipe itself.
    """

    version: DatasetVersion
    rows: int
    columns: int
    key: tuple[str, ...]
    blocks: int
    new_blocks: int
    stored_bytes: int
    new_bytes: int
    original: str
    assumptions: tuple[str, ...]
    recipe_file: str
    recipe: ReadingRecipe


@dataclass(frozen=True)
class ExportedData:
    """A file that was written from a version.

    Attributes:
        source: Version, path or table it was written from.
        path: The file.
        format: ``original``, ``csv``, ``parquet`` or ``feather``.
        size: Bytes.
        rows: Number of rows; None for what is no table.
        digest: ``sha256:…`` of the file.
    """

    source: str
    path: str
    format: str
    size: int
    rows: int | None
    digest: str


@dataclass(frozen=True)
class SchemaChange:
    """One change of a table's columns.

    Attributes:
        kind: ``added``, ``dropped``, ``retyped`` or ``renamed`` (a suspicion: same values, other name).
        column: Name now; for ``dropped`` the name before.
        before: Type before, or the name before for ``renamed``; empty for ``added``.
        after: Type now; empty for ``dropped``.
    """

    kind: str
    column: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class RowChange:
    """One row that differs, as an example.

    Attributes:
        kind: ``added``, ``removed`` or ``changed``.
        key: Values of the key columns, by name; without a key the row's number, counted from 1.
        before: Old values of what differs, by column.
        after: New values of what differs, by column.
    """

    kind: str
    key: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnShift:
    """How the values of one column moved between two tables.

    Attributes:
        column: Column name.
        cells_changed: Cells that differ in rows that both have; None without a key.
        missing_before: Share of missing values, 0 to 1.
        missing_after: Share of missing values, 0 to 1.
        mean_before: Mean of a numeric column.
        mean_after: Mean of a numeric column.
        distance: Kolmogorov-Smirnov distance for numbers and times, total variation distance for everything else;
            0 (same) to 1 (nothing in common).
        psi: Population stability index over ten bins of equal share before; 0.1 is usually called small, 0.25 large.
    """

    column: str
    cells_changed: int | None = None
    missing_before: float = 0.0
    missing_after: float = 0.0
    mean_before: float | None = None
    mean_after: float | None = None
    distance: float = 0.0
    psi: float = 0.0


@dataclass(frozen=True)
class FileChange:
    """One file of a folder that differs.

    Attributes:
        kind: ``added``, ``removed`` or ``changed``.
        path: Relative to the folder.
        size_before: Bytes; None where there was none.
        size_after: Bytes; None where there is none.
    """

    kind: str
    path: str
    size_before: int | None = None
    size_after: int | None = None


@dataclass(frozen=True)
class DataDiff:
    """Where two states of data differ.

    Attributes:
        before: The first version, path or table.
        after: The second.
        kind: ``table`` or ``files``.
        is_equal: Whether nothing differs.
        key: Columns that rows were matched by; empty: rows were counted as wholes, so none can be "changed".
        rows_before: Rows of the first; 0 for files.
        rows_after: Rows of the second; 0 for files.
        rows_added: Rows that only the second has.
        rows_removed: Rows that only the first has.
        rows_changed: Rows that both have with other values in the columns that both have.
        is_reordered: Whether rows that both have stand in another order.
        schema: Changes of columns.
        examples: The first rows that differ.
        shifts: How values moved, by column; only columns with a difference.
        files: Changes of files, where it is no table.
    """

    before: str
    after: str
    kind: str
    is_equal: bool
    key: tuple[str, ...] = ()
    rows_before: int = 0
    rows_after: int = 0
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int = 0
    is_reordered: bool = False
    schema: tuple[SchemaChange, ...] = ()
    examples: tuple[RowChange, ...] = ()
    shifts: tuple[ColumnShift, ...] = ()
    files: tuple[FileChange, ...] = ()


@dataclass(frozen=True)
class ValueCount:
    """A frequent value.

    Attributes:
        value: As text.
        count: How often it occurs.
    """

    value: str
    count: int


@dataclass(frozen=True)
class ColumnProfile:
    """What one column holds.

    Attributes:
        name: Column name.
        type: Arrow's word for the type.
        missing: Number of missing values (null, and NaN in numbers).
        missing_share: 0 to 1.
        distinct: Number of different values that are not missing.
        minimum: Smallest value as text; shortest first letters for text.
        maximum: Largest value as text.
        mean: Of numbers.
        std: Sample standard deviation of numbers.
        quantiles: 1, 5, 25, 50, 75, 95 and 99 % of numbers, named ``p01`` to ``p99``.
        outliers_iqr: Numbers beyond 1.5 interquartile ranges from the quartiles (Tukey's fences).
        outliers_mad: Numbers more than 3.5 scaled median absolute deviations from the median (Iglewicz and Hoaglin).
        top: The most frequent values.
        edges: Edges of the histogram's bins; for times, seconds since 1970.
        counts: Values in each bin; one fewer than ``edges``.
    """

    name: str
    type: str
    missing: int
    missing_share: float
    distinct: int
    minimum: str = ""
    maximum: str = ""
    mean: float | None = None
    std: float | None = None
    quantiles: dict[str, float] = field(default_factory=dict)
    outliers_iqr: int = 0
    outliers_mad: int = 0
    top: tuple[ValueCount, ...] = ()
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Correlation:
    """Two numeric columns that go together.

    Attributes:
        first: Column name.
        second: Column name.
        value: Pearson's r over rows where both are present.
    """

    first: str
    second: str
    value: float


@dataclass(frozen=True)
class TableProfile:
    """What a table holds, column by column.

    Attributes:
        source: Version, path or table.
        rows: Number of rows.
        key: Columns that name a row, declared or detected.
        duplicate_rows: Rows that repeat an earlier one in every column.
        columns: One profile a column.
        correlations: The strongest pairs, |r| of at least 0.5.
    """

    source: str
    rows: int
    key: tuple[str, ...] = ()
    duplicate_rows: int = 0
    columns: tuple[ColumnProfile, ...] = ()
    correlations: tuple[Correlation, ...] = ()
