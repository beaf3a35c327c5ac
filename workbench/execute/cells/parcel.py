"""Values as files: tables as Parquet or Arrow, arrays as npy, everything else as cloudpickle with what it needs.

Used on both sides: it travels with the job as it is, needs Python 3.9 and, for what it packs, the library that made it.
A pickle is only opened where Python and the packages whose classes it holds are those that wrote it: a class of another
version may come to life as something else, without a word.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from importlib import metadata
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
ERROR = "error"
"""Name of what a cell raised, among what comes back."""
REFUSAL = "refusal.json"
"""What the far end would not do, and why."""


class ParcelError(Exception):
    """A value cannot be packed here, or not be opened here."""


def pack_all(values: dict[str, Any], folder: Path, more: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Write values and their manifest into a folder and return the entries: name, kind, file, bytes and digest."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [pack(name, value, folder / str(at)) for at, (name, value) in enumerate(values.items())]
    manifest = {**(more or {}), "python": python_version(), "entries": entries}
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return entries


def pack(name: str, value: Any, place: Path) -> dict[str, Any]:
    """Write one value into a file at a place, in the form that keeps it exactly."""
    kind, write = _table_writer(value)
    path = place.with_suffix(f".{kind or 'pickle'}")
    if write is not None:
        try:
            write(path)
        except _unfit():
            kind = ""
        if kind == "parquet" and not _is_kept(value, path):
            path.unlink()
            kind = ""
    if kind:
        needs = dict.fromkeys(_READERS[kind], "")
    else:
        kind, path = "pickle", place.with_suffix(".pickle")
        needs = _pickle(name, value, path)
    data = path.read_bytes()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    entry = {"name": name, "kind": kind, "file": path.name, "bytes": len(data), "digest": digest, "needs": needs}
    freq = getattr(value.index, "freqstr", None) if kind == "parquet" else None
    return {**entry, "freq": freq} if freq else entry


def unpack(entry: dict[str, Any], folder: Path) -> Any:
    """Read one value; whether it may be read here is :func:`differences`' to say."""
    path = folder / entry["file"]
    if entry["kind"] == "parquet":
        import pandas as pd

        frame = pd.read_parquet(path)
        index: Any = frame.index
        if entry.get("freq") and index.freq is None:  # Parquet keeps the times, and not how far they lie apart
            with contextlib.suppress(ValueError):  # another version has another word for it
                index.freq = entry["freq"]
        return frame
    if entry["kind"] == "polars":
        import polars as pl

        return pl.read_ipc(path)
    if entry["kind"] == "arrow":
        import pyarrow as pa

        with pa.OSFile(str(path)) as source:
            return pa.ipc.open_file(source).read_all()
    if entry["kind"] == "npy":
        import numpy as np

        return np.load(path, allow_pickle=False)
    import cloudpickle

    with path.open("rb") as stream:
        return cloudpickle.load(stream)


def differences(manifest: dict[str, Any], here: str, there: str) -> list[str]:
    """Say what keeps the values of a manifest from being opened here: another Python, a package missing or another.

    Args:
        manifest: What :func:`pack_all` wrote.
        here: What to call this machine.
        there: What to call the one that packed.
    """
    found = []
    for entry in manifest["entries"]:
        name, own = entry["name"], python_version()
        theirs = manifest["python"]
        if entry["kind"] == "pickle" and own.split(".")[:2] != theirs.split(".")[:2]:
            found.append(f"'{name}' was pickled by Python {theirs} on {there}, and {here} has Python {own}")
        for package, wanted in entry["needs"].items():
            has = installed(package)
            if not has:
                found.append(f"'{name}' needs {package} {wanted}".rstrip() + f", which {here} does not have")
            elif wanted and has != wanted:
                found.append(f"'{name}' was pickled with {package} {wanted} on {there}, and {here} has {package} {has}")
    return found


def python_version() -> str:
    """Return this Python's version."""
    return ".".join(map(str, sys.version_info[:3]))


def installed(package: str) -> str:
    """Return the version of an installed package; empty where it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


_READERS = {"parquet": ("pandas", "pyarrow"), "polars": ("polars",), "arrow": ("pyarrow",), "npy": ("numpy",)}


def _table_writer(value: Any) -> tuple[str, Any]:
    """Return the form for a table or an array, and what writes it; a subclass is more than its values, and has none."""
    kind = type(value)
    full = f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
    if full == "pandas.DataFrame" and installed("pyarrow"):
        return "parquet", value.to_parquet
    if full == "polars.DataFrame":
        return "polars", value.write_ipc
    if full == "pyarrow.Table":
        return "arrow", lambda path: _write_arrow(value, path)
    if full == "numpy.ndarray" and not value.dtype.hasobject:
        return "npy", lambda path: _write_array(value, path)
    return "", None


def _write_arrow(table: Any, path: Path) -> None:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _write_array(array: Any, path: Path) -> None:
    import numpy as np

    with path.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)


def _unfit() -> tuple[type[BaseException], ...]:
    """Return what libraries raise for values that their format cannot hold."""
    errors: list[type[BaseException]] = [ValueError, TypeError, NotImplementedError, OverflowError]
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        errors.append(arrow.ArrowException)
    polars = sys.modules.get("polars")
    if polars is not None:
        errors.append(polars.exceptions.PolarsError)
    return tuple(errors)


def _is_kept(frame: Any, path: Path) -> bool:
    """Tell whether a frame comes back as it was: Parquet has no word for some indexes, names and objects."""
    import pandas as pd

    back = pd.read_parquet(path)
    return bool(
        back.equals(frame)
        and back.index.equals(frame.index)
        and type(back.index) is type(frame.index)
        and list(back.index.names) == list(frame.index.names)
        and (back.attrs, back.flags) == (frame.attrs, frame.flags)
        and back.columns.equals(frame.columns)
        and [type(name) for name in back.columns] == [type(name) for name in frame.columns]
        and all(_is_same_kind(back.iloc[:, at], frame.iloc[:, at]) for at in range(frame.shape[1]))
    )


def _is_same_kind(back: Any, column: Any) -> bool:
    """Tell whether the objects of a column are still of their types: a tuple comes back as an array."""
    if column.dtype != object:
        return bool(back.dtype == column.dtype)
    return all(type(one) is type(other) for one, other in zip(back, column))  # noqa: B905 -- 3.10


def _pickle(name: str, value: Any, path: Path) -> dict[str, str]:
    """Pickle a value and return the packages whose classes and functions it names, with their versions."""
    import cloudpickle

    modules: set[str] = set()

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def persistent_id(self, obj: Any) -> None:
            named = obj if isinstance(obj, type) or callable(obj) else type(obj)
            module = getattr(named, "__module__", None)
            if isinstance(module, str):
                modules.add(module.partition(".")[0])

    try:
        with path.open("wb") as stream:
            Pickler(stream).dump(value)
    except Exception as error:  # whatever the value's own __reduce__ raises
        raise ParcelError(f"'{name}' ({type(value).__qualname__}) cannot be pickled: {error}") from error
    return {"cloudpickle": "", **_versions(modules - set(sys.builtin_module_names) - {"__main__", "builtins"})}


def _versions(modules: set[str]) -> dict[str, str]:
    # Python 3.9 lacks it, and what 3.9 pickles is opened by no other Python anyway.
    known: dict[str, list[str]] = getattr(metadata, "packages_distributions", dict)() if modules else {}
    return {dist: version(dist) for module in sorted(modules) for dist in known.get(module, [])[:1]}
