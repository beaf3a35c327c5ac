"""What a skops file would build, read from its own schema and nothing else.

skops asks its caller which types to trust; a caller that answers with the list that the file itself brings
(``get_untrusted_types``) trusts the file. Here every type is named exactly, whatever the file says of it, and kinds of
node that call something with arguments of the file's choosing are faults.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from workbench.review.formats.reading import UNREADABLE

MAX_SCHEMA_BYTES = 64 << 20
MAX_PARTS = 100_000
_SCHEMA = "schema.json"
_HARMLESS = frozenset(
    {"DictNode", "ListNode", "SetNode", "TupleNode", "SliceNode", "BytesNode", "JsonNode", "TypeNode", "FunctionNode"}
    | {"ObjectNode", "NdArrayNode", "MaskedArrayNode", "SparseMatrixNode", "DTypeNode", "TreeNode", "LossNode"}
    | {"RandomStateNode", "RandomGeneratorNode", "CachedNode"}
)
"""Kinds of node that build what they name and pass it a state; others (partial, method, operator, reduce) call."""


def examine_skops(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return every type and function that loading would look up, as ``module.name``, and what is wrong."""
    names: set[str] = set()
    try:
        with zipfile.ZipFile(path) as archive:
            _check_parts(archive)
            with archive.open(_SCHEMA) as stream:
                schema = stream.read(MAX_SCHEMA_BYTES + 1)
            if len(schema) > MAX_SCHEMA_BYTES:
                raise ValueError(f"its schema has more than {MAX_SCHEMA_BYTES:,} bytes")
            tree = json.loads(schema)
            if not isinstance(tree, dict) or "__loader__" not in tree:
                raise ValueError("its schema describes nothing")
            for node in _nodes(tree):
                names.add(_name(node))
    except UNREADABLE as error:
        return tuple(sorted(names)), (" ".join(str(error).split())[:300] or type(error).__name__,)
    return tuple(sorted(names)), ()


def _check_parts(archive: zipfile.ZipFile) -> None:
    """Refuse parts that are neither the schema nor plain arrays, and arrays of objects, which are pickles."""
    parts = archive.infolist()
    if len({part.filename for part in parts}) != len(parts) or len(parts) > MAX_PARTS:
        raise ValueError("it names a part twice")
    for part in parts:
        if part.filename == _SCHEMA:
            continue
        if not part.filename.endswith((".npy", ".npz")) or "/" in part.filename or "\\" in part.filename:
            raise ValueError(f"its part '{part.filename}' is no array")
        if part.filename.endswith(".npz"):
            _check_sparse(archive.read(part))
            continue
        with archive.open(part) as stream:
            _check_array(stream, part.filename)


def _check_sparse(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as inner:
        for name in inner.namelist():
            with inner.open(name) as stream:
                _check_array(stream, name)


def _check_array(stream: Any, name: str) -> None:
    version = np.lib.format.read_magic(stream)
    reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    _, _, dtype = reader(stream)
    if dtype.hasobject:
        raise ValueError(f"its array '{name}' holds objects, which are pickled")


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every node of the tree; without recursion, since the file decides how deep it is."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "__loader__" in item or "__class__" in item or "__module__" in item:
                yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _name(node: dict[str, Any]) -> str:
    loader, module, name = (node.get(key) for key in ("__loader__", "__module__", "__class__"))
    if loader not in _HARMLESS:
        raise ValueError(f"a node of kind '{loader}' calls what the file chooses")
    if not isinstance(module, str) or not isinstance(name, str) or not module or not name:
        raise ValueError("a type in it cannot be told")
    return f"{module}.{name}"
