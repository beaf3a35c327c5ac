"""Words: alerts and the report in English and Japanese, from one catalogue per language.

Records hold facts, never sentences, so that whoever reads chooses the language. The catalogues are flat JSON files
beside this one (``words/en.json``, ``words/ja.json``) with the same keys; a test holds them to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.foundation.errors import UsageError, did_you_mean
from workbench.foundation.words.translation import translated

FOLDER = Path(__file__).parent / "words"


def languages() -> tuple[str, ...]:
    """Return the languages there is a catalogue for."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@lru_cache(maxsize=4)
def load_words(language: str) -> Mapping[str, str]:
    """Return a language's catalogue.

    Raises:
        UsageError: ``language-unknown``.
    """
    if language not in languages():
        hint = did_you_mean(language, languages())
        raise UsageError("language-unknown", f"There are no words for the language '{language}'", hint)
    catalogue: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return catalogue


def alert_words(kind: str, channel: str, facts: Mapping[str, Any], language: str = "en") -> tuple[str, str]:
    """Return title and action of an alert.

    Args:
        kind: ``drift``, ``prediction`` or ``out-of-band``.
        channel: Where.
        facts: What its record holds.
        language: ``en`` or ``ja``.
    """
    words = load_words(language)
    values = {"channel": channel, "model": channel.partition("@")[0]}
    if kind == "out-of-band":
        values |= {name: translated(str(facts[name]), language) for name in ("message", "hint")}
        return words["alert.out-of-band.title"].format(**values), words["alert.out-of-band.action"].format(**values)
    if kind == "prediction":
        values |= _prediction_values(facts)
        return words["alert.prediction.title"].format(**values), words["alert.prediction.action"].format(**values)
    worst = facts["features"][0]
    values |= {"feature": worst["name"], "drifted": facts["drifted"], "of": facts["of"]}
    values |= {key: f"{worst[key]:.3g}" for key in ("reference_mean", "window_mean", "statistic")}
    values |= {key: f"{100 * worst[key]:.0f}" for key in ("missing", "outside")}
    detail = words[f"alert.{worst['cause']}.detail"].format(**values)
    title = words["alert.drift.title"].format(**values, detail=detail)
    return title, words[f"alert.{worst['cause']}.action"].format(**values)


def _prediction_values(facts: Mapping[str, Any]) -> dict[str, str]:
    """Name the class whose share moved most."""
    before, now = facts["reference"], facts["predictions"]
    label = max(now, key=lambda name: abs(now[name] - before.get(name, 0.0)))
    shares = {"before": f"{100 * before.get(label, 0.0):.0f}", "now": f"{100 * now[label]:.0f}"}
    return {"label": label, "distance": f"{facts['distance']:.2f}", **shares}
