"""What charts of a commitment have in common: hours from left to right, and rows of units or branches."""

from __future__ import annotations

from typing import Any

from gridloop.operate.report import style
from gridloop.operate.report.chart import Trace


def rows_by_hour(
    rows: dict[str, list[Any]], hours: int, shades: list[list[Any]], between: tuple[float, float]
) -> tuple[Trace, dict[str, Any]]:
    """A row of shades per name, the first on top, and the layout around them. rows  name → value of every hour"""
    heat: Trace = {
        "type": "heatmap",
        "z": list(reversed(rows.values())),
        "x": [t + 0.5 for t in range(hours)],
        "y": list(reversed(rows)),
        "colorscale": shades,
        "zmin": between[0],
        "zmax": between[1],
        "xgap": 1,
        "ygap": 1,
    }
    layout = style.base_layout(150 + 15 * max(len(rows), 4)) | {"hovermode": "closest", "xaxis": hour_axis(hours)}
    layout["yaxis"] = {"tickfont": {"size": 10, "color": style.MUTED}, "automargin": True, "dtick": 1}
    layout["margin"] = layout["margin"] | {"l": 130}
    return heat, layout


def hour_axis(hours: int) -> dict[str, object]:
    """The axis of so many hours, as all charts of a commitment have it."""
    return {
        "type": "linear",
        "range": [0, hours],
        "dtick": 6 if hours <= 72 else 24,
        "title": {"text": "hour", "font": {"size": 12, "color": style.MUTED}},
        "tickfont": {"size": 12, "color": style.MUTED},
        "gridcolor": style.GRID,
    }
