"""The arrays beside a model: the holdout, and what its training data looked like."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.experiment.model.row_digests import kept_digests

Array = npt.NDArray[Any]

QUANTILES = 4_096
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first date a zip file can hold; the present one would make equal arrays different bytes."""


def reference(rows: Array, answers: Array, classes: int) -> dict[str, Array]:
    """Return the profile of training rows as the model sees them: float32, missing values left out.

    Args:
        rows: (rows, features) float32.
        answers: The model's answers for them, for the share of each class.
        classes: Number of classes; 0 for regression.
    """
    even = np.linspace(0.0, 1.0, QUANTILES)
    quantiles = np.zeros((rows.shape[1], QUANTILES))
    mean = np.zeros(rows.shape[1])
    for index, column in enumerate(rows.T.astype(np.float64)):
        present = column[~np.isnan(column)]
        if len(present):  # a column that was never there has no distribution; its missing share of 1 says so
            quantiles[index] = np.quantile(present, even)
            mean[index] = present.mean()
    share = np.bincount(answers.astype(np.int64), minlength=classes) / len(rows) if classes else np.empty(0)
    return {
        "quantiles": quantiles,
        "mean": mean,
        "missing": np.isnan(rows).mean(axis=0, dtype=np.float64),
        "rows": np.array(len(rows), dtype=np.int64),
        "prediction_share": share.astype(np.float64),
        "row_digests": kept_digests(rows),
    }


def npz_bytes(arrays: dict[str, Array]) -> bytes:
    """Return an ``.npz`` file; equal arrays are equal bytes, and nothing in it is pickled."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(arrays[name]), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())
    return buffer.getvalue()
