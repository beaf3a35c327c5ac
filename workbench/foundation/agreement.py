"""What a user has agreed to outside every repository, and the servers that only they can let it name.

``workbench.toml`` comes with the repository, so somebody else may have written which server it means. Whoever asks a
server signs in there: MLflow's client with ``MLFLOW_TRACKING_*``, ``~/.mlflow/credentials`` or ``.netrc``, PostgreSQL's
with ``PGPASSWORD`` or ``.pgpass``, OpenLineage's with its key; and a tracking server says where artifacts are read and
written. So no server that the file names is asked before the user has agreed to that address, once for each change of
it, or has named it in an environment of their own. Files on this machine need nothing, but for one outside of the
project that lines of lineage would be appended to.

What was agreed to is ``trusted.json`` in the user's folder (``~/.config/mlops-workbench``, where not
``XDG_CONFIG_HOME`` or ``WORKBENCH_CONFIG_HOME`` say otherwise). A machine without a person names digests in
``WORKBENCH_TRUST``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.foundation.canonical import canonical_json, digest_json
from workbench.foundation.config import Config
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import DeniedError, read_errors

FILE = "trusted.json"
_OF_ONES_OWN = {"tracking": "MLFLOW_TRACKING_URI", "journal": "", "lineage": "OPENLINEAGE_URL"}
"""The variable in which a user names the server of a section themselves."""
_SIGNED_IN_WITH = {"tracking": "MLFLOW_TRACKING_*", "journal": "PGPASSWORD", "lineage": "OPENLINEAGE_API_KEY"}
_PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s@]*@")


@dataclass(frozen=True)
class Use:
    """What a section of ``workbench.toml`` or of a watch's file would have done with what is the user's.

    Attributes:
        section: Its name.
        reads: What would be read, and from where.
        goes_to: Who would get it, in words.
        said: All that the section says; a change of it asks anew.
        file: The file that says it.
    """

    section: str
    reads: dict[str, str]
    goes_to: str
    said: Any
    file: str = "workbench.toml"

    @property
    def digest(self) -> str:
        """Return what is agreed to."""
        return digest_json({"section": self.section, "said": self.said})


def check_server(config: Config, section: str) -> None:
    """Refuse the server that ``tracking``, ``journal`` or ``lineage`` names; one that names none needs nothing.

    Raises:
        DeniedError: ``secrets-untrusted``: it is a server that this user has not agreed to.
    """
    refuse_untrusted(use_of_server(config, section))


def use_of_server(config: Config, section: str) -> Iterator[Use]:
    """Yield what needs an agreement before the server of a section is asked: nothing where that is a file."""
    address, named = _address(config, section), os.environ.get(_OF_ONES_OWN[section] or "-")
    local = ("sqlite:", "file:")
    is_here = address.startswith(local) and not (section == "lineage" and address.startswith("file:/"))
    if ":" in address and address != named and not is_here:
        reads = {f"what is recorded and how you sign in ({_SIGNED_IN_WITH[section]})": "this machine"}
        yield Use(section, reads, shown_uri(address), address)


def agreed() -> dict[str, Any]:
    """Return what was agreed to, by digest."""
    path = _path()
    try:
        with read_errors(path):
            value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        value = {}
    named = os.environ.get("WORKBENCH_TRUST", "").replace(",", " ").split()
    return {**(value if isinstance(value, dict) else {}), **dict.fromkeys(named)}


def agree(uses: Iterable[Use], root: Path) -> None:
    """Write down that the user agrees to these uses.

    Raises:
        StorageError: ``file-not-readable`` or ``folder-not-writable``.
    """
    at = datetime.now(UTC).isoformat(timespec="seconds")
    new = {
        use.digest: {
            "section": use.section,
            "reads": use.reads,
            "goes_to": use.goes_to,
            "project": str(root),
            "at": at,
        }
        for use in uses
    }
    kept = {digest: told for digest, told in agreed().items() if told is not None}
    write_atomic(_path(), canonical_json(kept | new), mode=0o600)


def refuse_untrusted(uses: Iterable[Use]) -> None:
    """Refuse the first of these that the user has not agreed to.

    Raises:
        DeniedError: ``secrets-untrusted``.
    """
    wanted = tuple(uses)
    known = agreed() if wanted else {}  # most projects need nothing, and most machines have no such file
    for use in wanted:
        if use.digest not in known:
            reads = ", ".join(f"{name} from {source}" for name, source in use.reads.items())
            raise DeniedError(
                "secrets-untrusted",
                f"[{use.section}] of {use.file} would have {reads} read and given to {use.goes_to}; "
                "you have not agreed to that",
                f"if it should: mlops secrets trust {use.section}",
            )


def shown_uri(text: str) -> str:
    """Return an address, or text with addresses in it, without passwords."""
    return _PASSWORD.sub(r"\1:***@", text)


def _address(config: Config, section: str) -> str:
    return {
        "tracking": config.tracking.uri,
        "journal": config.journal.url,
        "lineage": config.lineage.openlineage,
    }[section]


def _path() -> Path:
    own = os.environ.get("WORKBENCH_CONFIG_HOME", "")
    if own:
        return Path(own) / FILE
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base else Path.home() / ".config") / "mlops-workbench" / FILE
