"""Figures of the report, as plotly JSON. Colours stand on a light and on a dark page; text takes the page's own ink.

plotly is imported here and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from workbench.contract.monitor import MonitorCard
from workbench.contract.review import ReviewCard
from workbench.contract.run import RunCard
from workbench.project.page.facts import Facts, interval_of

Words = Callable[..., str]
Figure = dict[str, Any]

_ACCENT, _GOOD, _WARN, _BAD, _QUIET = "#2a8fb0", "#3a9d6b", "#d98a2b", "#d1495b", "#8a949e"
_RESULT_COLOURS = {"pass": _GOOD, "fail": _BAD, "unknown": _WARN, "waived": _QUIET}
_STATE_COLOURS = {"FINISHED": _ACCENT, "FAILED": _BAD, "KILLED": _BAD, "LOST": _WARN, "RUNNING": _QUIET}
_CLASS_COLOURS = (_ACCENT, _WARN, _GOOD, "#8566b8", _BAD, "#5b7f2b", _QUIET)
# From nothing to the colour of alarm: transparent at 0, so that it lies well on paper and on a dark screen.
_HEAT = [[0.0, "rgba(42,143,176,0.05)"], [0.35, "rgba(42,143,176,0.55)"], [0.65, "#d98a2b"], [1.0, "#d1495b"]]
_HEAT_TOP = 0.5
# Digits only: plotly knows the names of months in English alone.
_DATES = {"type": "date", "tickformat": "%H:%M<br>%Y-%m-%d", "nticks": 6}


def draw_figures(facts: Facts, t: Words) -> dict[str, Figure]:
    """Return every figure that there is something to draw for, by the id of its place on the page."""
    figures: dict[str, Figure] = {}
    measured = [run for run in reversed(facts.runs) if facts.yardstick.name in run.metrics]
    if measured:
        figures["runs"] = _runs(measured, facts.yardstick.name, facts.best, t)
    if any(interval_of(check) for review in facts.reviews for check in review.checks):
        figures["forest"] = _forest(facts.reviews, t)
    for index, monitor in enumerate(facts.monitors):
        if monitor.windows:
            figures[f"drift-{index}"] = _drift(monitor, t)
            if monitor.windows[0].predictions:
                figures[f"shares-{index}"] = _shares(monitor, t)
    return figures


def plotly_js() -> str:
    """Return plotly.js as the installed plotly package ships it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _figure(data: Sequence[Any], layout: dict[str, Any], height: int) -> Figure:
    """Build and validate a figure; plotly refuses what its schema does not know."""
    import plotly.graph_objects as go
    from plotly.io import to_json

    clear = "rgba(0,0,0,0)"
    axis = {"automargin": True, "zeroline": False, "ticks": "", "gridcolor": _QUIET, "title_font_size": 13}
    frame: dict[str, Any] = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8, "pad": 4},
        "paper_bgcolor": clear,
        "plot_bgcolor": clear,
        "font": {"family": "inherit", "size": 13},
        "xaxis": axis,
        "yaxis": axis,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "showlegend": False,
        "dragmode": False,
        "hoverlabel": {"font": {"family": "inherit"}},
    }
    for key, value in layout.items():
        frame[key] = {**frame[key], **value} if isinstance(frame.get(key), dict) else value
    figure = go.Figure(data=data, layout=frame)
    figure.update_layout(template=None)
    drawn: Figure = json.loads(to_json(figure, validate=True))
    return drawn


def _runs(runs: Sequence[RunCard], metric: str, best: str, t: Words) -> Figure:
    import plotly.graph_objects as go

    traces = []
    for state in dict.fromkeys(run.state for run in runs):
        chosen = [run for run in runs if run.state == state]
        traces.append(
            go.Scatter(
                x=[run.started_at for run in chosen],
                y=[run.metrics[metric] for run in chosen],
                text=[run.name for run in chosen],
                customdata=[_parameters(run) for run in chosen],
                hovertemplate="<b>%{text}</b><br>" + metric + " %{y:.4g}<br>%{customdata}<extra></extra>",
                name=t(f"state.{state}"),
                mode="markers",
                marker={
                    "opacity": 1,
                    "line": {"width": 0},
                    "size": [15 if run.id == best else 10 for run in chosen],
                    "symbol": ["star" if run.id == best else "circle" for run in chosen],
                    "color": _STATE_COLOURS.get(state, _QUIET),
                },
            )
        )
    layout: dict[str, Any] = {"xaxis": {**_DATES, "showgrid": False}, "yaxis": {"title": {"text": metric}}}
    if star := next((run for run in runs if run.id == best), None):
        arrow = {"x": star.started_at, "y": star.metrics[metric], "text": t("runs.best"), "showarrow": False}
        layout["annotations"] = [{**arrow, "yshift": 18, "font": {"size": 12}}]
    return _figure(traces, {**layout, "showlegend": len(traces) > 1}, 300)


