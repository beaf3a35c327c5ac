"""The far end of a cell that was sent: open what came with it, keep what it raises, pack what it made.

Travels with the job and is imported by its notebook's first and last cell; Python 3.9, nothing of this project. What it
leaves lies in ``outputs/`` of the job's folder and is announced, with its digest, as an artifact of the job: whoever
reads it at home can tell that it is what was written here.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import parcel  # type: ignore[import-not-found]  # the file beside this one


class Refusal(Exception):  # noqa: N818 -- an end, with its reason
    """The cell cannot run here, or has not made what it should have."""


def arrive(shell: Any) -> None:
    """Put the values that came into the namespace; refuse where they cannot be what they were."""
    folder = job_folder()
    manifest = json.loads((folder / "inputs" / parcel.MANIFEST).read_text(encoding="utf-8"))
    if problems := parcel.differences(manifest, manifest["target"], manifest["sender"]):
        raise _refused("versions-differ", "; ".join(problems))
    for entry in manifest["entries"]:
        shell.user_ns[entry["name"]] = parcel.unpack(entry, folder / "inputs")
    shell.events.register("post_run_cell", _keep_error)


def depart(shell: Any, names: list[str]) -> None:
    """Pack the values that were asked for."""
    folder = job_folder()
    manifest = json.loads((folder / "inputs" / parcel.MANIFEST).read_text(encoding="utf-8"))
    missing = [name for name in names if name not in shell.user_ns]
    if missing:
        raise _refused("cell-output-undefined", f"the cell did not define {', '.join(map(repr, missing))}")
    try:
        entries = parcel.pack_all({name: shell.user_ns[name] for name in names}, folder / "outputs")
    except parcel.ParcelError as error:
        raise _refused("cell-value-unpicklable", str(error)) from None
    total, limit = sum(entry["bytes"] for entry in entries), int(manifest["limit_bytes"])
    if total > limit:
        raise _refused(
            "cell-values-too-large", f"what the cell made comes to {total:,} bytes, and {limit:,} may travel"
        )
    for entry in entries:
        _announce(folder / "outputs" / entry["file"])
    _announce(folder / "outputs" / parcel.MANIFEST)


def job_folder() -> Path:
    """Return the job's folder, as the runner's environment tells it."""
    return Path(os.environ.get("WORKBENCH_RUN_FILE") or os.environ["WORKBENCH_ARTIFACTS"]).parent


def _keep_error(result: Any) -> None:
    """Pickle what a cell raised; where that cannot be done, its name and words have to do."""
    error = result.error_in_exec or result.error_before_exec
    if error is None or isinstance(error, Refusal):
        return
    outputs = job_folder() / "outputs"
    try:
        entry = parcel.pack_all({parcel.ERROR: error}, outputs)[0]
    except (parcel.ParcelError, ImportError):
        return
    _announce(outputs / entry["file"])
    _announce(outputs / parcel.MANIFEST)


def _refused(code: str, message: str) -> Refusal:
    path = job_folder() / "outputs" / parcel.REFUSAL
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"code": code, "message": message}), encoding="utf-8")
    _announce(path)
    return Refusal(message)


def _announce(path: Path) -> None:
    data = path.read_bytes()
    name = path.relative_to(job_folder()).as_posix()
    said = {"path": name, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "bytes": len(data)}
    with (job_folder() / "outbox.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"kind": "artifact", "data": said}) + "\n")
