"""Model cards: Markdown with a head of ``key: value`` lines, in English or Japanese, beside the model or in ``cards/``.

What counts as complete is what the template asks for: every key of the head, and words of somebody's own under every
heading. Comments are the template's questions, so an untouched template is missing everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from workbench.contract.model import check_model_name
from workbench.contract.policy import ModelCard
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError, did_you_mean, read_errors
from workbench.foundation.project import Project
from workbench.review.policies.rules import CardRule

KEYS = ("model", "language", "owner", "version", "license")
SECTIONS = {
    "en": ("Purpose", "Out of scope", "Data", "Evaluation", "Limits and risks", "Operation"),
    "ja": ("目的", "対象外の用途", "データ", "評価", "限界とリスク", "運用"),
}
CARDS = Path("cards")
_TEMPLATES = Path(__file__).parent / "card_templates"
_HEAD = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"^##[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True)
class CardText:
    """A card as it was read.

    Attributes:
        language: ``en`` or ``ja``; English where the head says neither.
        missing: What is not written yet, in words.
    """

    language: str
    missing: tuple[str, ...]


def create_card(project: Project, model: str, language: str = "en") -> ModelCard:
    """Write an empty model card, ``cards/<model>.md``, to be filled in; an existing one is left alone.

    Args:
        project: The project.
        model: Name of the model.
        language: ``en`` or ``ja``.

    Raises:
        UsageError: ``model-name-malformed`` or ``language-unknown``.
        ConflictError: ``card-exists``.
    """
    name = check_model_name(model)
    if language not in SECTIONS:
        raise UsageError("language-unknown", f"There is no template in '{language}'", did_you_mean(language, SECTIONS))
    path = project.root / CARDS / f"{name}.md"
    if path.exists():
        raise ConflictError("card-exists", f"There is a {CARDS / path.name} already", f"mlops card show {name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    template = (_TEMPLATES / f"{language}.md").read_text(encoding="utf-8")
    write_atomic(path, template.replace("{model}", name).encode())
    return show_card(project, name)


def show_card(project: Project, model: str) -> ModelCard:
    """Show what a model's card, ``cards/<model>.md``, still lacks.

    Args:
        project: The project.
        model: Name of the model.

    Raises:
        NotFoundError: ``card-missing``.
    """
    name = check_model_name(model)
    path = project.root / CARDS / f"{name}.md"
    if not path.is_file():
        raise NotFoundError("card-missing", f"There is no {CARDS / path.name}", f"mlops card create {name}")
    with read_errors(path):
        read = read_card(path.read_bytes(), name, CardRule())
    return ModelCard(name, str(CARDS / path.name), read.language, not read.missing, read.missing)


def read_card(data: bytes, model: str, rule: CardRule) -> CardText:
    """Say what a card lacks.

    Args:
        data: Its bytes.
        model: The model it has to name.
        rule: How much counts as written.
    """
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        return CardText("en", ("text in UTF-8",))
    found = _HEAD.match(text)
    head = dict(_pair(line) for line in found[1].splitlines() if ":" in line) if found else {}
    language = head.get("language", "en") if head.get("language", "en") in SECTIONS else "en"
    missing = [f"'{key}' in its head" for key in KEYS if not head.get(key)]
    if head.get("model") and head["model"] != model:
        missing.append(f"the model's name: it is about '{head['model']}'")
    body = _COMMENT.sub("", text[found.end() :] if found else text)
    parts = _HEADING.split(body)
    written = {title.strip().casefold(): words for title, words in zip(parts[1::2], parts[2::2], strict=True)}
    for title in SECTIONS[language]:
        words = written.get(title.casefold())
        if words is None:
            missing.append(f"the section '{title}'")
        elif _length(words) < rule.minimum_words:
            missing.append(f"words under '{title}'")
    return CardText(language, tuple(missing))


def _pair(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip().strip("\"'")


def _length(text: str) -> int:
    """Count words; Japanese writes none apart, so two of its characters count as one."""
    japanese = len(re.findall(r"[\u3040-\u30ff\u3400-\u9fff]", text))
    return len(re.findall(r"[^\W\u3040-\u30ff\u3400-\u9fff]+", text)) + japanese // 2
