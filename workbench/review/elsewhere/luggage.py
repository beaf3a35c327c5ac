"""What checks need on another machine, as one file: models, policy, what was gathered, and the checks' own code.

The code travels, so that what checks over there is what would have checked here, whatever is installed there. Equal
contents give equal bytes, and the digest of the file is what notebook, far end and result name. With a small model it
fits into what a cluster without a store takes: bzip2 makes it a quarter smaller than gzip.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import workbench
from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.store import Store
from workbench.review.checks.check import CheckInput
from workbench.review.checks.holdout import has_holdout
from workbench.review.holdouts import attempt_on, holdout_of
from workbench.review.policies.policy import Policy
from workbench.review.sandbox.apart import Material
from workbench.review.sandbox.sandbox import run_sandboxed

FILE = "luggage.tar.bz2"
GIVEN, POLICY, CODE = "given.json", "gate.toml", "code"
CANDIDATE, CHAMPION, MATERIAL = "candidate", "champion", "material"
VALUES, FILES, READABLE = "values.json", "files", "readable"
_ROOMS = ("foundation", "contract", "data", "experiment", "compute", "execute", "review")
"""Rooms that a check may import, by the law of the house."""
_EPOCH = 315_532_800


@dataclass(frozen=True)
class Luggage:
    """What travels, and what an honest answer has to agree with.

    Attributes:
        data: The bytes of the file.
        digest: Their digest.
        checks: Checks that are run over there, in order.
        required: Those of them that policy asks for.
        attempts: Which model this is of those that were tried on its holdout rows; 0 where nothing can be tried.
        holdout_digest: Of these rows.
    """

    data: bytes
    digest: str
    checks: tuple[str, ...]
    required: tuple[str, ...]
    attempts: int = 0
    holdout_digest: str = ""


def pack(given: CheckInput, checks: tuple[str, ...], materials: Mapping[str, Material], policy: bytes) -> Luggage:
    """Pack what checks need.

    Args:
        given: What each check is given here.
        checks: Their names, in order.
        materials: What was gathered for those that are judged apart.
        policy: The bytes of the policy that holds.

    Raises:
        UnknownResultError: The holdout rows could not be read.
        IntegrityError: The frozen bytes are not what their digest says.
    """
    attempts, holdout = _counted(given) if "metric" in checks else (0, "")
    said = {
        "review": given.review,
        "run": given.run,
        "model": given.model,
        "stage": given.stage,
        "model_digest": given.model_digest,
        "champion_digest": given.champion_digest,
        "attempts": attempts,
        "checks": list(checks),
        "materials": sorted(materials),
    }
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:bz2", format=tarfile.GNU_FORMAT) as archive:
        for name, content in _contents(given, materials, {GIVEN: canonical_json(said), POLICY: policy}):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), _EPOCH
            archive.addfile(info, io.BytesIO(content))
    data = stream.getvalue()
    required = tuple(name for name in checks if name in given.rule.required)
    return Luggage(data, digest_bytes(data), checks, required, attempts, holdout)


def unpacked_input(folder: Path, project: Any, policy: Policy, said: Mapping[str, Any]) -> CheckInput:
    """Return what a check is given over there, from unpacked luggage; the bytes have to be those that were meant.

    Args:
        folder: The unpacked luggage.
        project: A project with an empty store.
        policy: The policy.
        said: What ``given.json`` says.

    Raises:
        ValueError: A model is another one.
    """
    from workbench.review.candidate import read_manifest

    for name, digest in ((CANDIDATE, said["model_digest"]), (CHAMPION, said["champion_digest"])):
        if digest and project.store.put_tree(folder / name) != digest:
            raise ValueError(f"the {name} is not the one that was sent")
    return CheckInput(
        project=project,
        review=said["review"],
        run=said["run"],
        model=said["model"],
        stage=said["stage"],
        model_digest=said["model_digest"],
        manifest=read_manifest(project.store, said["model_digest"]),
        rule=policy.rule(said["stage"]),
        champion_digest=said["champion_digest"],
        attempts=said["attempts"],
    )


def unpacked_material(folder: Path, check: str) -> Material:
    """Return what was gathered for a check; paths that it may read are those over there."""
    place = folder / MATERIAL / check
    values = json.loads((place / VALUES).read_bytes())
    files = {path.name: path.read_bytes() for path in _below(place / FILES)}
    readable = sorted((place / READABLE).iterdir()) if (place / READABLE).is_dir() else []
    moved = {str(path.relative_to(place)): str(path.resolve()) for path in readable}
    values = {key: moved.get(value, value) if isinstance(value, str) else value for key, value in values.items()}
    return Material(values, files, tuple(path.resolve() for path in readable))


def _counted(given: CheckInput) -> tuple[int, str]:
    """Count this try at the holdout rows, as ``metric`` does; where it cannot measure, nothing is counted."""
    if not has_holdout(given):
        return 0, ""
    rows = run_sandboxed(given.project.store, given.model_digest, "load_rows").arrays
    inputs, truth = rows.get("inputs"), rows.get("truth")
    is_measurable = inputs is not None and truth is not None and inputs.ndim == 2 and truth.shape == (len(inputs),)
    if inputs is None or truth is None or not is_measurable or len(truth) < given.rule.metric.minimum_rows:
        return 0, ""
    holdout = holdout_of(inputs, truth)
    channel = f"{given.model}@{given.stage}"
    return attempt_on(given.project, holdout, given.model_digest, channel), holdout.digest


def _contents(
    given: CheckInput, materials: Mapping[str, Material], first: Mapping[str, bytes]
) -> Iterator[tuple[str, bytes]]:
    yield from first.items()
    yield from _model(given.project.store, given.model_digest, CANDIDATE)
    if given.champion_digest:
        yield from _model(given.project.store, given.champion_digest, CHAMPION)
    for check, material in sorted(materials.items()):
        yield from _material(f"{MATERIAL}/{check}", material)
    root = Path(workbench.__file__).parent
    yield f"{CODE}/workbench/__init__.py", (root / "__init__.py").read_bytes()
    for room in _ROOMS:
        for path in _below(root / room):
            if path.suffix not in (".pyc", ".pyo"):
                yield f"{CODE}/workbench/{path.relative_to(root).as_posix()}", path.read_bytes()


def _model(store: Store, digest: str, name: str) -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory(prefix="wb-luggage-") as scratch:
        folder = store.export_tree(digest, Path(scratch) / name)
        for path in _below(folder):
            yield f"{name}/{path.relative_to(folder).as_posix()}", path.read_bytes()


def _material(place: str, material: Material) -> Iterator[tuple[str, bytes]]:
    named = {str(path): f"{READABLE}/{at}{path.suffix}" for at, path in enumerate(material.readable)}
    values = {k: named.get(v, v) if isinstance(v, str) else v for k, v in material.values.items()}
    yield f"{place}/{VALUES}", canonical_json(values)
    for name, data in sorted(material.files.items()):
        yield f"{place}/{FILES}/{name}", data
    for path in material.readable:
        for file in _below(path) if path.is_dir() else [path]:
            within = f"/{file.relative_to(path).as_posix()}" if path.is_dir() else ""
            yield f"{place}/{named[str(path)]}{within}", file.read_bytes()


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
