"""Secrets of a job: a target names where each comes from, the side that needs it reads it, nobody writes it down.

``[targets.gpu-box.env]`` in ``workbench.toml`` holds lines such as ``DB_PASSWORD = "env:FAR_DB_PASSWORD"``. Only these
words travel, in ``spec.json``; the runner reads the value where it runs and gives it to the kernel's environment alone
(:mod:`workbench.execute.travelling.luggage`), and takes it out of whatever the kernel prints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from workbench.foundation.errors import UsageError, did_you_mean

KINDS = {
    "env": "a variable's name: env:DB_PASSWORD",
    "file": "an absolute path: file:/run/secrets/db",
    "keyring": "service and user: keyring:warehouse/ada",
    "k8s-secret": "name and key: k8s-secret:warehouse/password",
    "vault": "path and field: vault:secret/warehouse#password",
}
"""Each kind of source with what has to follow it."""

OF_ONE_MACHINE = frozenset(KINDS) - {"k8s-secret"}
"""Kinds that a machine without a cluster around it can read."""

_PLACES = {
    "env": re.compile(r"[A-Za-z_]\w*"),
    "file": re.compile(r"(~?/.+)"),
    "keyring": re.compile(r"[^/]+/.+"),
    "k8s-secret": re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9._-]+"),
    "vault": re.compile(r"[^#]+#[^#]+"),
}
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Source:
    """Where one secret comes from.

    Attributes:
        name: Variable that the kernel finds it in.
        kind: One of :data:`KINDS`.
        place: What follows the kind, in its own words.
    """

    name: str
    kind: str
    place: str

    @property
    def secret_key(self) -> tuple[str, str]:
        """Name and key of a Kubernetes secret, for a ``secretKeyRef``; the cluster puts the value into ``name``."""
        secret, _, key = self.place.partition("/")
        return secret, key


def parse_source(name: str, text: str) -> Source:
    """Read one line of a target's ``env``.

    Raises:
        UsageError: ``secret-source-unknown``; the text itself is not repeated, since it may be a value.
    """
    kind, _, place = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not _NAME.fullmatch(name):
        raise UsageError("secret-source-unknown", f"'{name}' is no name for a variable", "use letters, digits and _")
    if kind not in KINDS:
        # What stands before a colon may itself be part of a value that somebody has put here, so it is not shown.
        hint = f'name where it lies, never the value: {name} = "env:{name}" ({did_you_mean("", KINDS)})'
        raise UsageError("secret-source-unknown", f"The source of '{name}' is of no known kind", hint)
    if not _PLACES[kind].fullmatch(place):
        message = f"The source of '{name}' is not what '{kind}:' needs"
        raise UsageError("secret-source-unknown", message, f"write {KINDS[kind]}")
    return Source(name, kind, place)


def validate_sources(target: str, env: Mapping[str, str], kinds: frozenset[str] = frozenset(KINDS)) -> dict[str, str]:
    """Return a target's ``env`` as ``spec.json`` takes it: names of sources, each of a kind that the target can read.

    Args:
        target: The target's name, for messages.
        env: Its option ``env``.
        kinds: Kinds that can be read there; ``k8s-secret`` is for clusters.

    Raises:
        UsageError: ``secret-source-unknown`` or ``secret-source-refused``.
    """
    sources = [parse_source(name, text) for name, text in env.items()]
    for source in sources:
        if source.kind not in kinds:
            message = f"Target '{target}' cannot read '{source.kind}:' for '{source.name}'"
            raise UsageError("secret-source-refused", message, f"it reads: {', '.join(sorted(kinds))}")
    return {source.name: f"{source.kind}:{source.place}" for source in sources}
