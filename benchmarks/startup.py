"""Start-up: what ``mlops --help`` and ``%load_ext workbench`` cost, against ``python -c pass`` in the same run.

Budgets: ``mlops --help`` below 300 ms; ``%load_ext workbench`` adds below 150 ms to a kernel and imports neither
mlflow, dvc, sklearn nor pandas. CPU time, since the machine is shared; alternating; medians.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 9
HEAVY = ("mlflow", "dvc", "sklearn", "pandas")
KERNEL = (
    "import time; from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance();"
    "import resource; cpu = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2]);"
    "begun = cpu(); {}; spent = cpu() - begun; import sys;"
    f"print(spent * 1000, [m for m in {HEAVY!r} if m in sys.modules])"
)


def cpu_ms(command: list[str], folder: str) -> tuple[float, str]:
    """Return the CPU milliseconds of a process and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "IPYTHONDIR": folder}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000, done.stdout


def main() -> int:
    """Print the figures; 1 where a budget is broken."""
    python, mlops = sys.executable, str(Path(sys.executable).with_name("mlops"))
    bare: list[float] = []
    help_: list[float] = []
    extension: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [mlops, "init", folder, "--template", "blank", "--name", "bench"], check=True, capture_output=True
        )
        for _ in range(ROUNDS):
            bare.append(cpu_ms([python, "-c", "pass"], folder)[0])
            help_.append(cpu_ms([mlops, "--help"], folder)[0])
            load = KERNEL.format("shell.extension_manager.load_extension('workbench')")
            spent, heavy = cpu_ms([python, "-c", load], folder)[1].split(maxsplit=1)
            extension.append(float(spent))
            if heavy.strip() != "[]":
                print(f"FAIL: %load_ext workbench imports {heavy.strip()}")
                return 1
    base = statistics.median(bare)
    figures = (
        ("python -c pass", base, None),
        ("mlops --help", statistics.median(help_), 300),
        ("%load_ext workbench adds", statistics.median(extension), 150),
    )
    is_broken = False
    for name, value, budget in figures:
        verdict = "" if budget is None else f"  budget {budget} ms: {'kept' if value <= budget else 'BROKEN'}"
        is_broken |= budget is not None and value > budget
        print(f"{name:<26} {value:7.1f} ms of CPU  {value / base:5.1f} x python{verdict}")
    return int(is_broken)


if __name__ == "__main__":
    sys.exit(main())
