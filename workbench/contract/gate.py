"""The gate on a shared tracking server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServerUser:
    """What a user of the tracking server may do with a model.

    Attributes:
        model: Registered model.
        user: User of the server.
        permission: ``READ``, ``USE``, ``EDIT``, ``MANAGE`` or ``NO_PERMISSIONS``; ``ADMIN`` for administrators.
        may_move: Whether they could move the model past the gate.
    """

    model: str
    user: str
    permission: str
    may_move: bool


@dataclass(frozen=True)
class ServerGate:
    """A tracking server on which only the gate's own account touches the models that are served.

    Attributes:
        server: Its address.
        account: The gate's account.
        models: Models that it keeps.
        users: What everybody else may do with them.
        is_enforced: Whether nobody but the gate and the server's administrators may move any of them.
    """

    server: str
    account: str
    models: tuple[str, ...]
    users: tuple[ServerUser, ...]
    is_enforced: bool
