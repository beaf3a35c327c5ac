"""The child of :mod:`~workbench.review.sandbox.sandbox`: confines itself, then opens the model.

``python -P -m workbench.review.sandbox.child <scratch>``. Reads ``task.json``, ``input.npz`` and ``model/``; writes
``out/result.json`` and ``out/result.npz``. A model that is wrong is an answer (``fault``); any other end is none.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from workbench.foundation.confinement import confine


def main(scratch: Path) -> None:
    """Run the task."""
    isolation = confine(scratch)  # before numpy, which starts threads
    import numpy as np

    from workbench.review.sandbox.tasks import TASKS

    task = json.loads((scratch / "task.json").read_bytes())
    with np.load(scratch / "input.npz", allow_pickle=False) as given:
        arrays = {key: given[key] for key in given.files}
    values: dict[str, Any]
    values, results = TASKS[task["task"]](scratch / "model", task, arrays)
    np.savez(scratch / "out" / "result.npz", allow_pickle=False, **results)
    (scratch / "out" / "result.json").write_text(json.dumps({**values, "isolation": isolation}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
