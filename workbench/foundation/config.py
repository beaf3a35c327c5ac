"""``workbench.toml``: what a project is called, where it keeps things and which targets it knows.

The dataclasses below are the schema; there is no second one. An unknown key or a wrong type is an error that
names the file, the line and the nearest valid key, because a silently ignored setting is a trap.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean, read_errors

FILE_NAME = "workbench.toml"


@dataclass(frozen=True)
class ProjectSection:
    """What the project is.

    Attributes:
        name: Short name; also the MLflow experiment.
        description: One sentence for people who did not make it.
        owner: Who answers for it (a role or a mail address).
    """

    name: str
    description: str = ""
    owner: str = ""


@dataclass(frozen=True)
class TrackingSection:
    """Where runs are recorded.

    Attributes:
        uri: MLflow tracking URI; empty means SQLite in ``.workbench/``.
    """

    uri: str = ""


@dataclass(frozen=True)
class ExperimentSection:
    """What is recorded of runs.

    Attributes:
        capture: Whether ``%load_ext workbench`` records cells, inputs, seeds and the machine. Without it a run has what
            is logged, its code and nothing else.
        system_metrics: Whether processor, memory, disk, network and GPUs are sampled while a run goes on.
        system_metrics_interval_s: Seconds between two samples.
    """

    capture: bool = True
    system_metrics: bool = True
    system_metrics_interval_s: float = 10.0


@dataclass(frozen=True)
class JournalSection:
    """Where events, reviews and releases are recorded.

    Attributes:
        url: SQLAlchemy URL; empty means SQLite in ``.workbench/``.
    """

    url: str = ""


@dataclass(frozen=True)
class TargetSection:
    """One compute target.

    Attributes:
        kind: Name of an adapter (``local``); adapters are found through entry points.
        options: What the adapter itself asks for; validated by the adapter.
    """

    kind: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunnerSection:
    """Where the model runner listens.

    Attributes:
        host: Loopback unless TLS ends in front of it.
        port: TCP port; 0 lets the system choose.
    """

    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True)
class MonitorSection:
    """How served models are watched.

    Attributes:
        window_rows: Rows in one prediction window.
        alarm_windows: Windows out of the last three that must drift before an alert is raised.
        false_discovery_rate: Benjamini-Hochberg level over the features of one window.
    """

    window_rows: int = 500
    alarm_windows: int = 2
    false_discovery_rate: float = 0.05


@dataclass(frozen=True)
class LineageSection:
    """Who is told what runs read and made.

    Attributes:
        openlineage: Where OpenLineage events go: ``file:<path>`` (relative to the project) or ``http(s)://…``; empty
            tells nobody. A key for it comes from the environment (``OPENLINEAGE_API_KEY``), never from this file.
    """

    openlineage: str = ""


@dataclass(frozen=True)
class GateSection:
    """The gate's own account on a shared tracking server.

    Attributes:
        account: User of the server who alone may touch models that are served; empty where there is none.
        password: Source of its password (``env:NAME``); never the password.
    """

    account: str = ""
    password: str = ""


@dataclass(frozen=True)
class NoticeSection:
    """Somebody who is told what happens at the gate. What is secret is a source (``env:NAME``), never a value.

    Attributes:
        kind: ``webhook``, ``slack`` or ``mail``.
        events: Patterns of the journal's events.
        url: Source of the address that is posted to (webhook, slack).
        secret: Source of the key that bodies are signed with (HMAC-SHA256); empty signs nothing.
        server: ``host`` or ``host:port`` of the mail server.
        starttls: Whether the connection to the mail server is encrypted.
        sender: Address that mails come from.
        to: Addresses that they go to.
        user: Name at the mail server; empty where it asks for none.
        password: Source of the password there.
    """

    kind: str
    events: tuple[str, ...] = ("review.*", "release.*", "policy.*", "reviewers.*", "alert.raised")
    url: str = ""
    secret: str = ""
    server: str = ""
    starttls: bool = True
    sender: str = ""
    to: tuple[str, ...] = ()
    user: str = ""
    password: str = ""


@dataclass(frozen=True)
class Config:
    """The whole file."""

    project: ProjectSection
    tracking: TrackingSection = TrackingSection()
    experiment: ExperimentSection = ExperimentSection()
    journal: JournalSection = JournalSection()
    runner: RunnerSection = RunnerSection()
    monitor: MonitorSection = MonitorSection()
    lineage: LineageSection = LineageSection()
    gate: GateSection = GateSection()
    notices: dict[str, NoticeSection] = field(default_factory=dict)
    targets: dict[str, TargetSection] = field(default_factory=dict)


def load_config(path: Path) -> Config:
    """Read and validate a ``workbench.toml``.

    Raises:
        NotFoundError: ``config-missing``.
        UsageError: ``config-syntax``, ``config-unknown-key``, ``config-missing-key`` or ``config-wrong-type``;
            the message holds ``file:line``.
    """
    try:
        return _config(*read_toml(path))
    except FileNotFoundError:
        raise NotFoundError("config-missing", f"There is no {path}", "create a project: mlops init") from None


def parse_config(text: str, path: Path) -> Config:
    """Validate the text of a ``workbench.toml``; ``path`` is only named in errors."""
    return _config(*parse_toml(text.encode(), path))


def read_toml(path: Path, shown: Path | None = None) -> tuple[dict[str, Any], TomlReader]:
    """Read a TOML file that people edit: what it says, and the reader that names its lines in errors.

    Args:
        path: The file.
        shown: How errors name it; by default as ``path``.

    Raises:
        FileNotFoundError: There is none; what that means is the caller's to say.
        UsageError: ``config-syntax``.
    """
    with read_errors(path):
        data = path.read_bytes()
    return parse_toml(data, shown or path)


def parse_toml(data: bytes, path: Path) -> tuple[dict[str, Any], TomlReader]:
    """Do the same with the bytes of such a file; ``path`` is only named in errors.

    Raises:
        UsageError: ``config-syntax``.
    """
    try:
        text = data.decode("utf-8-sig")  # editors of Windows put a mark before it
        return tomllib.loads(text), TomlReader(text, path)
    except UnicodeDecodeError as error:
        raise UsageError("config-syntax", f"{path}: not UTF-8 ({error.reason})", "save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError("config-syntax", f"{path}: {error}", "mend the line; strings need quotes in TOML") from error


def _config(raw: dict[str, Any], reader: TomlReader) -> Config:
    raw_targets = raw.pop("targets", {})
    values = reader.section(Config, raw, ())
    values["targets"] = reader.targets(raw_targets)
    return Config(**values)


class TomlReader:
    """Turn parsed TOML into dataclasses and point at the line of what is wrong.

    Fields may be dataclasses, ``dict[str, <dataclass>]``, ``tuple[str, ...]``, plain TOML types or unions of those.
    """

    def __init__(self, text: str, path: Path) -> None:
        self._lines = text.splitlines()
        self.path = path

    def section(self, schema: type, raw: Any, where: tuple[str, ...]) -> dict[str, Any]:
        """Return keyword arguments for ``schema`` out of one TOML table."""
        if not isinstance(raw, dict):
            raise self._wrong_type(where, raw, "a table")
        hints = typing.get_type_hints(schema)
        known = {f.name: f for f in dataclasses.fields(schema)}
        values: dict[str, Any] = {}
        for key, value in raw.items():
            if key not in known:
                raise UsageError(
                    "config-unknown-key",
                    f"{self.at((*where, key))}: unknown key '{'.'.join((*where, key))}'",
                    did_you_mean(key, known),
                )
            values[key] = self._value(hints[key], value, (*where, key))
        for name, item in known.items():
            required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
            if required and name not in values:
                full = ".".join((*where, name))
                is_tables = typing.get_origin(hints[name]) is dict
                hint = f"add a table: [{full}.<name>]" if is_tables else f'add: {name} = "…"'
                raise UsageError("config-missing-key", f"{self.at(where)}: '{full}' is missing", hint)
        return values

    def targets(self, raw: Any) -> dict[str, TargetSection]:
        """Read ``[targets.<name>]`` tables: ``kind`` is ours, the rest belongs to the adapter."""
        if not isinstance(raw, dict):
            raise self._wrong_type(("targets",), raw, "a table of tables")
        found: dict[str, TargetSection] = {}
        for name, table in raw.items():
            if not isinstance(table, dict):
                raise self._wrong_type(("targets", name), table, "a table")
            if not isinstance(table.get("kind"), str):
                raise UsageError(
                    "config-missing-key",
                    f"{self.at(('targets', name))}: 'targets.{name}.kind' is missing",
                    'add: kind = "local"',
                )
            found[name] = TargetSection(table["kind"], {k: v for k, v in table.items() if k != "kind"})
        return found

    def _value(self, hint: Any, value: Any, where: tuple[str, ...]) -> Any:
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return hint(**self.section(hint, value, where))
        if typing.get_origin(hint) is dict and dataclasses.is_dataclass(typing.get_args(hint)[1]):
            if not isinstance(value, dict):
                raise self._wrong_type(where, value, "a table of tables")
            return {name: self._value(typing.get_args(hint)[1], table, (*where, name)) for name, table in value.items()}
        if typing.get_origin(hint) is tuple:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise self._wrong_type(where, value, "a list of strings")
            return tuple(value)
        accepted = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        if float in accepted and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            raise self._wrong_type(where, value, " or ".join(_TOML_WORDS.get(t, t.__name__) for t in accepted))
        return value

    def _wrong_type(self, where: tuple[str, ...], value: Any, wanted: str) -> UsageError:
        got = _TOML_WORDS.get(type(value), type(value).__name__)
        return UsageError(
            "config-wrong-type",
            f"{self.at(where)}: '{'.'.join(where)}' must be {wanted}, not {got}",
            f"change the line in {self.path.name}",
        )

    def at(self, where: tuple[str, ...]) -> str:
        """Return ``file:line`` of a key, for an error."""
        return f"{self.path}:{self._line_of(where)}"

    def _line_of(self, where: tuple[str, ...]) -> int:
        """Find the line of a key; tomllib does not keep positions, and the last header before it decides."""
        header: tuple[str, ...] = ()
        best = 1
        for number, line in enumerate(self._lines, start=1):
            if match := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
                header = tuple(part.strip().strip("\"'") for part in match[1].split("."))
                if header == where:
                    return number
                if where[: len(header)] == header:
                    best = number
            elif match := re.match(r"\s*([A-Za-z0-9_\-.\"']+)\s*=", line):
                key = tuple(part.strip("\"'") for part in match[1].split("."))
                if (*header, *key) == where or where[: len(header) + len(key)] == (*header, *key):
                    return number
        return best


_TOML_WORDS: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
}
