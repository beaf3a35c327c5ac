"""The requirements of a model without a child process: from what is installed here and what the model's files name.

MLflow loads each model once more in a new Python and looks at what that imports: 5 to 6 seconds of CPU, and on a slow
day a timeout. Here the flavour's own list is taken, with the modules that the model's pickles name; both are pinned to
the versions of the captured environment. A pickle is only read for names (``pickletools``), never loaded.
"""

from __future__ import annotations

import pickletools
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from workbench.experiment.capture.environment import environment
from workbench.experiment.capture.quiet import quietly
from workbench.experiment.mlflow_calls.seam import Patches

NAME = "mlflow.utils.environment:infer_pip_requirements"
_PICKLES = (".pkl", ".pickle", ".cloudpickle", ".joblib", ".pth", ".pt", ".skops")
_MODULE = re.compile(rb'"__module__": "([^".]+)')
_MAX_SCANNED = 64 << 20
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "PIL": "pillow", "cv2": "opencv-python"}


def take_requirements_from_environment(environment_module: Any, models_module: Any, patches: Patches) -> None:
    """Let ``log_model`` take its requirements from the captured environment.

    Args:
        environment_module: ``mlflow.utils.environment``.
        models_module: ``mlflow.models``, which the flavours ask.
        patches: Takes what is replaced.
    """
    original = environment_module.infer_pip_requirements

    def infer_pip_requirements(model_uri: Any, flavor: Any, fallback: Any = None, *more: Any, **named: Any) -> Any:
        path = Path(str(model_uri).removeprefix("file://"))
        is_asked_for = any(more) or any(named.get(key) for key in _OPTIONS)  # uv's own lock
        found: list[str] = []
        if fallback is not None and path.exists() and not is_asked_for:
            with quietly("a model's requirements"):
                found = requirements(path if path.is_dir() else path.parent, fallback)
        return found or original(model_uri, flavor, fallback, *more, **named)

    patches.replace((environment_module, models_module), "infer_pip_requirements", infer_pip_requirements)


def requirements(folder: Path, known: Iterable[str]) -> list[str]:
    """Return the pinned requirements of a model's folder.

    Args:
        folder: Where the model was saved.
        known: What its flavour asks for: ``scikit-learn==1.8.0``.
    """
    pins = _pins()
    names = {module for path in _pickles(folder) for module in modules_named_in(path)}
    found = {distribution for name in names if (distribution := _distribution_of(name)) in pins}
    given = list(known)
    stated = {_normal(item) for item in given}
    return sorted([*given, *(f"{name}=={pins[name]}" for name in found if name not in stated)])


def modules_named_in(path: Path) -> set[str]:
    """Return the top-level modules that a file names: a pickle, torch's zip of pickles, skops' zip; loads none."""
    found: set[str] = set()
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    with archive.open(member) as stream:
                        if member.endswith(".pkl"):
                            found |= _modules_in(stream)
                        elif member == "schema.json":
                            found |= {name.decode() for name in _MODULE.findall(stream.read(_MAX_SCANNED))}
        else:
            with path.open("rb") as stream:
                found |= _modules_in(stream)
    except (OSError, ValueError, zipfile.BadZipFile):
        return found  # compressed or cut short: what was named until there
    return found


def _modules_in(stream: IO[bytes]) -> set[str]:
    found: set[str] = set()
    strings: list[str] = []
    for operation, argument, place in pickletools.genops(stream):
        if place is not None and place > _MAX_SCANNED:
            break
        if operation.name == "GLOBAL":
            found.add(str(argument).partition(" ")[0].partition(".")[0])
        elif operation.name == "STACK_GLOBAL":
            # Module and name were pushed before, maybe out of the memo: any string that is a loaded module counts.
            found |= {text.partition(".")[0] for text in strings if text in sys.modules}
        elif isinstance(argument, str) and "UNICODE" in operation.name:
            strings = [*strings[-7:], argument]
    return found


def _pickles(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in _PICKLES and path.is_file())


def _pins() -> dict[str, str]:
    return dict(item.split("==", 1) for item in environment()[2])


def _distribution_of(module: str) -> str:
    """Return the distribution that a top-level module comes from; empty for the standard library and one's own."""
    if module in sys.stdlib_module_names:
        return ""
    if module in _DISTRIBUTIONS:
        return _DISTRIBUTIONS[module]
    plain = module.lower().replace("_", "-")
    return plain if plain in _pins() else _searched().get(module, "")


@lru_cache(maxsize=1)
def _searched() -> dict[str, str]:
    """Ask every distribution which modules it brings; a quarter of a second, so only where the name does not say it."""
    from importlib.metadata import packages_distributions

    return {module: names[0].lower().replace("_", "-") for module, names in packages_distributions().items()}


def _normal(requirement: str) -> str:
    name = requirement.partition("==")[0].partition(">")[0].partition("<")[0].partition("[")[0]
    return name.strip().lower().replace("_", "-")


_OPTIONS = ("uv_project_dir", "uv_groups", "uv_extras")
