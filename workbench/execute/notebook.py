"""Read what a job has to know of a notebook, without nbformat: its cells, its kernel, its language.

nbformat costs seconds to import and a submit has 300 ms. What is checked here is only what would make the runner
fail later; the runner reads the notebook with nbformat all the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean, read_errors

_DEFAULT_KERNEL = "python3"


@dataclass(frozen=True)
class Notebook:
    """A notebook that can be run.

    Attributes:
        path: Absolute path.
        data: Its bytes.
        kernel: Name of the kernelspec it asks for; ``python3`` where it asks for none.
        language: Lower-case language of that kernel.
        cells: The raw cells.
    """

    path: Path
    data: bytes
    kernel: str
    language: str
    cells: tuple[dict[str, Any], ...]


def find_notebook(files_root: Path, notebook: str, data: bytes | None = None) -> Notebook:
    """Return the notebook that is meant: below ``files_root`` first, else seen from the working directory.

    Args:
        files_root: Folder it has to lie in.
        notebook: Its path.
        data: Its bytes, where they are not those of the file; then there need not be one.

    Raises:
        UsageError: ``notebook-outside-project``: a run must be able to name its source.
    """
    path = files_root / notebook
    with read_errors(path):  # a name may be too long to be asked for
        if data is None and not path.is_file() and Path(notebook).is_file():
            path = Path(notebook)
        path = path.resolve()
    if not path.is_relative_to(files_root.resolve()):
        message = f"{path} does not lie in the project {files_root}"
        raise UsageError("notebook-outside-project", message, f"copy it: cp '{path}' '{files_root}'")
    return read_notebook(path) if data is None else parse_notebook(path, data)


def read_notebook(path: Path) -> Notebook:
    """Read a notebook.

    Raises:
        NotFoundError: ``notebook-missing``, with the nearest name in the folder.
        UsageError: ``notebook-invalid``: not JSON, not a notebook, or of nbformat 3 and older.
    """
    if not path.is_file():
        siblings = [other.name for other in path.parent.glob("*.ipynb")] if path.parent.is_dir() else []
        raise NotFoundError("notebook-missing", f"There is no notebook {path}", did_you_mean(path.name, siblings))
    with read_errors(path):
        data = path.read_bytes()
    return parse_notebook(path, data)


def parse_notebook(path: Path, data: bytes) -> Notebook:
    """Read a notebook out of its bytes; ``path`` names it.

    Raises:
        UsageError: ``notebook-invalid``.
    """
    try:
        raw = json.loads(data.decode("utf-8"))  # of bytes json would guess the encoding, which the runner does not
    except (ValueError, RecursionError) as error:
        raise _invalid(path, f"no JSON ({error})" if data.strip() else "the file is empty") from error
    is_current = isinstance(raw, dict) and isinstance(raw.get("nbformat"), int) and raw["nbformat"] >= 4
    if not is_current or not isinstance(raw.get("cells"), list):
        raise _invalid(path, "no cells of nbformat 4")
    if not all(_is_cell(cell) for cell in raw["cells"]):
        raise _invalid(path, "a cell without type or source")
    metadata = _table(raw, "metadata")
    spec, info = _table(metadata, "kernelspec"), _table(metadata, "language_info")
    language = str(info.get("name") or spec.get("language") or "python")
    return Notebook(path, data, str(spec.get("name") or _DEFAULT_KERNEL), language.lower(), tuple(raw["cells"]))


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return False
    source = cell.get("source")
    return isinstance(source, str) or (isinstance(source, list) and all(isinstance(line, str) for line in source))


def _table(raw: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a member that should be an object; other tools leave it out, or leave null."""
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def source_of(cell: dict[str, Any]) -> str:
    """Return a cell's text; notebooks keep it as one string or as a list of lines."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def tags_of(cell: dict[str, Any]) -> list[Any]:
    """Return a cell's tags."""
    tags = _table(cell, "metadata").get("tags")
    return tags if isinstance(tags, list) else []


def require_kernel(notebook: Notebook) -> None:
    """Refuse a notebook whose kernel is not installed here.

    Raises:
        NotFoundError: ``kernel-missing``, with the nearest one.
    """
    known = installed_kernels()
    if notebook.kernel not in known:
        message = f"{notebook.path.name} asks for the kernel '{notebook.kernel}', which is not installed"
        raise NotFoundError(
            "kernel-missing", message, f"{did_you_mean(notebook.kernel, known)} (jupyter kernelspec list)"
        )


def installed_kernels() -> set[str]:
    """Return the names of the kernels that Jupyter would find."""
    from jupyter_core.paths import jupyter_path

    found = {spec.parent.name for folder in jupyter_path("kernels") for spec in Path(folder).glob("*/kernel.json")}
    try:
        version("ipykernel")
    except PackageNotFoundError:
        return found
    return found | {_DEFAULT_KERNEL}  # jupyter_client offers its own interpreter, kernel.json or not


def _invalid(path: Path, reason: str) -> UsageError:
    return UsageError("notebook-invalid", f"{path} is no notebook: {reason}", "open it in JupyterLab and save it again")
