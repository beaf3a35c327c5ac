"""``card``: the model card is there and complete; what is missing is named.

The card lies in the model folder (``card.md``) or, written after the training, in the project's ``cards/<model>.md``;
the one that was looked at is kept with the evidence, so an approval is bound to its words.
"""

from __future__ import annotations

from dataclasses import asdict

from workbench.contract.model import CARD_FILE
from workbench.contract.status import CheckResult
from workbench.experiment.levels.judgement import listed
from workbench.foundation.canonical import digest_bytes
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.model_cards import CARDS, read_card
from workbench.review.policies.rules import CardRule
from workbench.review.sandbox.apart import Material

_TOOL = "model card template 1"
_MAX_BYTES = 1 << 20


def gather(given: CheckInput) -> Material:
    """Find the card and fetch it, unread; its bytes are kept."""
    store = given.project.store
    path = given.project.root / CARDS / f"{given.model}.md"
    sizes = {entry.path: entry.size for entry in store.tree(given.model_digest)}
    place, size = "", 0
    if CARD_FILE in sizes:
        place, size = CARD_FILE, sizes[CARD_FILE]
    elif path.is_file():
        place, size = str(CARDS / path.name), path.stat().st_size
    values = {"card": place, "bytes": size, "model": given.model, "rule": asdict(given.rule.card)}
    if not place or size > _MAX_BYTES:
        return Material(values)
    data = store.read_tree_file(given.model_digest, CARD_FILE) if place == CARD_FILE else path.read_bytes()
    store.put_bytes(data)
    return Material(values, {CARD_FILE: data})


def look(given: Material) -> Outcome:
    """Read the card and say what it lacks."""
    place, size, model = (given.values[name] for name in ("card", "bytes", "model"))
    if not place:
        said = f"There is no model card: mlops card create {model}"
        return Outcome(CheckResult.FAIL, said, _TOOL, {"missing": 1.0})
    if size > _MAX_BYTES:
        return Outcome(CheckResult.FAIL, f"{place} has {size:,} bytes; a card is read by people", _TOOL)
    data = given.files[CARD_FILE]
    card = read_card(data, model, CardRule(**given.values["rule"]))
    evidence = {"card": place, "card_digest": digest_bytes(data), "missing": card.missing, "language": card.language}
    figures = {"missing": float(len(card.missing)), "bytes": float(len(data))}
    if card.missing:
        return Outcome(CheckResult.FAIL, f"{place} lacks {listed(card.missing)}", _TOOL, figures, evidence)
    return Outcome(CheckResult.PASS, f"{place} is complete ({card.language})", _TOOL, figures, evidence)
