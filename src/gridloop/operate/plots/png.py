"""Charts of a page as PNG files: the same traces, colours and axes, drawn by matplotlib instead of a browser.

Here are the sheet, its panels, words and legend; `png_traces` draws what is in a panel. Read is the part of plotly's
vocabulary that our charts of forecasts use.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from gridloop.errors import MissingExtra
from gridloop.operate.plots.png_traces import DASHES, POINT, PX, colour, draw_panel, places, plain
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart

WIDTH_PX, DPI = 1000, 200
"""Width of the sheet in pixels of the page, and dots per inch of the picture, 100 of those pixels."""

LEGEND_PX = 40.0
"""Room above the panels; a page keeps more, for its buttons."""

LINE_PX, LETTERS = 18, 118
"""Height of a line of words, and how many letters it has room for."""


def require_matplotlib() -> None:
    """Raises `MissingExtra` where there is none, before anything is computed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            "pictures (PNG) are drawn by matplotlib, which is not installed: `pip install matplotlib`. Pages (.html) "
            "need nothing more.",
            package="matplotlib",
        ) from error


def write_png(chart: Chart, file: Path, *, heading: str = "", says: str = "") -> None:
    """Draw a chart. heading and says stand above it, as on the page. Raises `MissingExtra`."""
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = float(chart.layout["height"])
    words = textwrap.wrap(plain(says), LETTERS) if says else []
    room = (34 if heading else 8) + LINE_PX * len(words) + 6
    total = height + room
    figure = Figure(figsize=(WIDTH_PX / PX, total / PX), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    if heading:
        figure.text(0.022, 1 - 26 / total, heading, fontsize=17 * POINT, fontweight="bold", color=style.INK)
    for k, text in enumerate(words):
        y = 1 - (room - LINE_PX * (len(words) - k) + 8) / total
        figure.text(0.022, y, text, fontsize=13 * POINT, color=style.MUTED)
    _draw(figure, chart, height, total)
    figure.savefig(file, dpi=DPI, facecolor="white")


def _draw(figure: Any, chart: Chart, height: float, total: float) -> None:
    layout = chart.layout
    margin = layout["margin"]
    left, right = max(margin["l"], _room_left(chart)) / WIDTH_PX, 1 - margin["r"] / WIDTH_PX
    bottom, top = margin["b"] / total, (height - LEGEND_PX) / total
    panels: dict[str, Any] = {}
    for name in dict.fromkeys(str(trace.get("yaxis", "y")) for trace in chart.data):
        mine = [t for t in chart.data if str(t.get("yaxis", "y")) == name and t.get("visible", True) is True]
        y_axis = layout.get("yaxis" + name[1:], {})
        x_axis = layout.get("xaxis" + str(mine[0].get("xaxis", "x"))[1:], {})
        low, high = y_axis.get("domain", (0.0, 1.0))
        x0, x1 = x_axis.get("domain", (0.0, 1.0))
        wide, tall = right - left, top - bottom
        axes = figure.add_axes((left + x0 * wide, bottom + low * tall, (x1 - x0) * wide, (high - low) * tall))
        panels[name] = axes
        draw_panel(axes, mine, x_axis, y_axis, layout)
    for mark in layout.get("shapes", ()):
        for axes in panels.values():
            _across(axes, mark, layout)
    for note in layout.get("annotations", ()):
        _note(figure, panels, note, (left, right, bottom, top), layout)
    reverse = layout.get("legend", {}).get("traceorder") == "reversed"
    _legend(figure, panels, (height - 4) / total, reverse=reverse)


def _across(axes: Any, mark: dict[str, Any], layout: dict[str, Any]) -> None:
    """A vertical or horizontal line."""
    drawn = mark["line"]
    look = {
        "color": colour(drawn["color"]),
        "linewidth": drawn.get("width", 1) * POINT * 1.2,
        "linestyle": DASHES[drawn.get("dash", "solid")],
        "zorder": 2.2,
    }
    if mark["x0"] == mark["x1"]:
        axes.axvline(places([mark["x0"]], dates=_dates(layout))[0], **look)
    elif mark["y0"] == mark["y1"]:
        axes.axhline(mark["y0"], **look)


def _note(
    figure: Any, panels: dict[str, Any], note: dict[str, Any], box: tuple[float, ...], layout: dict[str, Any]
) -> None:
    """Words on the picture."""
    left, right, bottom, top = box
    font, text = note.get("font", {}), plain(note["text"])
    look = {
        "fontsize": float(font.get("size", 12)) * POINT,
        "color": colour(font.get("color", style.INK)),
        "ha": note.get("xanchor", "center"),
        "va": {"bottom": "bottom", "top": "top", "middle": "center"}[note.get("yanchor", "middle")],
        "fontweight": "bold" if "<b>" in note["text"] else "normal",
    }
    if note.get("xref") == "paper":
        figure.text(left + note["x"] * (right - left), bottom + note["y"] * (top - bottom), text, **look)
        return
    axes = panels.get(str(note.get("yref", "y"))) or next(iter(panels.values()))
    where = ("data", "axes fraction") if note.get("yref") == "paper" else "data"
    shift = (float(note.get("xshift", 0)) * POINT, float(note.get("yshift", 0)) * POINT)
    x = places([note["x"]], dates=_dates(layout))[0]
    axes.annotate(text, (x, note["y"]), xycoords=where, xytext=shift, textcoords="offset points", **look)


def _legend(figure: Any, panels: dict[str, Any], top: float, *, reverse: bool) -> None:
    """All names once, above the panels."""
    found: dict[str, Any] = {}
    for axes in panels.values():
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if len(found) < 2:
        return
    if reverse:
        found = dict(reversed(found.items()))
    figure.legend(
        list(found.values()),
        list(found),
        loc="upper left",
        bbox_to_anchor=(0.016, top),
        ncol=min(len(found), 6),
        frameon=False,
        fontsize=13 * POINT,
        labelcolor=style.INK,
        handlelength=1.8,
        columnspacing=1.6,
        borderaxespad=0.0,
    )


def _room_left(chart: Chart) -> float:
    """Room for the longest label of the first vertical axis, and its title. [px]"""
    named = [t["y"] for t in chart.data if t["type"] == "bar" and t.get("orientation") == "h"]
    if named:
        return 24.0 + 6.6 * max(len(plain(n)) for names in named for n in names)
    sizes = [abs(v) for t in chart.data if t.get("yaxis", "y") == "y" for v in t["y"] if v is not None]
    return 38.0 + 7.2 * len(f"{max(sizes, default=0.0):,.0f}")


def _dates(layout: dict[str, Any]) -> bool:
    return bool(layout.get("xaxis", {}).get("type") == "date")
