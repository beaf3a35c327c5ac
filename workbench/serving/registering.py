"""Name a released version in MLflow's registry; as the gate, where the server has an account for it.

MLflow's client takes its account from the environment, which all threads of a process share and all its children
inherit: in a kernel or a Jupyter server somebody else's notebook is among them. So the gate's password stands in the
environment of one process that does nothing else, ``python -m workbench.serving.registering``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from workbench.foundation.errors import UnavailableError, WorkbenchError
from workbench.foundation.project import Project
from workbench.serving.server_gate import PASSWORD, USER, gate_account

_TIMEOUT_S = 300.0


def register(project: Project, run: str, model: str, stage: str) -> str:
    """Register a run's model, point the stage's alias at it, and return its version; doing it twice changes nothing.

    Raises:
        WorkbenchError: MLflow refuses it or does not answer.
        UnavailableError: ``secret-missing``.
        DeniedError: ``secrets-untrusted``.
    """
    gate = gate_account(project)
    if gate is None:
        return _register(project, run, model, stage)
    asked = {"root": str(project.root), "actor": project.actor, "run": run, "model": model, "stage": stage}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, USER: gate.name, PASSWORD: gate.password},
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        message = f"MLflow's client did not come back: {type(error).__name__}"
        raise UnavailableError("tracking-unavailable", message, "mlops doctor") from error
    if "version" not in answer:
        raise UnavailableError(answer["code"], answer["message"], answer["hint"])
    return str(answer["version"])


def _register(project: Project, run: str, model: str, stage: str) -> str:
    from workbench.experiment.store.models import register_version, set_alias

    version = register_version(project, run, model)
    set_alias(project, model, stage, version)
    return version


def main() -> None:
    """Do what standard input asks for, and say on standard output what came of it."""
    asked = json.loads(sys.stdin.read())
    try:
        project = Project.open(Path(asked["root"]), actor=asked["actor"])
        answer = {"version": _register(project, asked["run"], asked["model"], asked["stage"])}
    except WorkbenchError as error:
        answer = {"code": error.code, "message": error.message, "hint": error.hint}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
