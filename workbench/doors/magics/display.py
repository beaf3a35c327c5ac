"""How a result looks in a notebook: a table in JupyterLab's theme, plain text where there is no HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from workbench.doors.table import fields_of, heading, is_card, lines_of, nested_of, rows_of

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_STYLE = (
    "border-collapse:collapse;font-variant-numeric:tabular-nums;"
    "color:var(--jp-ui-font-color1,inherit);font-family:var(--jp-ui-font-family,sans-serif);font-size:13px"
)
_CELL = "text-align:left;padding:3px 12px 3px 0;border-bottom:1px solid var(--jp-border-color2,#ccc);vertical-align:top"


class Cards(tuple[Any, ...]):
    """A verb's list of cards: an ordinary tuple that shows itself as a table."""

    __slots__ = ()

    def __new__(cls, cards: tuple[Any, ...]) -> Cards:
        """Wrap the tuple that a verb returned."""
        return super().__new__(cls, cards)

    def _repr_html_(self) -> str:
        return html(tuple(self))

    def __repr__(self) -> str:
        from workbench.doors.terminal import render

        return render(tuple(self))


def register(shell: InteractiveShell) -> None:
    """Show every contract dataclass as a table, by name: nothing is imported until one is shown."""
    formatters = shell.display_formatter.formatters if shell.display_formatter else {}
    for module, names in _CARD_TYPES.items():
        for name in names:
            if "text/html" in formatters:
                formatters["text/html"].for_type_by_name(module, name, html)
            if "text/plain" in formatters:
                formatters["text/plain"].for_type_by_name(module, name, _plain)


def html(value: Any) -> str:
    """Return a card or a tuple of cards as HTML."""
    if isinstance(value, tuple):
        return _table(value) if value else "<em>There is nothing to show.</em>"
    rows = "".join(f"<tr>{_th(heading(name))}{_td(text)}</tr>" for name, text in fields_of(value))
    nested = "".join(f"<p><b>{escape(heading(name))}</b></p>{_table(cards)}" for name, cards in nested_of(value))
    lines = "".join(
        f"<p><b>{escape(heading(name))}</b></p><pre>{escape(chr(10).join(text))}</pre>"
        for name, text in lines_of(value)
    )
    return f'<table style="{_STYLE}">{rows}</table>{nested}{lines}'


def _table(cards: tuple[Any, ...]) -> str:
    if not is_card(cards[0]):
        return "<br>".join(escape(str(card)) for card in cards)
    names, rows = rows_of(cards)
    head = "".join(_th(heading(name)) for name in names)
    body = "".join("<tr>" + "".join(map(_td, row)) + "</tr>" for row in rows)
    return f'<table style="{_STYLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _th(text: str) -> str:
    return f'<th style="{_CELL};font-weight:600">{escape(text)}</th>'


def _td(text: str) -> str:
    return f'<td style="{_CELL}">{escape(text)}</td>'


def _plain(value: Any, printer: Any, _is_cycle: bool) -> None:
    from workbench.doors.terminal import render

    printer.text(render(value))


_CARD_TYPES = {
    "workbench.contract.run": ("RunCard", "RunDetail", "RunComparison"),
    "workbench.contract.data": ("DatasetVersion",),
    "workbench.contract.job": ("JobCard", "TargetCard"),
    "workbench.contract.sweep": ("SweepCard",),
    "workbench.contract.review": ("ReviewCard", "Reviewer"),
    "workbench.contract.release": ("ReleaseCard", "RunnerCard"),
    "workbench.contract.monitor": ("MonitorCard", "AlertCard", "WindowCard", "ReportFile"),
    "workbench.contract.project": ("ProjectStatus", "Created", "AuditReport", "JournalEvent"),
}
