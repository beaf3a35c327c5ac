"""The far end of checks: look whether they can be done here, unpack what came, and start them in a fresh process.

Travels with the job and is started by its notebook; standard library and Python 3.9, nothing of this project. What it
says lies in the folder of artifacts, which the runner announces with digests.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

REFUSAL = "refusal.json"
_PYTHON = (3, 11)
_TAIL_BYTES = 2000


def main(digest: str, out: Path, needed: list[str]) -> int:
    """Do the errand; returns the exit code of the checks' process, 0 also for a refusal that was said."""
    here = Path.cwd()
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if sys.version_info < _PYTHON or missing:
        version = ".".join(map(str, sys.version_info[:3]))
        (out / REFUSAL).write_text(json.dumps({"python": version, "missing": missing}), encoding="utf-8")
        return 0
    packed, folder = here / "luggage.tar.bz2", here / "luggage"
    if "sha256:" + hashlib.sha256(packed.read_bytes()).hexdigest() != digest:
        raise SystemExit("the luggage is not what was sent")
    with tarfile.open(packed) as archive:
        archive.extractall(folder)  # noqa: S202 -- its digest is that of what was packed at home
    environment = {**os.environ, "PYTHONPATH": str(folder / "code"), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-P", "-m", "workbench.review.elsewhere.bench", str(folder), str(out), digest]
    done = subprocess.run(words, env=environment, cwd=str(here), capture_output=True, check=False)
    said = (done.stdout + done.stderr)[-_TAIL_BYTES:].decode("utf-8", "replace")
    print(said, flush=True)  # noqa: T201 -- the log of the job
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
