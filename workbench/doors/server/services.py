"""What the handlers of one server share: open projects, the threads that verbs block, the watch over changes."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.contract.change import CHANGED_SCHEMA_ID, Change
from workbench.doors.arguments import bind
from workbench.doors.server.location import folder_of
from workbench.doors.server.projects import OpenProjects
from workbench.doors.server.watch import Watch
from workbench.doors.words.answers import encode_in
from workbench.foundation.errors import UsageError, path_errors
from workbench.foundation.project import expanded
from workbench.verbs import Verb

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

SETTING = "mlops_workbench"
"""Name under which the web application's settings hold the :class:`Services`."""

_THREADS = 8

PATHS = frozenset(("after", "before", "checkpoint", "file", "notebook", "path", "paths", "signers", "source", "split"))
"""Parameters of reading verbs that take a path, if some of them also take something else."""

_ELSEWHERE = re.compile(r"://|^[^/]*@[^/]*$")
"""What is no path: an address, a channel."""


@dataclass(frozen=True)
class Services:
    """Shared state of the extension in one server.

    Attributes:
        projects: The open projects below the server's root.
        threads: Where verbs that act run: they block, and the server's loop must not.
        readers: Where verbs that read run: eight uploads must not keep the panel waiting.
        watch: Tells clients what changed.
        has_events: Whether the event's schema was accepted.
    """

    projects: OpenProjects
    watch: Watch
    has_events: bool
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_THREADS, "wb-verb"))
    readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_THREADS, "wb-read"))

    def call(self, verb: Verb, location: str, raw: Mapping[str, Any], language: str = "") -> bytes:
        """Carry a verb out and return its result as JSON; blocks.

        Args:
            verb: The verb.
            location: Where the caller stands.
            raw: Its parameters as they came.
            language: Language that sentences of ours are said in; empty for English.

        Raises:
            WorkbenchError: Whatever is wrong with the input, the place or the work itself.
        """
        with path_errors():
            return self._called(verb, location, raw, language)

    def _called(self, verb: Verb, location: str, raw: Mapping[str, Any], language: str) -> bytes:
        root = self.projects.server_root
        if not verb.needs_project:
            arguments = bind(verb, raw, base=folder_of(root, location))
            _refuse_outside(root, arguments)
            return encode_in(verb.load()(**arguments), language)
        opened = self.projects.reading if verb.is_reading else self.projects.acting
        with opened(location) as project:
            self.watch.touch(project)
            arguments = _grounded(verb, project.root, bind(verb, raw, base=project.root))
            if verb.is_reading:
                _refuse_foreign(root, project.root, arguments)
            return encode_in(verb.load()(project, **arguments), language)


def build(serverapp: ServerApp, *, has_events: bool) -> Services:
    """Make the services of a server; starts nothing."""
    return Services(OpenProjects(Path(serverapp.root_dir).resolve()), Watch(_emitter(serverapp)), has_events)


def _emitter(serverapp: ServerApp) -> Callable[[Change], None]:
    """Return a function that any thread may call to tell every client of a change."""
    loop, events = serverapp.io_loop, serverapp.event_logger
    if events is None:
        return lambda _: None

    def emit(change: Change) -> None:
        data = dataclasses.asdict(change)
        loop.add_callback(events.emit, schema_id=CHANGED_SCHEMA_ID, data={**data, "nouns": list(change.nouns)})

    return emit


def _grounded(verb: Verb, project: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """Take from the project what a command takes from where it is called: a server stands wherever it was started."""
    names = {name for name in verb.places if arguments.get(name)}
    is_place = {name: arguments[name] != "git" and not _ELSEWHERE.search(arguments[name]) for name in names}
    return {name: str(project / expanded(value)) if is_place.get(name) else value for name, value in arguments.items()}


def _refuse_foreign(root: Path, project: Path, arguments: Mapping[str, Any]) -> None:
    """Keep whoever may only read to what the server shows: a table or a policy may be named by any path.

    As for a location, names count and not what links resolve to. Who may act runs notebooks, which read everything.
    """
    for name, value in arguments.items():
        texts = value if isinstance(value, tuple) else (value,)
        for text in map(str, texts) if name in PATHS else ():
            given = expanded(text)
            # Data is looked for where the server was started, too, when the project has none of that name.
            start = Path.cwd() if not os.path.lexists(project / given) and os.path.lexists(given) else project
            place = Path(os.path.normpath(start / given))
            if not (place.is_relative_to(root) or place.is_relative_to(project)) or "://" in text:
                raise UsageError(  # as the rooms say it that refuse such a path through every door
                    "path-outside-project",
                    f"'{name}' leaves the server's folder",
                    "name a folder that the server shows",
                )


def _refuse_outside(root: Path, arguments: Mapping[str, Any]) -> None:
    for name, value in arguments.items():
        if isinstance(value, Path) and not value.resolve().is_relative_to(root):
            raise UsageError(
                "path-outside", f"'{name}' leaves the server's folder", "name a folder that the server shows"
            )
