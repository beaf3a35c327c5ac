"""Verdict: what one window shows, as the body of its record.

The body is the window's card and three things more: where the next window begins (``cursor``), whether the predicted
classes moved (``is_prediction_drifted``) and what they were in the reference (``reference_share``).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.contract.monitor import WindowCard
from workbench.foundation.errors import IntegrityError
from workbench.foundation.store import Store
from workbench.monitor.drift import NO_PREDICTION_DRIFT, describe_features, judge_features, judge_predictions
from workbench.monitor.reference import Reference, load_reference
from workbench.monitor.windows import Batch, PredictionLog


def judge_window(
    batch: Batch, log: PredictionLog, channel: str, index: int, *, store: Store, level: float
) -> dict[str, Any]:
    """Test a window against its model's reference and return the body of its record.

    Args:
        batch: The window's rows.
        log: Where they came from.
        channel: Channel they were served on.
        index: Its number.
        store: Where the frozen model lies.
        level: False discovery rate over the features.

    Raises:
        IntegrityError: The model's bytes were changed, or ``layout-mismatch``: log and reference name other features.
        NotFoundError: The store does not hold the model.
    """
    reference = load_reference(store, log.model_digest)
    counts = _class_counts(batch, log)
    outcome, features = NO_PREDICTION_DRIFT, describe_features(batch.inputs, log.features)
    shares: dict[str, float] = {}
    if reference is not None:
        _require_same_width(reference, log)
        features = judge_features(batch.inputs, log.features, reference, level)
        outcome = judge_predictions(counts, reference.prediction_share, reference.rows, level)
        shares = dict(zip(log.classes, reference.prediction_share.tolist(), strict=False))
    card = WindowCard(
        channel=channel,
        index=index,
        model_digest=log.model_digest,
        started_at=_utc(batch.at.min()),
        ended_at=_utc(batch.at.max()),
        rows=len(batch.at),
        is_drifted=any(feature.is_drifted for feature in features),
        features=features,
        predictions={label: float(n / len(batch.at)) for label, n in zip(log.classes, counts, strict=True)},
        prediction_drift=outcome.distance,
    )
    extra = {"cursor": batch.cursor, "is_prediction_drifted": outcome.is_drifted, "reference_share": shares}
    return {**asdict(card), **extra}


def _class_counts(batch: Batch, log: PredictionLog) -> npt.NDArray[np.float64]:
    """Count predictions per class; empty for regression. What is no class index is counted nowhere."""
    known = np.isfinite(batch.outputs) & (batch.outputs >= 0) & (batch.outputs < len(log.classes))
    indices = batch.outputs[known].astype(np.int64)
    return np.bincount(indices, minlength=len(log.classes))[: len(log.classes)].astype(np.float64)


def _require_same_width(reference: Reference, log: PredictionLog) -> None:
    width = reference.quantiles.shape[0]
    if width != len(log.features):
        raise IntegrityError(
            "layout-mismatch",
            f"{log.folder} logs {len(log.features)} features, the reference of {log.model_digest} has {width}",
            "serve the model again: its runner writes a log of its own",
        )


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).isoformat(timespec="milliseconds")
