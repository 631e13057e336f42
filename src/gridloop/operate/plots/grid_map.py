"""The map: buses by voltage and branches by loading, on the grid's coordinates or, without any, a computed layout."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.operate.plots.layout import computed_places
from gridloop.operate.plots.picture import Picture
from gridloop.operate.report import feeder_marks, style
from gridloop.operate.report.chart import Chart, Part, Trace, numbers
from gridloop.operate.report.feeder import bus_label, map_layout, voltage_axis
from gridloop.operate.report.places import Places
from gridloop.operate.report.words import count, escaped, number

# A drawing with more buses than this gets smaller marks and thinner lines.
DENSE = 400
# Coordinates count where this share of the buses has them, at more than one place.
ENOUGH = 0.5
MOST_LABELS = 3


def part(picture: Picture) -> Part:
    """The section with the map. Without a solution the grid is drawn in grey."""
    if not len(picture.bus):
        return Part("map", "Map", "There is no bus to draw.")
    found, computed = placed(picture)
    layout = map_layout(found, 1)
    if computed or not picture.in_km:
        quiet(layout)
    volts = picture.extreme()
    axes = {"xaxis": "x", "yaxis": "y"}
    traces: list[Trace] = feeder_marks.branches(picture, found, picture.loading, axes, show=True)
    if picture.solved:
        traces.append(feeder_marks.buses(picture, found, volts, axes))
        layout["coloraxis"] = voltage_axis(replace(picture, bus=picture.usual_band), [volts])
        state = feeder_marks.band_state(picture, volts)
        worst = str(state.index[0])
        layout["annotations"].append(bus_label(found, worst, float(volts[worst]), ""))
        layout["annotations"] += _overloaded(picture, found)
    else:
        traces.append(grey(found))
        layout["annotations"] += [label(found.xy.T[b], b) for b in picture.weakest if b in found.xy.index]
    if len(picture.opened):
        traces.insert(0, opened_branches(picture, found))
    name_unrated(traces, picture)
    thin(traces, len(picture.bus))
    chart = Chart("chart-map", traces, layout, "Map of the grid, buses by voltage and branches by loading")
    where = f"{count(found.without, 'bus', 'buses')} without coordinates are not drawn." if found.without else ""
    if computed:
        where = "The grid has no coordinates: distances on this drawing are numbers of branches, not kilometres."
    elif not picture.in_km:
        where = f"Drawn on the file's own coordinates, whatever their unit. {where}".strip()
    says = (
        "Buses are coloured by voltage, branches by loading; a black ring marks a bus outside its band, a square a "
        "transformer."
        if picture.solved
        else "Without results; the buses that the diagnosis blames are named."
    )
    return Part("map", "Map", says, [chart], note=where)


def placed(picture: Picture) -> tuple[Places, bool]:
    """Where buses are drawn, and whether that was computed for want of coordinates."""
    known = picture.where.xy
    if len(known) >= ENOUGH * len(picture.bus) and len(known.drop_duplicates()) > 1:
        return picture.where, False
    ids = picture.bus.index
    pairs = []
    for table in (picture.line, picture.transformer, picture.joins):
        pair = np.stack([ids.get_indexer(pd.Index(table[c])) for c in ("tail_bus", "head_bus")])
        pairs.append(pair[:, (pair >= 0).all(axis=0)])
    tail, head = np.concatenate(pairs, axis=1)
    roots = ids.get_indexer(pd.Index(picture.sources))
    return computed_places(ids, tail, head, roots[roots >= 0]), True


def name_unrated(traces: list[Trace], picture: Picture) -> None:
    """A branch with a flow and without a rating has no loading; where none has one, classes of it are no legend."""
    none = picture.loading.isna().all()
    for trace in traces:
        if trace["mode"] != "lines":
            continue
        if trace["name"] == "open":
            continue
        if trace["name"] == feeder_marks.UNKNOWN[2]:
            trace["name"] = "no rating" if picture.solved else "no result"
            trace["line"] = {"color": "#a9b4be" if none else "#c3cbd2", "width": 1.6}
        elif none:
            trace["showlegend"] = False


def opened_branches(picture: Picture, found: Places) -> Trace:
    """Branches that carry nothing, dashed."""
    ends = found.ends(picture.opened)
    gap = np.full(len(ends), np.nan)
    x, y = (np.stack([ends[f"{c}0"], ends[f"{c}1"], gap], axis=1).ravel() for c in "xy")
    return {
        "type": "scatter", "mode": "lines", "x": numbers(x, 4), "y": numbers(y, 4), "hoverinfo": "skip",
        "line": {"color": style.OTHER, "width": 1.4, "dash": "3px,3px"}, "name": "open",
    }  # fmt: skip


def _overloaded(picture: Picture, found: Places) -> list[dict[str, Any]]:
    """Names and loading at the middle of the branches that are overloaded most."""
    worst = picture.violations[picture.violations["quantity"] == "loading_pct"].head(MOST_LABELS)
    ends = pd.concat([found.ends(picture.line), found.ends(picture.transformer)])
    labels = []
    for branch, value in zip(worst["id"], worst["value"], strict=True):
        if branch in ends.index:
            labels.append(label(middle_of(ends, branch), str(branch), f"{number(float(value), 0)} %"))
    return labels


def middle_of(ends: pd.DataFrame, branch: Hashable) -> pd.Series:
    """Where a label of a branch points to."""
    row = ends.T[branch]
    return pd.Series({"x_km": (row["x0"] + row["x1"]) / 2, "y_km": (row["y0"] + row["y1"]) / 2})


def label(at: pd.Series, name: str, value: str = "", offset: tuple[int, int] = (-38, -34)) -> dict[str, Any]:
    """A name, and a value below it, that points at a place; offset of the label in pixels."""
    return {
        "text": escaped(name) + (f"<br><b>{value}</b>" if value else ""),
        "x": round(float(at["x_km"]), 4),
        "y": round(float(at["y_km"]), 4),
        "ax": offset[0],
        "ay": offset[1],
        "showarrow": True,
        "arrowhead": 0,
        "arrowwidth": 1.2,
        "arrowcolor": style.LIMIT,
        "bgcolor": "rgba(255,255,255,0.88)",
        "bordercolor": style.LIMIT,
        "borderpad": 2,
        "font": {"size": 12, "color": style.INK},
    }


def quiet(layout: dict[str, Any]) -> None:
    """Axes without numbers: a computed drawing has no east and no north."""
    for axis in ("xaxis", "yaxis"):
        layout[axis] |= {"showticklabels": False, "title": {"text": ""}}


def grey(found: Places) -> Trace:
    """Buses without a value."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": found.xy["x_km"].tolist(),
        "y": found.xy["y_km"].tolist(),
        "text": [str(b) for b in found.xy.index],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 9, "color": style.OTHER, "line": {"width": 0.8, "color": style.MUTED}},
        "name": "buses",
        "showlegend": False,
    }


def thin(traces: list[Trace], buses: int) -> None:
    """Marks and lines that fit the number of buses on the same sheet."""
    if buses <= DENSE:
        return
    shrink = max((DENSE / buses) ** 0.5, 0.3)
    for trace in traces:
        if trace["mode"] == "lines":
            trace["line"] = trace["line"] | {"width": round(max(trace["line"]["width"] * shrink, 0.7), 2)}
            continue
        marker = trace["marker"]
        size = marker["size"]
        small = [round(max(s * shrink, 3.0), 1) for s in size] if isinstance(size, list) else max(size * shrink, 4.0)
        line = dict(marker.get("line", {}))
        width = line.get("width", 0)
        line["width"] = [round(w * shrink, 2) for w in width] if isinstance(width, list) else width * shrink
        trace["marker"] = marker | {"size": small, "line": line}
