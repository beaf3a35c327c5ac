"""Which random generators a run rests on: the state each was seeded to, or that nobody seeded it.

Whether a generator was seeded cannot be read from its state, so the functions that seed are wrapped: ``random.seed``,
``numpy.random.seed``, ``torch.manual_seed`` and those that set a whole state. Whoever imported such a function under
another name before the workbench was loaded is not seen, and reads "unseeded" although it was; a generator that is made
by hand (``numpy.random.default_rng()``) has no state to look up afterwards, so only whether each got a seed is kept.
Of torch the state of the processor's generator stands for all: ``torch.manual_seed`` seeds every device.
Nothing here draws a number: that would change the user's results.
"""

from __future__ import annotations

import functools
import hashlib
import random
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from workbench.experiment.capture.imports import when_imported
from workbench.experiment.capture.quiet import quietly

UNSEEDED = "unseeded"
"""Numbers were drawn, and nobody had seeded the generator."""
UNUSED = "unused"
"""Nobody seeded the generator, and no number was drawn from it either."""
SEEDED = "seeded"
GENERATORS = "numpy.default_rng"

_SEEDING = {
    "random": {"seed": "random", "setstate": "random"},
    "numpy.random": {"seed": "numpy", "set_state": "numpy"},
    "torch": {"manual_seed": "torch", "set_rng_state": "torch"},
}
_UNSEEDING = {"torch": {"seed": "torch"}}

_seeded: dict[str, str] = {}
"""Digest of the state right after each generator was last seeded."""
_first_state: dict[str, str] = {}
"""State of each generator when it was first seen."""
_made: set[str] = set()
"""Whether generators were made with a seed, without one, or both."""


def watch_seeds() -> None:
    """Notice from now on who seeds; calling again changes nothing."""
    _keep_ipython_from_drawing()
    for module in _SEEDING:
        when_imported(module, _watch)


def states() -> dict[str, str]:
    """Return what is known of each generator now: the digest of its state where it was seeded."""
    return {name: _state_of(name) for name in _seeded}


def seeds(at_begin: Mapping[str, str]) -> dict[str, str]:
    """Return the tag ``workbench.seeds`` of a run that ends now.

    Args:
        at_begin: What :func:`states` returned when it began.

    Returns:
        For each generator the state that the run began with or, where it was seeded in the run, the state it was last
        seeded to; ``unseeded`` or ``unused`` where nobody did.
    """
    found = {}
    for name, first in _first_state.items():
        if name in at_begin:
            found[name] = at_begin[name]
        elif name in _seeded:
            found[name] = _seeded[name]
        else:
            found[name] = UNUSED if _state_of(name) == first else UNSEEDED
    if _made:
        found[GENERATORS] = UNSEEDED if UNSEEDED in _made else SEEDED
    return found


def _keep_ipython_from_drawing() -> None:
    """Have IPython pick no tip, for which it draws from the user's ``random``.

    It does each time a client asks what kernel this is: JupyterLab where it connects, nbclient after the last cell. A
    notebook that draws nothing read "unseeded", and one that seeded went on from another number.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and getattr(shell, "enable_tip", False):
        shell.enable_tip = False


def _watch(module: ModuleType) -> None:
    for function, name in _SEEDING[module.__name__].items():
        _after(module, function, functools.partial(_note_seed, name))
    for function, name in _UNSEEDING.get(module.__name__, {}).items():
        _after(module, function, lambda *_, name=name: _seeded.pop(name, None))
    if module.__name__ == "numpy.random":
        _after(module, "default_rng", _note_generator)
    name = next(iter(_SEEDING[module.__name__].values()))
    _first_state[name] = _state_of(name)


def _after(module: ModuleType, name: str, note: Callable[..., Any]) -> None:
    function = getattr(module, name, None)
    if function is None or hasattr(function, "_workbench_original"):
        return

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        with quietly("a seed"):
            note(arguments, options)
        return result

    wrapper._workbench_original = function  # type: ignore[attr-defined]
    home = sys.modules.get(getattr(function, "__module__", None) or "")
    if getattr(home, name, None) is function:
        setattr(home, name, wrapper)  # torch.random.manual_seed is torch.manual_seed
    setattr(module, name, wrapper)


def _note_seed(name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Seeding with None, or with nothing, takes what the system gives: that is no seed."""
    if any(value is not None for value in (*arguments, *options.values())):
        _seeded[name] = _state_of(name)
    else:
        _seeded.pop(name, None)


def _note_generator(arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    seed = arguments[0] if arguments else options.get("seed")
    _made.add(UNSEEDED if seed is None else SEEDED)


def _state_of(name: str) -> str:
    hasher = hashlib.sha256()
    if name == "random":
        hasher.update(repr(random.getstate()).encode())
    elif name == "numpy":
        for part in sys.modules["numpy.random"].get_state(legacy=True):
            hasher.update(part.tobytes() if hasattr(part, "tobytes") else repr(part).encode())
    else:
        hasher.update(sys.modules["torch"].get_rng_state().numpy().tobytes())
    return f"sha256:{hasher.hexdigest()}"
