"""Find the sentences that modules say: every text in their code that has words in it, with ``{0}``, ``{1}`` for values.

Texts are taken from the source by Python's own parser, so nobody registers a sentence and none is forgotten: who
writes ``f"There is no run '{run}'"`` in one of :data:`SPOKEN` finds a test that asks for its translation. Commands are
the same in every language and are left out, and so is what is no sentence: regular expressions, names, keys.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
SPOKEN = (
    "compute/cards.py",
    "compute/hosts/findings.py",
    "compute/local.py",
    "compute/needs.py",
    "data/catalogue.py",
    "data/paths.py",
    "data/versions.py",
    "doors/server/handlers.py",
    "doors/server/location.py",
    "doors/server/problem.py",
    "execute/checkout.py",
    "execute/jobs.py",
    "execute/notebook.py",
    "execute/parameters.py",
    "execute/replay.py",
    "execute/reproduce.py",
    "execute/submission.py",
    "experiment/annotations.py",
    "experiment/differences.py",
    "experiment/levels/*.py",
    "experiment/runs.py",
    "experiment/search/fields.py",
    "experiment/search/parser.py",
    "foundation/errors.py",
    "foundation/finding.py",
    "foundation/identity/*.py",
    "foundation/project.py",
    "monitor/alerts.py",
    "monitor/watch.py",
    "monitor/wording.py",
    "project/history.py",
    "review/approving.py",
    "review/beside.py",
    "review/breaking.py",
    "review/candidate.py",
    "review/card.py",
    "review/checks/*.py",
    "review/comments.py",
    "review/data_classes.py",
    "review/decision.py",
    "review/drafts.py",
    "review/elsewhere/refusals.py",
    "review/notebook.py",
    "review/promotion.py",
    "review/proof/approvals.py",
    "review/proof/demands.py",
    "review/proof/grant.py",
    "review/proof/names.py",
    "review/proof/override.py",
    "review/proof/stay.py",
    "review/proof/verification.py",
    "review/proof/waiver.py",
    "review/reviews.py",
    "review/signing.py",
    "review/staleness.py",
    "review/waiving.py",
    "serving/channel.py",
    "serving/faults.py",
    "serving/outside.py",
    "serving/releases.py",
    "serving/runners.py",
)
"""Modules whose sentences are translated, relative to the package."""

_COMMAND = re.compile(r"(mlops|git|%|--|\[|pip|apt) ?\S")
_PLACE = re.compile(r"\{\d+\}")
_LETTERS = re.compile(r"[A-Za-z]{2}.*[A-Za-z]{2}", re.DOTALL)
_CODE = re.compile(r"\\[bdsw]|\(\?|^[A-Z_ ]+$|^[\W\d]*$")


def spoken_modules() -> tuple[Path, ...]:
    """Return the modules of :data:`SPOKEN`."""
    return tuple(path for pattern in SPOKEN for path in sorted(PACKAGE.glob(pattern)))


def sentences_of(modules: Iterable[Path]) -> dict[str, str]:
    """Return every sentence of modules, each with the module that says it first."""
    found: dict[str, str] = {}
    for module in modules:
        for text in _texts(ast.parse(module.read_text(encoding="utf-8"))):
            if is_sentence(text):
                found.setdefault(text, module.relative_to(PACKAGE).as_posix())
    return found


def is_sentence(text: str) -> bool:
    """Tell a sentence, or a part of one, from names, commands and code."""
    plain = _PLACE.sub(" ", text).strip()
    has_words = " " in text.strip() and bool(_LETTERS.search(plain))
    return has_words and not _COMMAND.match(text.strip()) and not _CODE.search(text)


def _texts(tree: ast.AST) -> Iterator[str]:
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Constant):
        return  # a docstring
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        yield tree.value
    elif isinstance(tree, ast.JoinedStr):
        yield _template(tree)
        for part in tree.values:
            if isinstance(part, ast.FormattedValue):  # f"{x}{' and more' if y else ''}"
                yield from _texts(part.value)
    else:
        keys = tree.keys if isinstance(tree, ast.Dict) else []  # what is looked up is not said
        for child in ast.iter_child_nodes(tree):
            if child not in keys:
                yield from _texts(child)


def _template(text: ast.JoinedStr) -> str:
    parts, count = [], 0
    for part in text.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        else:
            parts.append(f"{{{count}}}")
            count += 1
    return "".join(parts)