def _parameters(run: RunCard) -> str:
    return "<br>".join(f"{name} = {value}" for name, value in list(run.params.items())[:6])


def _forest(reviews: Sequence[ReviewCard], t: Words) -> Figure:
    """Draw by how much each candidate is better than what it was compared with; 0 is the line to beat."""
    import plotly.graph_objects as go

    rows = [
        (f"<b>{review.model}</b> → {review.stage}<br>{review.model_digest[7:15]}, {review.id[:10]}", check, interval)
        for review in reviews[:8]
        for check in review.checks
        if (interval := interval_of(check))
    ]
    trace = go.Scatter(
        x=[estimate for _, _, (estimate, _, _) in rows],
        y=[label for label, _, _ in rows],
        customdata=[[low, high] for _, _, (_, low, high) in rows],
        mode="markers",
        marker={
            "size": 13,
            "symbol": "square",
            "color": [_RESULT_COLOURS.get(check.result, _QUIET) for _, check, _ in rows],
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - estimate for _, _, (estimate, _, high) in rows],
            "arrayminus": [estimate - low for _, _, (estimate, low, _) in rows],
            "thickness": 2.5,
            "width": 7,
            "color": _QUIET,
        },
        hovertemplate="%{x:+.4f} [%{customdata[0]:+.4f}, %{customdata[1]:+.4f}]<extra></extra>",
    )
    line = {"type": "line", "xref": "x", "yref": "paper", "y0": 0, "y1": 1}
    margins = {check.figures["margin"] for _, check, _ in rows if "margin" in check.figures}
    layout = {
        "xaxis": {"title": {"text": t("review.difference_axis")}, "tickformat": "+.3~f"},
        "yaxis": {"autorange": "reversed", "showgrid": False},
        "shapes": [
            {**line, "x0": 0, "x1": 0, "line": {"color": _QUIET, "width": 2}},
            *({**line, "x0": -m, "x1": -m, "line": {"color": _WARN, "width": 2, "dash": "dot"}} for m in margins),
        ],
    }
    return _figure([trace], layout, 90 + 58 * len({label for label, _, _ in rows}))


def _drift(monitor: MonitorCard, t: Words) -> Figure:
    import plotly.graph_objects as go

    windows = list(reversed(monitor.windows))
    names = [feature.name for feature in sorted(windows[0].features, key=lambda f: f.name, reverse=True)]
    looks = [{feature.name: feature for feature in window.features} for window in windows]
    heat = go.Heatmap(
        x=[f"#{window.index}" for window in windows],
        y=names,
        z=[[look[name].statistic if name in look else None for look in looks] for name in names],
        text=[["●" if name in look and look[name].is_drifted else "" for look in looks] for name in names],
        texttemplate="%{text}",
        customdata=[[_means(look[name]) if name in look else "" for look in looks] for name in names],
        hovertemplate="<b>%{y}</b> %{x}<br>KS %{z:.3f}<br>%{customdata}<extra></extra>",
        zmin=0,
        zmax=_HEAT_TOP,
        colorscale=_HEAT,
        xgap=2,
        ygap=2,
        colorbar={"title": {"text": "KS"}, "thickness": 10, "outlinewidth": 0, "len": 0.9},
    )
    layout = {
        "xaxis": {"type": "category", "showgrid": False, "title": {"text": t("drift.window_axis")}},
        "yaxis": {"type": "category", "showgrid": False},
    }
    return _figure([heat], layout, 110 + 30 * len(names))


def _means(feature: Any) -> str:
    return f"{feature.reference_mean:.4g} → {feature.window_mean:.4g}"


def _shares(monitor: MonitorCard, t: Words) -> Figure:
    import plotly.graph_objects as go

    windows = list(reversed(monitor.windows))
    usual = windows[0].predictions  # the most usual class lies at the bottom, in the quiet colour
    labels = sorted(usual, key=lambda label: -usual[label])
    traces = [
        go.Bar(
            x=[f"#{window.index}" for window in windows],
            y=[window.predictions.get(label, 0.0) for window in windows],
            name=label,
            marker={"color": _CLASS_COLOURS[index % len(_CLASS_COLOURS)]},
            hovertemplate=label + " %{y:.1%}<extra></extra>",
        )
        for index, label in enumerate(labels)
    ]
    layout = {
        "barmode": "stack",
        "bargap": 0.12,
        "showlegend": True,
        "xaxis": {"type": "category", "showgrid": False, "title": {"text": t("drift.window_axis")}},
        "yaxis": {"tickformat": ".0%", "range": [0, 1]},
    }
    return _figure(traces, layout, 260)


def script_json(figures: dict[str, Figure]) -> str:
    """Return the figures as JSON that is safe inside a script element."""
    return json.dumps(figures, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def asset(name: str) -> str:
    """Return the text of a file beside this one."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
