"""Data cards: whose a dataset is, what for, of which class, how long, for whom. A plain TOML file beside it, in Git."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from workbench.contract.project import Finding
from workbench.contract.quality import DataCard
from workbench.data.dvc.pointers import all_pointers
from workbench.data.paths import relative_path
from workbench.data.quality.rules import written
from workbench.foundation.config import parse_toml, read_toml
from workbench.foundation.counting import counted
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import NotFoundError, UsageError, WorkbenchError, did_you_mean
from workbench.foundation.project import Project

SUFFIX = ".card.toml"
CLASSES = ("public", "internal", "confidential", "personal")
"""From the laxest to the strictest."""

_GUARDED = frozenset({"confidential", "personal"})
_RETENTION = re.compile(r"(forever|\d+ (day|month|year)s?|\d{4}-\d\d-\d\d)")
_LANGUAGES = ("en", "ja")
_COMMIT = re.compile(r"[0-9a-f]{4,64}")
_GIT_S = 10


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

    Another class is told to the journal.

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
    before = _read(project, name) or _Card()
    card = replace(before, **{key: value.strip() for key, value in given.items() if value})
    if wrong := [problem for problem in _problems(card) if not problem.endswith(" is missing")]:
        raise UsageError("card-invalid", wrong[0], f"mlops data describe '{name}' --help")
    words = _WORDS[language]
    lines = [f"# {words['head'].format(path=name)}"]
    lines += [f"\n# {words[key]}\n{key} = {written(value)}" for key, value in asdict(card).items()]
    text = ("\n".join(lines) + "\n").encode()
    if card.data_class == before.data_class:
        write_atomic(project.root / f"{name}{SUFFIX}", text)
    else:
        with project.journal.transaction() as transaction:
            told = {"path": name, "data_class": card.data_class, "before": before.data_class}
            transaction.append("data.described", f"data:{name}", told)
            write_atomic(project.root / f"{name}{SUFFIX}", text)
    return _as_card(name, card)


def is_guarded(project: Project, path: str) -> bool:
    """Tell whether values of a dataset must not be shown: a card that covers it says so, or cannot be read."""
    return data_class_of(project, path) in _GUARDED


def data_class_of(project: Project, path: str) -> str:
    """Return the strictest class that the cards of a dataset and of the folders it lies in say; empty where none does.

    A card that cannot be read counts as ``personal``; a word that is no class says nothing.
    """
    return strictest(_class_in(project, name) for name in _covering(path))


def data_class_within(project: Project, path: str) -> str:
    """Return the same, where the dataset is a folder of the cards in it, too."""
    folder = project.root / path
    inside = folder.rglob(f"*{SUFFIX}") if folder.is_dir() else ()
    names = [file.relative_to(project.root).as_posix().removesuffix(SUFFIX) for file in inside]
    return strictest((data_class_of(project, path), *(_class_in(project, name) for name in names)))


def data_class_in_commit(project: Project, path: str, commit: str) -> str:
    """Return what :func:`data_class_of` would have said in a Git commit; empty where Git or the commit is not there."""
    if not _COMMIT.fullmatch(commit) or Path(path).is_absolute() or "\n" in path:
        return ""
    asked = "".join(f"{commit}:./{name}{SUFFIX}\n" for name in _covering(path))
    command = ["git", "-C", str(project.root), "--no-optional-locks", "cat-file", "--batch"]
    try:
        done = subprocess.run(command, input=asked.encode(), capture_output=True, check=False, timeout=_GIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return strictest(_class_said(data) for data in _blobs(done.stdout))


def strictest(classes: Iterable[str]) -> str:
    """Return the strictest of some classes; what is no class says nothing."""
    return max((name for name in classes if name in CLASSES), key=CLASSES.index, default="")


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
    if not datasets:
        yield Finding("data-card", is_ok=True, message="There is no dataset yet that needs a card")
    elif sound == len(datasets):
        message = counted(sound, "dataset has a complete card", "datasets have a complete card")
        yield Finding("data-card", is_ok=True, message=message)


def _dataset(project: Project, path: str) -> str:
    head, at, digits = path.rpartition("@")
    is_version = bool(at) and re.fullmatch(r"[0-9a-f]+", digits) and not (project.root / path).exists()
    return relative_path(project, head if is_version else path)


def _covering(path: str) -> tuple[str, ...]:
    """Return the names whose cards cover a path: its own, and those of the folders it lies in."""
    return (path, *(parent.as_posix() for parent in Path(path).parents if parent != Path()))


def _class_in(project: Project, name: str) -> str:
    try:
        card = _read(project, name)
    except WorkbenchError:
        return "personal"
    return card.data_class if card else ""


def _class_said(data: bytes) -> str:
    try:
        raw, reader = parse_toml(data, Path(SUFFIX))
        return _Card(**reader.section(_Card, raw, ())).data_class
    except WorkbenchError:
        return "personal"


def _blobs(told: bytes) -> Iterator[bytes]:
    """Yield the blobs in what ``git cat-file --batch`` answers: ``<name> blob <size>`` and then the bytes."""
    while told:
        head, _, rest = told.partition(b"\n")
        words = head.split()
        is_blob = len(words) == 3 and words[1] == b"blob" and words[2].isdigit()
        size = int(words[2]) + 1 if is_blob else 0
        if is_blob:
            yield rest[: size - 1]
        told = rest[size:]


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
