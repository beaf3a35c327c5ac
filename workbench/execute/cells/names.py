"""What a cell uses and does not define itself, read from its source and never executed."""

from __future__ import annotations

import ast
import builtins
import symtable


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
