"""What a cell uses of the notebook around it."""

from __future__ import annotations

import pytest

from workbench.execute.cells.failure import annotate, name_hint, named_error
from workbench.execute.cells.names import defined_names, free_names
from workbench.foundation.errors import FailedError


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a + b", ("a", "b")),
        ("a = 1\na + b", ("b",)),
        ("import numpy as np\nnp.sum(x)", ("x",)),
        ("def f(x):\n    y = x\n    return y + z\nf(w)", ("w", "z")),
        ("[i * k for i in rows]", ("k", "rows")),
        ("class A(Base):\n    v = w", ("Base", "w")),
        ("print(len(x))", ("x",)),
        ("for i in x: pass", ("x",)),
        ("x += 1", ()),
        ("value = await fetch(url)", ("fetch", "url")),
        ("lambda q: q + r", ("r",)),
        ("no python at", ()),
        ("get_ipython().run_line_magic('time', 'x')", ()),
    ],
)
def test_names_that_a_cell_reads_and_never_binds(source: str, names: tuple[str, ...]) -> None:
    assert free_names(source) == names


def test_an_error_of_the_far_side_says_where_it_was_and_what_mends_it() -> None:
    error = named_error("NameError", "name 'df' is not defined")
    assert type(error) is NameError
    hints = name_hint(error, {"df": 1, "k": 2})
    assert hints == ("'df' is defined here and was not sent: --in df,k",)
    shown = annotate(error, "Raised on gpu-box, in job jb-1", ["\x1b[31mNameError\x1b[39m", "line"], hints)
    assert shown.__notes__ == ["Raised on gpu-box, in job jb-1", "NameError\nline", hints[0]]
    assert shown._render_traceback_()[0] == "Raised on gpu-box, in job jb-1"
    assert name_hint(error, {"other": 1}) == ()
    assert name_hint(ValueError("df"), {"df": 1}) == ()


def test_an_error_whose_type_cannot_be_made_is_named() -> None:
    assert isinstance(named_error("OddError", "x"), FailedError)
    assert isinstance(named_error("UnicodeDecodeError", "x"), FailedError)
    assert isinstance(named_error("print", "x"), FailedError)
    assert isinstance(named_error("SystemExit", "x"), FailedError), "nobody's kernel is to end of it"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = 1\nb: int = 2\nc += 1\n(d := 3)\n[e, *f] = 1, 2", "a b c d e f"),
        ("import numpy as np, os.path\nfrom x import y as z, w", "np os z w"),
        ("def f(p): q = p\nclass C: r = 1\nasync def g(): await x", "f q C r g"),
        ("for i in x: pass\nwith x as j: pass\ntry: pass\nexcept E as k: pass", "i j"),
        ("match x:\n    case {'a': m, **n}: pass\n    case [o, *p]: pass", "m n o p"),
        ("a = await x", "a"),
        ("x.attribute = 1\nx[0] = 2", ""),
    ],
)
def test_names_that_a_cell_could_define(source: str, names: str) -> None:
    assert defined_names(source) == frozenset(names.split())


@pytest.mark.parametrize(
    "source",
    ["from x import *", "exec('a = 1')", "get_ipython().run_line_magic('run', 'x.py')", "globals()['a'] = 1", "a = "],
)
def test_where_it_cannot_be_told_nothing_is_said(source: str) -> None:
    assert defined_names(source) is None
