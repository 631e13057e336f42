"""The voltage profile: every bus over its distance from the source, coloured by voltage level or by phase."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from gridloop.operate.plots.picture import Picture
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace, numbers
from gridloop.operate.report.words import count, escaped, number
from gridloop.units import FloatArray

# Strokes show how the voltage falls along a feeder. In a meshed grid they cross each other and say nothing; so do too
# many of them. The share is that of closed loops per bus.
MOST_STROKES, MOST_LOOPS = 6000, 0.1
MOST_LABELS = 3
COLORS = ("#0072b2", "#d07a43", "#3b8f6b", "#8b5fa8", "#b3892a", "#4f5b66", style.OTHER)
# A switch or a transformer has no length; a step this short [km] keeps the search from taking it for no connection.
_NO_LENGTH = 1e-9


def distances(picture: Picture) -> tuple[pd.Series, str]:
    """Distance of every bus from the nearest source along the grid, and what it is measured in; NaN without a path."""
    ids = picture.bus.index
    ends, lengths = [], []
    plain = picture.line["length_km"].to_numpy(dtype=float)
    counted = bool(len(plain)) and bool((plain == 1.0).all())  # a case file without lengths
    step = 1.0 if counted else _NO_LENGTH
    for table, length in (
        (picture.line, np.maximum(plain, _NO_LENGTH)),
        (picture.transformer, np.full(len(picture.transformer), step)),
        (picture.joins, np.full(len(picture.joins), _NO_LENGTH)),
    ):
        pair = np.stack([ids.get_indexer(pd.Index(table[c])) for c in ("tail_bus", "head_bus")])
        sound = (pair >= 0).all(axis=0)
        ends.append(pair[:, sound])
        lengths.append(length[sound])
    tail, head = np.concatenate(ends, axis=1)
    graph = _shortest(tail, head, np.concatenate(lengths), len(ids))
    roots = ids.get_indexer(pd.Index(picture.sources))
    roots = roots[roots >= 0]
    far = np.full(len(ids), np.nan)
    if roots.size:
        far = dijkstra(graph, directed=False, indices=roots, min_only=True)
    far = np.where(np.isfinite(far), far, np.nan)
    return pd.Series(np.round(far, 6), index=ids), "branches" if counted else "km"


def part(picture: Picture) -> Part:
    """The section with the profile; without a solution it says so."""
    heading = "Voltage profile"
    if not picture.solved:
        return Part("profile", heading, "The flow has no solution, so there are no voltages.")
    far, unit = distances(picture)
    points = picture.points.assign(distance=far.reindex(picture.points["bus"]).to_numpy()).dropna()
    layout = style.base_layout(520) | {"hovermode": "closest", "annotations": [], "shapes": []}
    layout["xaxis"] = style.value_axis(f"distance from the source, {unit}", rangemode="tozero")
    layout["legend"] = layout["legend"] | {"itemsizing": "constant"}
    layout["yaxis"] = style.value_axis("pu", tickformat=".3f")
    traces: list[Trace] = []
    for k, name in enumerate(picture.series):
        mine = points[points["series"] == name]
        if len(mine):
            traces += _series(picture, mine, name, COLORS[min(k, len(COLORS) - 1)])
    bands, band_note = _bands(picture, float(points["distance"].max()))
    layout["annotations"] = _labels(picture, points)
    chart = Chart("chart-profile", [*bands, *traces], layout, "Voltage of every bus over its distance from the source")
    said = f"{count(len(points), 'voltage')}, coloured by {picture.by}; {band_note}"
    missing = len(picture.points) - len(points)
    note = f"Without a voltage or a path to a source: {count(missing, 'point')}." if missing else ""
    return Part("profile", heading, said, [chart], note=note)


def _shortest(tail: FloatArray, head: FloatArray, length: FloatArray, n: int) -> csr_array:
    """The graph of the grid with the shortest of parallel branches."""
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    order = np.lexsort((length, high, low))
    low, high, length = low[order], high[order], length[order]
    first = np.ones(low.size, dtype=bool)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return csr_array((length[first], (low[first], high[first])), shape=(n, n))


def _series(picture: Picture, mine: pd.DataFrame, name: str, color: str) -> list[Trace]:
    at = mine.drop_duplicates("bus").set_index("bus")
    branches = pd.concat([picture.line[["tail_bus", "head_bus"]], picture.transformer[["tail_bus", "head_bus"]]])
    traces: list[Trace] = []
    branches = branches[branches["tail_bus"].isin(at.index) & branches["head_bus"].isin(at.index)]
    whole = len(picture.line) + len(picture.transformer)
    radial = whole + len(picture.joins) - len(picture.bus) <= MOST_LOOPS * len(picture.bus)
    if radial and whole <= MOST_STROKES and len(branches):
        tail, head = at.loc[branches["tail_bus"]], at.loc[branches["head_bus"]]
        gap = np.full(len(branches), np.nan)
        x = np.stack([tail["distance"], head["distance"], gap], axis=1).ravel()
        y = np.stack([tail["v_pu"], head["v_pu"], gap], axis=1).ravel()
        traces.append(
            {
                "type": "scatter", "mode": "lines", "x": numbers(x), "y": numbers(y, 5), "hoverinfo": "skip",
                "line": {"color": color, "width": 1.4}, "legendgroup": name, "showlegend": False,
            }
        )  # fmt: skip
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "cliponaxis": False,
            "x": numbers(mine["distance"]),
            "y": numbers(mine["v_pu"], 5),
            "text": [escaped(b) for b in mine["bus"]],
            "hovertemplate": "%{text}: %{y:.4f} pu<extra>" + escaped(name) + "</extra>",
            "marker": {"color": color, "size": 5 if len(picture.points) < 2000 else 3, "opacity": 0.85},
            "name": escaped(name),
            "legendgroup": name,
        }
    )
    return traces


def _bands(picture: Picture, end: float) -> tuple[list[Trace], str]:
    """Both edges of the band as dashed lines: of every band that a tenth of the buses has, two at most."""
    bands = picture.bus[["v_min_pu", "v_max_pu"]].value_counts()
    if bands.empty:
        return [], "no band is given."
    shown = bands.index[:2] if len(bands) > 1 and bands.iloc[1] >= 0.1 * len(picture.bus) else bands.index[:1]
    traces: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [0.0, end],
            "y": [round(float(value), 5)] * 2,
            "line": {"color": style.LIMIT, "width": 1.4, "dash": "4px,3px"},
            "name": "allowed band",
            "legendgroup": "limit",
            "showlegend": k == 0 and edge == 0,
            "hoverinfo": "skip",
        }
        for k, pair in enumerate(shown)
        for edge, value in enumerate(pair)
    ]
    said = " and ".join(f"{number(float(a), 3)} to {number(float(b), 3)} pu" for a, b in shown)
    others = int(len(picture.bus) - bands.iloc[: len(shown)].sum())
    few = f" ({count(others, 'bus has', 'buses have')} another, not drawn)" if others else ""
    return traces, f"the band is {said}{few}."


def _labels(picture: Picture, points: pd.DataFrame) -> list[dict[str, Any]]:
    """Names at the voltages that leave their band furthest."""
    found = picture.violations
    worst = found[found["quantity"] == "v_pu"].head(MOST_LABELS)
    labels = []
    for k, row in enumerate(worst.to_dict("records")):
        near = points[(points["v_pu"] - row["value"]).abs() < 1e-9]
        bus = str(row["id"])
        near = near[[bus == b or bus.startswith(f"{b}.") for b in near["bus"]]]
        if near.empty:
            continue
        low = row["value"] < row["limit"]
        labels.append(
            {
                "text": f"<b>{escaped(bus)}</b>",
                "x": round(float(near["distance"].iloc[0]), 4),
                "y": round(float(row["value"]), 5),
                "ax": 0 if k == 0 else (-1) ** k * 46,
                "ay": (34 if low else -34) + (14 * (k // 2) if low else -14 * (k // 2)),
                "showarrow": True,
                "arrowhead": 0,
                "arrowwidth": 1.0,
                "arrowcolor": style.MUTED,
                "bgcolor": "rgba(255,255,255,0.88)",
                "font": {"size": 12, "color": style.LIMIT},
            }
        )
    return labels
