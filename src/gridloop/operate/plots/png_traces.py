"""What is in a panel of a picture: plotly's lines, areas, markers and bars, and its axes, as matplotlib draws them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import numpy as np

from gridloop.operate.report import style
from gridloop.operate.report.chart import Trace
from gridloop.units import FloatArray

PX = 100.0
"""Pixels of the page per inch of the picture."""

POINT = 72.0 / PX
"""A pixel in points: letters and lines are as large beside each other as on the page."""

DASHES: dict[str, Any] = {"solid": "-", "dot": (0, (1.2, 1.8)), "dash": (0, (5, 3)), "dashdot": "-."}
MARKERS = {"circle": "o", "square": "s", "diamond": "D", "line-ew": "_", "x": "x"}
HAIR = 1.0
"""Lines thinner than this only edge an area, which shows without."""


def draw_panel(
    axes: Any, traces: list[Trace], x_axis: dict[str, Any], y_axis: dict[str, Any], layout: dict[str, Any]
) -> None:
    """All traces of a panel and its two axes, as plotly's layout describes them."""
    dates = x_axis.get("type") == "date"
    bars = [t for t in traces if t["type"] == "bar"]
    below: Any = None
    sums: dict[str, FloatArray] = {}
    for trace in traces:
        if trace["type"] == "bar":
            _bar(axes, trace, bars, layout)
            continue
        x, y = places(trace["x"], dates=dates), _values(trace["y"])
        if "stackgroup" in trace:
            base = sums.get(trace["stackgroup"], np.zeros(len(y)))
            sums[trace["stackgroup"]] = base + y
            _area(axes, trace, x, base, base + y, zorder=2.0)
        elif trace.get("fill") == "tonexty" and below is not None:
            _area(axes, trace, x, _values(below), y, zorder=1.5)
        else:
            _line(axes, trace, x, y)
        below = trace["y"]
    _axis(axes.xaxis, x_axis, dates=dates)
    _axis(axes.yaxis, y_axis, dates=False)
    if "range" in x_axis:
        axes.set_xlim(*places(x_axis["range"], dates=dates))
    if "range" in y_axis:
        axes.set_ylim(*_values(y_axis["range"]))
    elif y_axis.get("rangemode") == "tozero":
        low, high = axes.get_ylim()
        axes.set_ylim(min(0.0, low) if low < -0.1 * high else 0.0, high)
    _quiet(axes, x_axis, lying=any(t.get("orientation") == "h" for t in bars), bars=bool(bars))


