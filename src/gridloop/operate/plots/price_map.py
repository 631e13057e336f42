"""The map of an optimum: buses by the worth of one more MWh there, branches by loading, and what binds by name."""

from __future__ import annotations

import pandas as pd

from gridloop.operate.plots.grid_map import label, middle_of, name_unrated, opened_branches, placed, quiet, thin
from gridloop.operate.plots.picture import Picture
from gridloop.operate.report import feeder_marks, style
from gridloop.operate.report.chart import Chart, Part, Trace
from gridloop.operate.report.feeder import map_layout
from gridloop.operate.report.places import Places
from gridloop.operate.report.words import count, escaped, number

# Prices outside these shares of all buses share the end of the scale, so that one bus does not wash out the rest.
ENDS = (0.02, 0.98)
# Prices that differ by less than this are one price.
ONE_PRICE = 1e-4
MOST_LABELS = 4
# Blue for cheap and brown for dear, pale between: readable with any colour blindness.
SCALE = [[0.0, "#0b3c5d"], [0.25, "#3f7fb5"], [0.5, "#f3f0e6"], [0.75, "#eda247"], [1.0, "#8c1d04"]]


def part(picture: Picture, price: pd.Series, binding: pd.Series) -> Part:
    """The section with the map. price [bus] money per MWh; binding: branch → shadow price of its limit"""
    found, computed = placed(picture)
    layout = map_layout(found, 1)
    if computed:
        quiet(layout)
    axes = {"xaxis": "x", "yaxis": "y"}
    traces: list[Trace] = feeder_marks.branches(picture, found, picture.loading, axes, show=True)
    traces.append(_buses(found, price, axes))
    low, high = _span(price)
    layout["coloraxis"] = _axis(low, high)
    layout["annotations"] += _labels(picture, found, binding)
    if len(picture.opened):
        traces.insert(0, opened_branches(picture, found))
    name_unrated(traces, picture)
    thin(traces, len(picture.bus))
    chart = Chart("chart-prices", traces, layout, "Map of the grid, buses by price and branches by loading")
    note = ""
    if computed:
        note = "The grid has no coordinates: distances on this drawing are numbers of branches, not kilometres."
    elif found.without:
        note = f"{count(found.without, 'bus', 'buses')} without coordinates are not drawn."
    return Part("prices", "Prices and loading", _says(price, binding), [chart], note=note)


def _says(price: pd.Series, binding: pd.Series) -> str:
    known = price.dropna()
    if known.empty:
        return "There are no prices."
    if known.max() - known.min() <= ONE_PRICE * max(1.0, abs(float(known.mean()))):
        return (
            f"One price everywhere, {number(float(known.mean()), 2)} per MWh: no limit of the network costs anything."
        )
    limits = f"{count(len(binding), 'limit')} of branches {'costs' if len(binding) == 1 else 'cost'} money. "
    return (
        f"One more MWh costs from {number(float(known.min()), 2)} (bus {escaped(known.idxmin())}) to "
        f"{number(float(known.max()), 2)} (bus {escaped(known.idxmax())}). {limits if len(binding) else ''}"
        "Buses are coloured by price, branches by loading; a square marks a transformer."
    )


def _span(price: pd.Series) -> tuple[float, float]:
    known = price.dropna()
    if known.empty:
        return 0.0, 1.0
    low, high = (float(known.quantile(share)) for share in ENDS)
    least = ONE_PRICE * max(1.0, abs(low))
    return (low, high) if high - low > least else (low - 0.5, high + 0.5)


def _axis(low: float, high: float) -> dict[str, object]:
    digits = 0 if high - low > 20 else 2
    return {
        "cmin": low,
        "cmax": high,
        "colorscale": SCALE,
        "colorbar": {
            "title": {"text": "money per MWh", "side": "right", "font": {"size": 12, "color": style.MUTED}},
            "thickness": 12,
            "outlinewidth": 0,
            "tickformat": f".{digits}f",
            "tickfont": {"size": 12, "color": style.MUTED},
            "len": 0.8,
        },
    }


def _buses(found: Places, price: pd.Series, axes: dict[str, str]) -> Trace:
    """One marker per place; the dearest bus there gives the colour."""
    table = found.xy.join(price.rename("price"), how="inner").dropna(subset="price")
    table = table.sort_values("price", kind="stable")
    at: dict[tuple[float, float], list[tuple[str, float]]] = {}
    for bus, x, y, value in zip(table.index, table["x_km"], table["y_km"], table["price"], strict=True):
        at.setdefault((float(x), float(y)), []).append((str(bus), float(value)))

    def hover(rows: list[tuple[str, float]]) -> str:
        shown = [f"{escaped(b)}: {number(v, 2)} per MWh" for b, v in rows[::-1][: feeder_marks.MOST_IN_HOVER]]
        more = len(rows) - len(shown)
        return "<br>".join([*shown, *([f"and {more} more here"] if more else [])])

    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x for x, _ in at],
        "y": [y for _, y in at],
        "text": [hover(rows) for rows in at.values()],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "size": 11,
            "color": [round(rows[-1][1], 4) for rows in at.values()],
            "coloraxis": "coloraxis",
            "opacity": 1,
            "line": {"color": "#7c8691", "width": 0.8},
        },
        "name": "buses",
        "showlegend": False,
    } | axes


def _labels(picture: Picture, found: Places, binding: pd.Series) -> list[dict[str, object]]:
    """Names of the dearest limits, at the middle of their branches."""
    ends = pd.concat([found.ends(picture.line), found.ends(picture.transformer)])
    labels: list[dict[str, object]] = []
    for branch, value in binding.sort_values(ascending=False, kind="stable").head(MOST_LABELS).items():
        if branch not in ends.index:
            continue
        side = -1 if len(labels) % 2 else 1
        worth = f"{number(float(value), 2)} per MW"
        labels.append(label(middle_of(ends, branch), str(branch), worth, (44 * side, -36 * side)))
    return labels
