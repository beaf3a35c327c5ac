"""Who notices which defect: the workbench, restart-and-run-all, MLflow's digest and DVC's hash, on real notebooks.

One defect of each kind is planted in a notebook that ran in a real kernel (``tests/execute/planting.py`` says how), and
each witness is asked afterwards. The workbench has to *name* the part that differs; of the others it is enough that
they see that something does. Clean notebooks count the false alarms. Budget: the workbench names every defect and
raises no false alarm. Takes about three minutes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.execute.planting import CLEAN, DEFECTS, Defect, is_named, make_bench, notices_restart, reproduce

WITNESSES = ("workbench", "restart-and-run-all", "MLflow digest", "dvc status")


def look(defect: Defect, folder: Path) -> tuple[dict[str, bool], str]:
    """Plant a defect and return who notices it, with what the workbench says."""
    bench = make_bench(folder / "project")
    defect.plant(bench)
    proof = reproduce(bench)
    is_clean = not defect.part
    parts = ", ".join(dict.fromkeys(f"{m['part']}: {m['name']}" for m in proof["mismatches"]))
    noticed = {
        "workbench": bool(proof["mismatches"]) or proof["level"] != "R4" if is_clean else is_named(defect, proof),
        "restart-and-run-all": notices_restart(bench),
        "MLflow digest": bench.digests[0] != bench.digests[1],
        "dvc status": bench.is_dvc_changed,
    }
    return noticed, f"{proof['level']}  {parts}"


def main() -> int:
    """Print the table; 1 where the workbench misses a defect or raises a false alarm."""
    warnings.simplefilter("ignore")
    found: dict[str, dict[str, bool]] = {}
    print(f"{'':<22}" + "".join(f"{name:>21}" for name in WITNESSES) + "   what the workbench names")
    for defect in (*DEFECTS, *CLEAN):
        folder = Path(tempfile.mkdtemp(prefix="wb-planted-"))
        try:
            found[defect.name], said = look(defect, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        words = ("noticed", "–") if defect.part else ("FALSE ALARM", "–")
        marks = (words[0] if found[defect.name][name] else words[1] for name in WITNESSES)
        print(f"{defect.name:<22}" + "".join(f"{mark:>21}" for mark in marks) + f"   {said}", flush=True)
    caught = {name: sum(found[defect.name][name] for defect in DEFECTS) for name in WITNESSES}
    alarms = {name: sum(found[clean.name][name] for clean in CLEAN) for name in WITNESSES}
    print(f"{'noticed':<22}" + "".join(f"{f'{caught[name]} of {len(DEFECTS)}':>21}" for name in WITNESSES))
    print(f"{'false alarms':<22}" + "".join(f"{f'{alarms[name]} of {len(CLEAN)}':>21}" for name in WITNESSES))
    return 0 if caught["workbench"] == len(DEFECTS) and not alarms["workbench"] else 1


if __name__ == "__main__":
    sys.exit(main())
