"""Features that callers may leave out: what is missing becomes ``null`` before anything else looks at the rows.

So that callers of the model before, who know nothing of a feature that was added, go on as they are. Only where a model
has such features; the others do not pass through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def complete(content: Any, features: Sequence[str], optional: Sequence[str]) -> Any:
    """Return rows in any form of the scoring protocol with the optional features they left out.

    Rows without names may leave out the last features, where these are optional; what has another form is returned as
    it is, and refused by whoever reads it.
    """
    if isinstance(content, list):
        return [_row(row, features, optional) for row in content]
    if isinstance(content, dict) and isinstance(content.get("data"), list):
        columns = content.get("columns")
        if not isinstance(columns, list):
            return {**content, "data": [_row(row, features, optional) for row in content["data"]]}
        missing = [name for name in optional if name not in columns]
        data = [[*row, *[None] * len(missing)] if isinstance(row, list) else row for row in content["data"]]
        return {**content, "columns": [*columns, *missing], "data": data}
    if isinstance(content, dict):
        length = max((len(column) for column in content.values() if isinstance(column, list)), default=0)
        return {**{name: [None] * length for name in optional}, **content}
    return content


def _row(row: Any, features: Sequence[str], optional: Sequence[str]) -> Any:
    if isinstance(row, dict):
        return {**dict.fromkeys(optional), **row}
    if isinstance(row, list) and set(features[len(row) :]) <= set(optional):
        return [*row, *[None] * (len(features) - len(row))]
    return row
