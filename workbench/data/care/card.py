"""Data cards: whose a dataset is, what for, of which class, how long, for whom. A plain TOML file beside it, in Git."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from workbench.contract.project import Finding
from workbench.contract.quality import DataCard
from workbench.data.paths import relative_path
from workbench.data.pointers import all_pointers
from workbench.data.quality.rules import written
from workbench.foundation.config import read_toml
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import NotFoundError, UsageError, WorkbenchError, did_you_mean
from workbench.foundation.project import Project

SUFFIX = ".card.toml"
CLASSES = ("public", "internal", "confidential", "personal")
_GUARDED = frozenset({"confidential", "personal"})
_RETENTION = re.compile(r"(forever|\d+ (day|month|year)s?|\d{4}-\d\d-\d\d)")
_LANGUAGES = ("en", "ja")


@dataclass(frozen=True)
class _Card:
    """The card file."""

    owner: str = ""
    purpose: str = ""
    data_class: str = ""
    retention: str = ""
    sharing: str = ""
    contact: str = ""


_WORDS = {
    "en": {
        "head": "Data card of {path}. Kept in Git; shown by `mlops data card`.",
        "owner": "who answers for it: a role or a mail address",
        "purpose": "what it was collected for",
        "data_class": "public, internal, confidential or personal",
        "retention": "how long it is kept: 2 years, 90 days, 2027-03-31 or forever",
        "sharing": "who may have it",
        "contact": "whom to ask",
    },
    "ja": {
        "head": "{path} のデータカード。Git で管理し、`mlops data card` で表示します。",
        "owner": "管理責任者（役職またはメールアドレス）",
        "purpose": "収集の目的",
        "data_class": "区分：public（公開）、internal（社内）、confidential（機密）、personal（個人データ）",
        "retention": "保存期間：2 years、90 days、2027-03-31、forever のいずれかの形",
        "sharing": "提供してよい相手",
        "contact": "問い合わせ先",
    },
}


def show_card(project: Project, path: str) -> DataCard:
    """Show a dataset's card, and what it lacks.

    Args:
        project: The project.
        path: The dataset, or the id of one of its versions: all versions share one card.

    Raises:
        NotFoundError: ``card-missing``.
        UsageError: ``path-outside-project``, ``config-syntax``, ``config-unknown-key`` or ``config-wrong-type``.
    """
    name = _dataset(project, path)
    card = _read(project, name)
    if card is None:
        hint = f"write one: mlops data describe '{name}' --owner you@example.com --data-class internal"
        raise NotFoundError("card-missing", f"{name} has no data card", hint)
    return _as_card(name, card)


def describe_data(
    project: Project,
    path: str,
    *,
    owner: str = "",
    purpose: str = "",
    data_class: str = "",
    retention: str = "",
    sharing: str = "",
    contact: str = "",
    language: str = "en",
) -> DataCard:
    """Write a dataset's card, or change what is named; the rest stays as it is.

    Args:
        project: The project.
        path: The dataset, or the id of one of its versions.
        owner: Who answers for it: a role or a mail address.
        purpose: What it was collected for.
        data_class: ``public``, ``internal``, ``confidential`` or ``personal``.
        retention: How long it is kept (``2 years``), until when (``2027-03-31``), or ``forever``.
        sharing: Who may have it.
        contact: Whom to ask.
        language: Language of the explanations in the file: ``en`` or ``ja``.

    Raises:
        NotFoundError: ``data-missing``.
        UsageError: ``card-invalid``, ``language-unknown`` or a fault of the card file.
    """
    name = _dataset(project, path)
    if language not in _LANGUAGES:
        raise UsageError("language-unknown", f"There is no card in '{language}'", did_you_mean(language, _LANGUAGES))
    if not (project.root / name).exists() and not (project.root / f"{name}.dvc").exists():
        raise NotFoundError("data-missing", f"There is no {name}", "mlops data")
    given = {
        "owner": owner,
        "purpose": purpose,
        "data_class": data_class,
        "retention": retention,
        "sharing": sharing,
        "contact": contact,
    }
    card = replace(_read(project, name) or _Card(), **{key: value.strip() for key, value in given.items() if value})
    if wrong := [problem for problem in _problems(card) if not problem.endswith(" is missing")]:
        raise UsageError("card-invalid", wrong[0], f"mlops data describe '{name}' --help")
    words = _WORDS[language]
    lines = [f"# {words['head'].format(path=name)}"]
    lines += [f"\n# {words[key]}\n{key} = {written(value)}" for key, value in asdict(card).items()]
    write_atomic(project.root / f"{name}{SUFFIX}", ("\n".join(lines) + "\n").encode())
    return _as_card(name, card)


def is_guarded(project: Project, path: str) -> bool:
    """Tell whether values of a dataset must not be shown: its card says so, or its card cannot be read."""
    folder = Path(path)
    for name in (path, *(parent.as_posix() for parent in folder.parents if parent != Path())):
        try:
            card = _read(project, name)
        except WorkbenchError:
            return True
        if card:
            return card.data_class in _GUARDED
    return False


def card_findings(project: Project) -> Iterator[Finding]:
    """Yield what the doctor says of the cards: one finding for each dataset whose card is missing, wrong or run out."""
    datasets = sorted({pointer.path for pointer in all_pointers(project)})
    sound = 0
    for path in datasets:
        try:
            card = show_card(project, path)
        except WorkbenchError as error:
            yield Finding("data-card", is_ok=False, message=error.message, hint=error.hint)
            continue
        if card.problems:
            message = f"The card of {path}: {'; '.join(card.problems)}"
            yield Finding("data-card", is_ok=False, message=message, hint=f"edit {card.file}")
        else:
            sound += 1
    if sound == len(datasets):
        yield Finding("data-card", is_ok=True, message=f"All {sound} datasets have a complete card")


def _dataset(project: Project, path: str) -> str:
    head, at, digits = path.rpartition("@")
    is_version = bool(at) and re.fullmatch(r"[0-9a-f]+", digits) and not (project.root / path).exists()
    return relative_path(project, head if is_version else path)


def _read(project: Project, name: str) -> _Card | None:
    file = project.root / f"{name}{SUFFIX}"
    try:
        raw, reader = read_toml(file, Path(f"{name}{SUFFIX}"))
    except FileNotFoundError:
        return None
    return _Card(**reader.section(_Card, raw, ()))


def _as_card(name: str, card: _Card) -> DataCard:
    problems = tuple(_problems(card))
    return DataCard(name, f"{name}{SUFFIX}", **asdict(card), is_complete=not problems, problems=problems)


def _problems(card: _Card) -> Iterator[str]:
    yield from (f"{key} is missing" for key, value in asdict(card).items() if not value.strip())
    if card.data_class and card.data_class not in CLASSES:
        yield f"data_class '{card.data_class}' is none of {', '.join(CLASSES)}"
    if card.retention and not _RETENTION.fullmatch(card.retention):
        yield f"retention '{card.retention}' is neither '2 years', '90 days', '2027-03-31' nor 'forever'"
    elif re.match(r"\d{4}-", card.retention):
        try:
            until = date.fromisoformat(card.retention)
        except ValueError:
            yield f"retention '{card.retention}' is no date"
        else:
            if until < datetime.now(UTC).date():
                yield f"kept beyond {until}"
    if card.data_class == "personal" and card.retention == "forever":
        yield "personal data is kept forever"