def _quiet(axes: Any, x_axis: dict[str, Any], *, lying: bool, bars: bool) -> None:
    """White ground, a thin grid, no frame."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(style.OTHER)
    axes.set_axisbelow(True)
    both = x_axis.get("showgrid", True) and not bars
    axes.grid(visible=True, axis="x" if lying else "both" if both else "y", color=style.GRID, linewidth=1.1 * POINT)
    axes.tick_params(length=3, width=0.6, color=style.OTHER, labelcolor=style.MUTED, labelsize=12 * POINT)


def _line(axes: Any, trace: Trace, x: FloatArray, y: FloatArray) -> None:
    drawn, mark, mode = trace.get("line", {}), trace.get("marker", {}), str(trace.get("mode", "lines"))
    width = float(drawn.get("width", 2))
    if mode == "lines" and width < HAIR and trace.get("showlegend") is False:
        return
    axes.plot(
        x,
        y,
        color=colour(drawn.get("color") or mark.get("color") or style.INK),
        linewidth=width * POINT,
        linestyle=DASHES[drawn.get("dash", "solid")] if "lines" in mode else "none",
        drawstyle="steps-post" if drawn.get("shape") == "hv" else "default",
        marker=MARKERS[mark.get("symbol", "circle")] if "markers" in mode else None,
        markersize=float(mark.get("size", 7)) * POINT,
        solid_capstyle="butt",
        label=_label(trace),
        zorder=3,
    )


def _area(axes: Any, trace: Trace, x: FloatArray, low: FloatArray, high: FloatArray, *, zorder: float) -> None:
    step = "post" if trace.get("line", {}).get("shape") == "hv" else None
    shade = colour(trace.get("fillcolor", style.OTHER))
    axes.fill_between(x, low, high, color=shade, linewidth=0, step=step, label=_label(trace), zorder=zorder)


def _bar(axes: Any, trace: Trace, bars: list[Trace], layout: dict[str, Any]) -> None:
    """Bars beside each other, upright or lying, with the words that they carry."""
    lying = trace.get("orientation") == "h"
    names, sizes = (trace["y"], _values(trace["x"])) if lying else (trace["x"], _values(trace["y"]))
    numeric = all(isinstance(n, int | float) for n in names)
    every = list(dict.fromkeys(str(n) for t in bars for n in (t["y"] if lying else t["x"])))
    at = np.array([float(n) if numeric else every.index(str(n)) for n in names])
    width = (1.0 - float(layout.get("bargap", 0.2))) / len(bars)
    spots = at + (bars.index(trace) - (len(bars) - 1) / 2) * width
    shade = colour(trace.get("marker", {}).get("color", style.CONTROLLED))
    (axes.barh if lying else axes.bar)(spots, sizes, width, color=shade, label=_label(trace), zorder=2)
    inside = trace.get("textposition") == "inside"
    for spot, size, text in zip(spots, sizes, trace.get("text", ()), strict=False):
        end = 0.0 if inside else size
        point, shift = ((end, spot), (3, 0)) if lying else ((spot, end), (0, 4 if inside else 2))
        side = {"ha": "left", "va": "center"} if lying else {"ha": "center", "va": "bottom"}
        axes.annotate(
            plain(text), point, xytext=shift, textcoords="offset points", fontsize=11 * POINT, color=style.INK, **side
        )
    if not numeric:
        (axes.set_yticks if lying else axes.set_xticks)(range(len(every)), [plain(n) for n in every])
        if lying:
            axes.set_ylim(-0.6, len(every) - 0.4)


def _axis(axis: Any, given: dict[str, Any], *, dates: bool) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MultipleLocator

    axis.set_label_text(plain(given.get("title", {}).get("text", "")), fontsize=12 * POINT, color=style.MUTED)
    if "tickvals" in given:
        names = [plain(t) for t in given.get("ticktext", given["tickvals"])]
        axis.set_ticks(places(given["tickvals"], dates=dates), names)
        return
    if dates or given.get("type") == "category" or isinstance(axis.get_major_locator(), FixedLocator):
        return
    if "dtick" in given:
        axis.set_major_locator(MultipleLocator(float(given["dtick"])))
    axis.set_major_formatter(FuncFormatter(_grouped))


def _grouped(value: float, _: int) -> str:
    """Numbers with thin spaces and true minus signs, as on the page."""
    digits = 0 if abs(value - round(value)) < 1e-9 else 2 if abs(value) >= 0.01 else 4
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(",", "\u202f").replace("-", "\u2212")


def _label(trace: Trace) -> str:
    hidden = trace.get("showlegend") is False or not trace.get("name")
    return "_" if hidden else plain(trace["name"])


def _values(given: Any) -> FloatArray:
    return np.array([np.nan if v is None else float(v) for v in given])


def places(given: Any, *, dates: bool) -> FloatArray:
    """Positions on an axis; of dates as matplotlib counts them."""
    if not dates:
        return _values(given)
    days = np.array([str(v).replace(" ", "T") for v in given], dtype="datetime64[s]").astype(np.int64) / 86_400.0
    return np.asarray(days, dtype=float)


def colour(css: str) -> Any:
    """`#rrggbb` or `rgba(r,g,b,a)` as matplotlib takes it."""
    if not css.startswith("rgb"):
        return css
    red, green, blue, *alpha = (float(v) for v in re.findall(r"[\d.]+", css))
    return (red / 255, green / 255, blue / 255, alpha[0] if alpha else 1.0)


def plain(text: object) -> str:
    """Without the HTML that plotly reads; letters that hold HTML as themselves."""
    return unescape(re.sub(r"<[^>]+>", "", str(text).replace("<br>", "\n")))
