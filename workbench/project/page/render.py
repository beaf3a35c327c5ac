"""Turn facts into the document: one template, autoescaped, with the words of one language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.contract.status import ReviewState
from workbench.monitor import wording
from workbench.project.page.facts import Facts, interval_of
from workbench.project.page.figures import asset, draw_figures, plotly_js, script_json

_TONES = {
    "FINISHED": "ok", "FAILED": "bad", "KILLED": "bad", "LOST": "warn", "RUNNING": "idle",
    "CHECKING": "idle", "OPEN": "warn", "APPROVED": "ok", "REJECTED": "bad", "STALE": "warn",
    "CURRENT": "ok", "SUPERSEDED": "idle", "ROLLED_BACK": "warn",
}  # fmt: skip


@dataclass(frozen=True)
class Stop:
    """One stop on the road that data takes.

    Attributes:
        name: Which one.
        tone: ``ok``, ``warn``, ``bad`` or ``idle``.
        count: The large number.
        word: Key of what is said below it.
        detail: The number in those words.
    """

    name: str
    tone: str
    count: int
    word: str
    detail: int = 0


def render_page(facts: Facts, language: str) -> str:
    """Return the whole document."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    words = wording.load_words(language)

    def t(key: str, **values: Any) -> str:
        """Return words by key; a state or name the catalogue does not know shows as it is."""
        return words[key].format(**values) if key in words else key.partition(".")[2]

    figures = draw_figures(facts, t)
    tone, verdict = facts.verdict
    folder = Path(__file__).parent
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    environment.filters.update(moment=moment, short=short, figure=figure, duration=duration)
    environment.globals.update(t=t, interval=interval_of)
    return environment.get_template("page.html.j2").render(
        facts=facts,
        language=language,
        verdict=verdict,
        verdict_tone=tone,
        road=_road(facts),
        tones=_TONES,
        figures=figures,
        css=Markup(asset("page.css")),  # noqa: S704 -- our own files, not input
        script=Markup(asset("page.js")),  # noqa: S704
        plotly=Markup(plotly_js()) if figures else "",  # noqa: S704
        figures_json=Markup(script_json(figures)),  # noqa: S704 -- "<" is escaped
    )


def moment(at: str) -> str:
    """Return an ISO time as people read it, in UTC."""
    try:
        return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "–"
    except ValueError:
        return at


def short(digest: str) -> str:
    """Return the first twelve digits of a digest."""
    return digest.partition(":")[2][:12] or digest[:12]


def figure(value: float | None) -> str:
    """Return a number with four significant digits."""
    return "–" if value is None else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Return seconds in the unit that fits."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _road(facts: Facts) -> tuple[Stop, ...]:
    status, waiting, live = facts.status, len(facts.waiting_reviews), len(facts.current_releases)
    approved = sum(review.state == ReviewState.APPROVED for review in facts.reviews)
    windows = [window for monitor in facts.monitors for window in monitor.windows]
    drifted = sum(window.is_drifted for window in windows)
    is_critical = any(alert.severity == "critical" for alert in facts.open_alerts)
    bell = "bad" if is_critical else "warn" if facts.open_alerts else _tone(live)
    review_word = "waiting" if waiting else _word(facts.reviews)
    return (
        Stop("data", _tone(status.datasets), status.datasets, _word(status.datasets)),
        Stop("runs", _tone(status.runs), status.runs, _word(status.runs), status.open_jobs),
        Stop("reviews", "warn" if waiting else _tone(approved), len(facts.reviews), review_word, waiting or approved),
        Stop("releases", _tone(live), live, _word(live), len(facts.releases)),
        Stop("windows", "warn" if drifted else _tone(len(windows)), len(windows), _word(windows), drifted),
        Stop("alerts", bell, len(facts.open_alerts), _word(facts.open_alerts)),
    )


def _tone(count: int) -> str:
    return "ok" if count else "idle"


def _word(some: object) -> str:
    return "some" if some else "none"
