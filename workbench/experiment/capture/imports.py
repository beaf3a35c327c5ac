"""Do something right after a module was imported, without importing it.

A cell that imports a library and reads a file with it is one cell: by its end it is too late to wrap the reader. So a
finder stands first in ``sys.meta_path``; of a module that somebody waits for it lets the real finders find the spec and
adds to the loader's ``exec_module``. Any other import costs one look into a dict.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from workbench.experiment.capture.quiet import quietly

Action = Callable[[ModuleType], None]

_waiting: dict[str, list[Action]] = {}
_looking = threading.local()


def when_imported(module: str, action: Action) -> None:
    """Call ``action`` with a module once it is imported; now, where it is already.

    Args:
        module: Full name of the module.
        action: What to do; a failure is said and changes nothing.
    """
    known = sys.modules.get(module)
    if known is not None and not _is_initialising(known):
        _act(module, action, known)
        return
    _waiting.setdefault(module, []).append(action)
    if not any(finder is _Finder for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder)


class _Finder:
    """Finds nothing by itself."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in _waiting or getattr(_looking, "name", "") == name:
            return None
        _looking.name = name
        try:
            spec = _spec_of(name, path, target)
        finally:
            _looking.name = ""
        if spec is not None and hasattr(spec.loader, "exec_module"):
            with quietly(f"the import of {name}"):
                _extend(name, spec.loader)
        return spec


def _spec_of(name: str, path: Any, target: Any) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if finder is not _Finder and (spec := finder.find_spec(name, path, target)) is not None:
            return spec
    return None


def _extend(name: str, loader: Any) -> None:
    original = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        original(module)
        for action in _waiting.pop(name, []):
            _act(name, action, module)

    loader.exec_module = exec_module  # a loader belongs to one spec; the module keeps its own class of loader


def _is_initialising(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _act(name: str, action: Action, module: ModuleType) -> None:
    with quietly(f"what is read with {name}"):
        action(module)
