"""Monitor: whether what is served still meets the world it was trained on."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FeatureDrift:
    """Drift of one feature in one window.

    Attributes:
        name: Feature.
        statistic: Kolmogorov-Smirnov distance to the reference, 0 to 1.
        p_value: Of that distance.
        is_drifted: Whether it stays rejected after Benjamini-Hochberg over the window's features.
        reference_mean: Mean in the reference.
        window_mean: Mean in the window.
        missing: Share of missing values in the window.
        outside: Share of values beyond the smallest or largest of the reference.
        cause: What drifted: ``distribution``, ``missing`` or ``range``; empty where nothing did.
    """

    name: str
    statistic: float
    p_value: float
    is_drifted: bool
    reference_mean: float
    window_mean: float
    missing: float
    outside: float = 0.0
    cause: str = ""


@dataclass(frozen=True)
class WindowCard:
    """One window of predictions.

    Attributes:
        channel: Channel it was served on.
        index: 0, 1, 2, … within the channel and model.
        model_digest: Model that answered.
        started_at: UTC time of its first row.
        ended_at: UTC time of its last row.
        rows: Rows.
        is_drifted: Whether at least one feature drifted.
        features: The features, the most drifted first.
        predictions: Share of each predicted class.
        prediction_drift: Jensen-Shannon distance of the predictions to the reference, 0 to 1.
    """

    channel: str
    index: int
    model_digest: str
    started_at: str
    ended_at: str
    rows: int
    is_drifted: bool
    features: tuple[FeatureDrift, ...]
    predictions: dict[str, float] = field(default_factory=dict)
    prediction_drift: float = 0.0


@dataclass(frozen=True)
class AlertCard:
    """Something an operator is told once.

    Attributes:
        id: ``al-…``.
        channel: Where.
        kind: ``drift``, …
        severity: ``warning`` or ``critical``.
        state: An :class:`~workbench.contract.status.AlertState`.
        title: One sentence that names the cause.
        action: What to do next, as a command or a step.
        raised_at: UTC time.
        last_seen_at: UTC time; the same cause is not raised twice.
        count: Windows in which it was seen.
    """

    id: str
    channel: str
    kind: str
    severity: str
    state: str
    title: str
    action: str
    raised_at: str
    last_seen_at: str
    count: int


@dataclass(frozen=True)
class MonitorCard:
    """One watched channel.

    Attributes:
        channel: Channel.
        model_digest: Model that answers now.
        reference_rows: Rows of the reference profile; 0 where the model brought none.
        rows_seen: Rows predicted by this model.
        windows: The last windows, the newest first.
        alerts: Open alerts.
    """

    channel: str
    model_digest: str
    reference_rows: int
    rows_seen: int
    windows: tuple[WindowCard, ...] = ()
    alerts: tuple[AlertCard, ...] = ()


@dataclass(frozen=True)
class ReportFile:
    """A report that was written.

    Attributes:
        path: Relative to the project.
        digest: Digest of its bytes.
        language: ``en`` or ``ja``.
    """

    path: str
    digest: str
    language: str
