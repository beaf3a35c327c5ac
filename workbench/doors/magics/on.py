"""``%%mlops on TARGET --in a,b --out c``: this cell on another machine, as if it had run here."""

from __future__ import annotations

import argparse
import ast
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from workbench.foundation.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from workbench.execute.cells.remote import RemoteCell
    from workbench.foundation.project import Project

ON = "on"
OPTIONS = ("--in", "--limit", "--out", "--timeout")
_HELP = "%%mlops on TARGET --in a,b --out c [--timeout 60] [--limit 2GiB]"


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of printing and leaving."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed."""
        _, _, word = message.partition("unrecognized arguments: ")
        hint = did_you_mean(word.split()[0], OPTIONS) if word.startswith("--") else _HELP
        raise UsageError("cell-option-wrong", f"Cannot read the line of the cell: {message}", hint)


def run_on(shell: InteractiveShell, words: Sequence[str], source: str) -> None:
    """Run a cell on a target; what it gives back lands in the namespace, what it raises is raised here.

    Raises:
        WorkbenchError: What is wrong with the line, the target or what would travel; nothing was started then.
        BaseException: What the cell raised there.
    """
    from workbench.doors.magics import notebook_folder
    from workbench.execute.cells.remote import run_remote_cell
    from workbench.foundation.project import Project

    project = Project.open(Path(os.environ.get("WORKBENCH_PROJECT") or notebook_folder()))
    cell = _read(shell, project, words, source)
    landed = run_remote_cell(project, cell, shell.user_ns, _say)
    shell.user_ns.update(landed.values)
    if landed.displays:
        from IPython.display import publish_display_data

        for data, metadata in landed.displays:
            publish_display_data(data, metadata)


def _read(shell: InteractiveShell, project: Project, words: Sequence[str], source: str) -> RemoteCell:
    from workbench.compute.needs import read_memory
    from workbench.execute.cells.remote import DEFAULT_LIMIT_BYTES, RemoteCell

    parser = _Parser(prog="%%mlops on", add_help=False, allow_abbrev=False)
    parser.add_argument("target")
    parser.add_argument("--in", dest="inputs", action="append", default=[])
    parser.add_argument("--out", dest="outputs", action="append", default=[])
    parser.add_argument("--timeout", type=float, default=0.0)
    parser.add_argument("--limit", default="")
    found = parser.parse_args(words)
    if found.timeout < 0:
        raise UsageError(
            "cell-option-wrong", f"A timeout of {found.timeout:g} s is none", "leave it out, or: --timeout 60"
        )
    plain = shell.transform_cell(source)
    compile(
        plain, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )  # a slip of the pen is told here, without a journey
    return RemoteCell(
        source=source,
        plain=plain,
        target=found.target,
        inputs=_names(found.inputs),
        outputs=_names(found.outputs),
        notebook=_notebook(project),
        timeout_s=found.timeout,
        limit_bytes=read_memory(found.limit) if found.limit else DEFAULT_LIMIT_BYTES,
    )


def _names(given: Sequence[str]) -> tuple[str, ...]:
    names = (name.strip() for text in given for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def _notebook(project: Project) -> str:
    """Return the notebook that the cell stands in; where nobody tells, a name in the folder it works in."""
    session = Path(os.environ.get("JPY_SESSION_NAME", ""))
    for path in (session if session.suffix == ".ipynb" else None, Path.cwd() / "cell.ipynb"):
        if path is not None and path.resolve().is_relative_to(project.root.resolve()):
            return path.resolve().relative_to(project.root.resolve()).as_posix()
    return "cell.ipynb"


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
