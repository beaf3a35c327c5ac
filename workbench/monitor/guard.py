"""The guard: look whether anything was moved past the gate, and tell an operator once.

Without a server, ``mlops gate watch`` does it (cron, CI); a Jupyter server does it by itself, in a process of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.contract.release import OutOfBandChange
from workbench.contract.status import AlertState
from workbench.foundation.project import Project
from workbench.monitor.alerts import Cause, is_open, raise_alert
from workbench.review.notices.delivery import announce
from workbench.serving.ledger import current_releases
from workbench.serving.outside import notice_changes

KIND = "out-of-band"


def watch_gate(project: Project, quick: bool = False) -> tuple[OutOfBandChange, ...]:
    """Look whether aliases, versions, tags or artifacts were moved past the gate; journal it and raise alerts.

    Args:
        project: The project.
        quick: Do not read and digest artifacts.
    """
    found = notice_changes(project, is_thorough=not quick)
    served = {name: str(record.body["model_digest"]) for name, record in current_releases(project).items()}
    wanted = {Cause(each.channel, KIND, served.get(each.channel, ""), each.what): each for each in found}
    for cause, change in wanted.items():
        with project.journal.transaction() as transaction:
            if not is_open(transaction, cause):
                facts = {"message": change.message, "hint": change.hint}
                raise_alert(transaction, cause, severity="critical", facts=facts)
    announce(project)
    _resolve(project, {(cause.channel, cause.name) for cause in wanted})
    return found


def _resolve(project: Project, standing: set[tuple[str, str]]) -> None:
    """Take alerts back whose cause is mended."""
    for record in project.journal.records("alert"):
        is_ours = record.body["kind"] == KIND and record.state != AlertState.RESOLVED
        if is_ours and (record.body["channel"], record.body["name"]) not in standing:
            with project.journal.transaction() as change:
                now = change.get("alert", record.id)
                if now is not None and now.state != AlertState.RESOLVED:
                    change.append("alert.resolved", f"alert:{record.id}", {"reason": "mended"}, actor="system")
                    change.put("alert", record.id, AlertState.RESOLVED, now.body, expect=now.revision)


if __name__ == "__main__":
    watch_gate(Project.open(Path(sys.argv[1])))
