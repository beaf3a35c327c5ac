"""The Jupyter server extension.

In: HTTP requests of the panel and of scripts. Out: the same verbs as every other door, as JSON, and events that say
what changed. Jupyter calls; nobody imports it. ``routes`` says which verb lies where, ``handlers`` answer, ``watch``
looks for changes in a thread of its own, ``schema`` describes it all for ``openapi`` and ``typescript``.

Loading adds routes and nothing else: pydantic, the database layer and the rooms are imported on the first request.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

CHANGED_SCHEMA = Path(__file__).parent / "events" / "changed.yaml"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "workbench.doors.server"}]


def _load_jupyter_server_extension(serverapp: ServerApp) -> None:
    """Add the routes to a server; Jupyter calls it."""
    from workbench.doors.server.handlers import handlers
    from workbench.doors.server.services import SETTING, build

    serverapp.web_app.settings[SETTING] = build(serverapp, has_events=_register_events(serverapp))
    serverapp.web_app.add_handlers(".*$", handlers(serverapp.base_url))  # type: ignore[no-untyped-call]


def _register_events(serverapp: ServerApp) -> bool:
    """Register the event's schema; without it the panel still works, but has to ask by itself."""
    from jupyter_events.schema import EventSchemaLoadingError
    from jupyter_events.schema_registry import SchemaRegistryException

    if serverapp.event_logger is None:
        return False
    try:
        serverapp.event_logger.register_event_schema(CHANGED_SCHEMA)
    except (SchemaRegistryException, EventSchemaLoadingError) as error:
        serverapp.log.warning("mlops-workbench: no live updates: %s", error)
        return False
    return True
