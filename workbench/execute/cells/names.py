"""What a cell uses and does not define itself, and what it defines, read from its source and never executed."""

from __future__ import annotations

import ast
import builtins
import symtable

_DEFINING = frozenset({"exec", "eval", "globals", "locals", "vars", "get_ipython", "setattr", "__import__"})
"""Whoever calls one of these may define anything; a magic is a call of what ``get_ipython`` gives."""


def free_names(source: str) -> tuple[str, ...]:
    """Return the global names that a cell's code reads and never binds, sorted; none where it is no Python.

    Args:
        source: Plain Python: magics and shell lines were translated before.
    """
    try:
        table = symtable.symtable(_without_await(source), "<cell>", "exec")
    except (SyntaxError, ValueError):
        return ()
    bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    used = {name for name in _globals_read(table) if name not in bound}
    return tuple(sorted(used - set(dir(builtins)) - {"get_ipython", "display"}))


def defined_names(source: str) -> frozenset[str] | None:
    """Return every name that a cell's code could define; None where that cannot be told from reading it.

    More than it will define: a name that is bound anywhere, in a function too, counts.

    Args:
        source: Plain Python: magics and shell lines were translated before.
    """
    try:
        nodes = tuple(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return None
    if {node.id for node in nodes if isinstance(node, ast.Name)} & _DEFINING:
        return None
    found: set[str] = set()
    for node in nodes:
        match node:
            case ast.alias(name="*"):
                return None
            case ast.alias(name=name, asname=None):
                found.add(name.partition(".")[0])
            case ast.alias(asname=str(name)):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.add(name)
    return frozenset(found)


def _globals_read(table: symtable.SymbolTable) -> set[str]:
    is_module = table.get_type() == "module"
    found = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (is_module or symbol.is_global())
    }
    return found.union(*(_globals_read(child) for child in table.get_children()))


def _without_await(source: str) -> str:
    """Put a cell that awaits at its top level into words that the compiler takes."""
    try:
        compile(source, "<cell>", "exec")
    except SyntaxError:
        tree = compile(source, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            for field, value in ast.iter_fields(node):
                if isinstance(value, ast.Await):
                    setattr(node, field, value.value)
        return ast.unparse(tree)
    return source
