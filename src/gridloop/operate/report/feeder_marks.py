"""What is drawn on the map of the feeder: lines by loading, transformers as squares, buses by voltage."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Protocol

import pandas as pd

from gridloop.operate.report.chart import Trace
from gridloop.operate.report.places import Places
from gridloop.operate.report.words import escaped, number
from gridloop.powerflow.violations import LOADING_TOLERANCE_PCT, V_TOLERANCE_PU

# (from [%], colour, width [px], name): wider and darker with load, so that a grey print still reads.
CLASSES = (
    (0.0, "#b9c4ce", 2.0, "0–25 %"),
    (25.0, "#8fb8d6", 2.6, "25–50 %"),
    (50.0, "#4a8dbb", 3.4, "50–75 %"),
    (75.0, "#1c5a86", 4.2, "75–100 %"),
    (100.0 + LOADING_TOLERANCE_PCT, "#d55e00", 5.4, "over 100 %"),
)
UNKNOWN = ("#dfe3e7", 1.2, "no flow")
MOST_IN_HOVER = 6


class GridTables(Protocol):
    """What a map needs of a grid: its tables, indexed by id. A stored run has them, and so has a network."""

    @property
    def bus(self) -> pd.DataFrame: ...

    @property
    def line(self) -> pd.DataFrame: ...

    @property
    def transformer(self) -> pd.DataFrame: ...


def class_of(loading_pct: float) -> tuple[str, float, str]:
    """Colour, width and name of the class a loading falls in; UNKNOWN where it is missing."""
    chosen = UNKNOWN
    for start, color, width, name in CLASSES:
        if loading_pct >= start:
            chosen = (color, width, name)
    return chosen


def branches(tables: GridTables, found: Places, loading: pd.Series, axes: dict[str, str], show: bool) -> list[Trace]:
    """One trace per class of loading, then one that carries the hover of the lines and one with the transformers."""
    traces: list[Trace] = []
    ends = pd.concat([found.ends(tables.line), found.ends(tables.transformer)])
    pct = loading.reindex(ends.index).astype(float)
    names = pd.Series([class_of(v)[2] for v in pct], index=ends.index)
    for color, width, name in [UNKNOWN, *((color, width, name) for _, color, width, name in CLASSES)]:
        mine = ends[names == name]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                # A class without a line still stands in the legend: both maps are read against the same list.
                "x": _broken(mine, "x0", "x1"),
                "y": _broken(mine, "y0", "y1"),
                "line": {"color": color, "width": width},
                "name": name,
                "legendgroup": name,
                "showlegend": show and not (name == UNKNOWN[2] and mine.empty),
                "hoverinfo": "skip",
            }
            | axes
        )
    for table, square in ((tables.line, False), (tables.transformer, True)):
        mine = ends[ends.index.isin(table.index)]
        if len(mine):
            traces.append(_middles(mine, pct.reindex(mine.index), square) | axes)
    return traces


def _broken(ends: pd.DataFrame, first: str, second: str) -> list[float | None]:
    """Coordinates of separate strokes, with a gap after each."""
    strokes = ends[[first, second]].to_numpy(float).tolist()
    return [v for a, b in strokes for v in (a, b, None)] or [None]


def _middles(ends: pd.DataFrame, pct: pd.Series, square: bool) -> Trace:
    """Markers in the middle of branches: squares for transformers; for lines unseen, there to be hovered."""
    order = pct.sort_values(ascending=False, na_position="last").index
    at: dict[tuple[float, float], list[str]] = {}
    for branch, (x0, y0, x1, y1) in zip(order.astype(str), ends.loc[order].to_numpy(float).tolist(), strict=True):
        at.setdefault((round((x0 + x1) / 2, 4), round((y0 + y1) / 2, 4)), []).append(branch)
    texts = [
        "<br>".join(f"{escaped(b)}: {number(float(pct[b]), 1)} %" for b in ids[:MOST_IN_HOVER]) for ids in at.values()
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x for x, _ in at],
        "y": [y for _, y in at],
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "symbol": "square-open" if square else "circle",
            "size": 20 if square else 9,
            "color": [class_of(float(pct[ids[0]]))[0] for ids in at.values()],
            "opacity": 1 if square else 0,
            "line": {"width": 3 if square else 0},
        },
        "name": "transformers" if square else "lines",
        "showlegend": False,
    }


def band_state(tables: GridTables, volts: pd.Series) -> pd.DataFrame:
    """Per bus with a voltage: pu, far (distance from the middle of its band, 1 at the edge), out, low, high."""
    volts = volts.astype(float).dropna()
    low = tables.bus["v_min_pu"].astype(float).reindex(volts.index)
    high = tables.bus["v_max_pu"].astype(float).reindex(volts.index)
    far = ((volts - (low + high) / 2) / ((high - low) / 2)).abs()
    out = (volts < low - V_TOLERANCE_PU) | (volts > high + V_TOLERANCE_PU)
    table = pd.DataFrame({"pu": volts, "far": far, "out": out, "low": low, "high": high})
    return table.sort_values("far", ascending=False, kind="stable")


def buses(tables: GridTables, found: Places, volts: pd.Series, axes: dict[str, str]) -> Trace:
    """One marker per place, coloured by its bus furthest from the middle of its band; a ring where one is out."""
    table = band_state(tables, volts).join(found.xy, how="inner")
    at: dict[tuple[float, float], list[dict[Hashable, object]]] = {}
    for bus, row in zip(table.index, table.to_dict("records"), strict=True):
        at.setdefault((row["x_km"], row["y_km"]), []).append(row | {"id": bus})
    # Drawn from calm to extreme, so that a bus outside its band is never hidden under a neighbour.
    spots = list(reversed(at.items()))
    rings = [any(row["out"] for row in rows) for _, rows in spots]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x for (x, _), _ in spots],
        "y": [y for (_, y), _ in spots],
        "text": [_hover(rows) for _, rows in spots],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "size": [12 if ring else 9 for ring in rings],
            "color": [round(_value(rows[0], "pu"), 4) for _, rows in spots],
            "coloraxis": "coloraxis",
            "opacity": 1,
            "line": {
                "color": ["#000000" if ring else "#7c8691" for ring in rings],
                "width": [2 if ring else 0.8 for ring in rings],
            },
        },
        "name": "buses",
        "showlegend": False,
    } | axes


def _hover(rows: list[dict[Hashable, object]]) -> str:
    shown = [f"{escaped(row['id'])}: {number(_value(row, 'pu'), 4)} pu" for row in rows[:MOST_IN_HOVER]]
    more = len(rows) - len(shown)
    low, high = (number(_value(rows[0], edge), 3) for edge in ("low", "high"))
    return "<br>".join([*shown, *([f"and {more} more here"] if more else []), f"band {low} to {high} pu"])


def _value(row: dict[Hashable, object], key: str) -> float:
    value = row[key]
    return float(value) if isinstance(value, float | int) else math.nan
