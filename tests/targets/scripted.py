"""Job directories with a runner that says what a test wants: the adapter's stories without papermill's seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.compute.folder import JobFolder
from workbench.foundation.project import Project

RUNNER = """
import json, os, signal, sys, time
seq = 0
def say(kind, **data):
    global seq
    seq += 1
    line = json.dumps({"seq": seq, "at": "2026-11-26T00:00:00+00:00", "kind": kind, "data": data})
    sys.stdout.write("\\x1ewb1 " + line + "\\n")
    sys.stdout.flush()
def end(code, reason="", error=""):
    say("exit", code=code, reason=reason, error=error)
    sys.exit(code)
def stop(*_):
    end(143, "cancelled")
signal.signal(signal.SIGTERM, stop)
job = sys.argv[1]
spec = json.load(open(os.path.join(job, "spec.json")))
say("start", cells=1)
"""


def write_job(project: Project, execution: str, script: str = "end(0)", **spec: Any) -> JobFolder:
    """Write the directory of an execution whose runner is a script."""
    folder = JobFolder.of(project, execution)
    folder.path.mkdir(parents=True)
    job, _, attempt = execution.partition(".")
    known = {
        "job": job,
        "attempt": int(attempt or 1),
        "notebook": "notebooks/a.ipynb",
        "target": "kube",
        "grace_s": 1.0,
    }
    folder.spec.write_text(json.dumps({**known, **spec}))
    folder.input.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    Path(folder.runner).write_text(RUNNER + script)
    return folder
