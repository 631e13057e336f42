"""Charts as plain data for plotly's JavaScript: traces, layout and the few shapes that all charts share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gridloop.operate.report import style

Trace = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """One drawing of the page.

    id       unique in the page
    data     plotly traces
    layout   plotly layout; its `height` [px] is also the room kept on the page
    summary  what a reader who cannot see it should know
    """

    id: str
    data: list[Trace]
    layout: dict[str, Any]
    summary: str


@dataclass(frozen=True)
class Part:
    """One section of the page: a heading, a sentence of what the numbers say, charts, and finished HTML below."""

    id: str
    heading: str
    says: str
    charts: list[Chart] = field(default_factory=list)
    html: str = ""
    note: str = ""


def numbers(values: Iterable[float], digits: int = 3) -> list[float | None]:
    """Rounded for the page; NaN becomes a gap."""
    return [None if v is None or math.isnan(v) else round(float(v), digits) for v in values]


def line(x: Sequence[str], y: Iterable[float], **more: Any) -> Trace:
    """A mean over each interval, drawn as a step that starts at the interval's start; `shape` "linear" for states."""
    color, dash, width = more.pop("color", style.INK), more.pop("dash", "solid"), more.pop("width", 2)
    shape = more.pop("shape", "hv")
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": numbers(y, more.pop("digits", 3)),
        "line": {"shape": shape, "color": color, "dash": dash, "width": width},
    } | more


def band(
    x: Sequence[str], low: Iterable[float], high: Iterable[float], *, name: str, color: str, **more: Any
) -> list[Trace]:
    """The area between two step lines; the upper one carries the name in the legend."""
    alpha, unit, shape = more.pop("alpha", 0.2), more.pop("unit", "MW"), more.pop("shape", "hv")
    ends, form = more.pop("ends", ("low", "high")), more.pop("form", ".2f")
    edge = {"shape": shape, "color": style.tint(color, min(1.0, alpha * 2)), "width": 0.6}
    group = more.pop("legendgroup", name)
    common: Trace = {"type": "scatter", "mode": "lines", "x": list(x), "line": edge, "legendgroup": group} | more
    template = f"%{{y:{form}}} {unit}"
    lower = common | {
        "y": numbers(low, 4),
        "name": f"{name}, {ends[0]}",
        "showlegend": False,
        "hovertemplate": template + f"<extra>{name}, {ends[0]}</extra>",
    }
    upper = common | {
        "y": numbers(high, 4),
        "name": name,
        "fill": "tonexty",
        "fillcolor": style.tint(color, alpha),
        "hovertemplate": template + f"<extra>{name}, {ends[1]}</extra>",
    }
    return [lower, upper]


def extended(values: pd.Series) -> list[float]:
    """The values and the last one again, so that the last interval is drawn to its end."""
    held = [float(v) for v in values]
    return [*held, held[-1]] if held else []
