"""The reference profile: what training data looked like, read from the frozen model itself.

It travels in the model's own tree (``reference.npz``, see :mod:`workbench.contract.model`), so a review that binds
the model binds the yardstick too, and nobody can move it afterwards.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.contract.model import REFERENCE_FILE
from workbench.foundation.errors import IntegrityError, NotFoundError
from workbench.foundation.store import Store


@dataclass(frozen=True, eq=False)
class Reference:
    """Profile of the training data.

    Attributes:
        quantiles: (features, q) float32, ascending, at even probabilities from 0 to 1.
        mean: (features,) float64.
        missing: (features,) share of missing values.
        rows: Rows it was made from; a p-value must know that the reference is itself a sample.
        prediction_share: (classes,) share of each predicted class; empty for regression.
    """

    quantiles: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float64]
    missing: npt.NDArray[np.float64]
    rows: int
    prediction_share: npt.NDArray[np.float64]


def load_reference(store: Store, model_digest: str) -> Reference | None:
    """Return the verified profile of a frozen model, or None where the model brought none.

    Raises:
        NotFoundError: The store does not hold the model.
        IntegrityError: Its bytes were changed, or ``reference-malformed``.
    """
    return _load(store.root, model_digest)


@lru_cache(maxsize=16)  # a digest never means other bytes, so nothing here can go stale
def _load(root: Path, model_digest: str) -> Reference | None:
    store = Store(root)
    if REFERENCE_FILE not in {entry.path for entry in store.tree(model_digest)}:
        return None
    return parse_reference(store.read_tree_file(model_digest, REFERENCE_FILE), model_digest)


def parse_reference(data: bytes, name: str) -> Reference:
    """Read the bytes of a ``reference.npz``; ``name`` is only named in errors.

    Raises:
        IntegrityError: ``reference-malformed``.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            # float32 is what the log holds. Compared in float64, a training value of 0.1 and the same 0.1 in the
            # log differ in the ninth digit, and a tied feature would seem to have moved as a whole.
            quantiles = np.sort(arrays["quantiles"].astype(np.float32), axis=1)
            mean, missing = (arrays[key].astype(np.float64) for key in ("mean", "missing"))
            rows, share = int(arrays["rows"]), arrays["prediction_share"].astype(np.float64)
    except (ValueError, KeyError, TypeError, EOFError, IndexError, zipfile.BadZipFile) as error:
        raise IntegrityError(
            "reference-malformed", f"{REFERENCE_FILE} of {name} is no profile: {error}", "save the model again"
        ) from error
    if not (quantiles.shape[0] == mean.shape[0] == missing.shape[0] and quantiles.shape[1] > 1 and rows > 0):
        raise IntegrityError(
            "reference-malformed", f"{REFERENCE_FILE} of {name} has arrays of unlike length", "save the model again"
        )
    return Reference(quantiles, np.nan_to_num(mean), missing, rows, share)


def reference_rows(store: Store, model_digest: str) -> int:
    """Return the rows of the profile for a list; 0 where there is none that can be read."""
    try:
        reference = load_reference(store, model_digest)
    except (NotFoundError, IntegrityError):
        return 0  # the runner and the doctor say what is wrong with the bytes
    return reference.rows if reference else 0
