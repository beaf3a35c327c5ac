"""Starting a server with the extension costs next to nothing and imports nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LIMIT_S = 0.1
HEAVY = ["mlflow", "dvc", "pandas", "numpy", "sklearn", "pydantic", "sqlalchemy", "orjson", "papermill"]

LOAD = f"""
import json, sys, time
from jupyter_server.serverapp import ServerApp
app = ServerApp()
app.initialize(argv=["--no-browser", "--allow-root"], new_httpserver=False, find_extensions=False)
before = set(sys.modules)
started = time.process_time()
import workbench.doors.server
workbench.doors.server._load_jupyter_server_extension(app)
spent = time.process_time() - started
print(json.dumps([spent, sorted(set({HEAVY!r}) & (set(sys.modules) - before))]))
"""


def test_loading_is_cheap(tmp_path, record_property):
    def load() -> tuple[float, list[str]]:
        command = [sys.executable, "-c", LOAD]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, timeout=120)
        spent, heavy = json.loads(done.stdout.splitlines()[-1])
        return spent, heavy

    measured = [load()]
    while measured[-1][0] >= LIMIT_S and len(measured) < 4:  # the first one may compile, and a busy machine may be slow
        measured.append(load())
    record_property("cpu_ms", round(measured[-1][0] * 1e3))
    assert all(heavy == [] for _, heavy in measured)
    assert measured[-1][0] < LIMIT_S


def test_jupyter_finds_the_extension():
    import workbench

    (point,) = workbench._jupyter_server_extension_points()
    assert point["module"] == "workbench.doors.server"
    config = Path(workbench.__file__).parent / "doors" / "server" / "jupyter-config" / "mlops_workbench.json"
    assert json.loads(config.read_text())["ServerApp"]["jpserver_extensions"] == {"workbench": True}
