"""Dataset versions: which bytes a result rests on."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DatasetVersion:
    """One version of one dataset.

    Attributes:
        id: ``<path>@<first 12 hex digits of the digest>``.
        path: Relative to the project; ``<path>.dvc`` lies beside it.
        digest: DVC's ``md5:…`` (``.dir`` for folders): what ``dvc`` itself calls these bytes.
        size: Bytes.
        files: Number of files.
        rows: Rows, where it is one table; else None.
        columns: Column names and types, where it is one table.
        message: What the author said of it.
        actor: Who took it.
        created_at: UTC time.
        is_current: Whether the working tree holds this version now.
    """

    id: str
    path: str
    digest: str
    size: int
    files: int
    rows: int | None
    columns: dict[str, str] = field(default_factory=dict)
    message: str = ""
    actor: str = ""
    created_at: str = ""
    is_current: bool = True
