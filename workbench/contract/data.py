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
        link: How data and cache shared their bytes when it was recorded: ``reflink`` (blocks shared until one side is
            written), ``hardlink`` (one read-only file with two names), ``copy`` (stored twice) or empty (DVC did it).
        data_class: Class that its data cards said when it was recorded; empty where none did.
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
    link: str = ""
    data_class: str = ""


@dataclass(frozen=True)
class CachedVersion:
    """Whether the bytes of one dataset version are all there, by hashing them again.

    Attributes:
        version: Id of the version.
        state: ``whole``, ``missing`` (somebody removed objects; a remote may have them) or ``damaged``.
        message: What is wrong; empty where nothing is.
        hint: What mends it; empty where nothing needs mending.
    """

    version: str
    state: str
    message: str = ""
    hint: str = ""


@dataclass(frozen=True)
class DataTransfer:
    """What was carried to or from a remote.

    Attributes:
        remote: Name of the remote.
        url: Where it is; a password in it is left out.
        versions: Ids of the dataset versions that are there in full now.
        objects: Number of objects that had to be carried; 0 where all of them were there.
    """

    remote: str
    url: str
    versions: tuple[str, ...]
    objects: int
