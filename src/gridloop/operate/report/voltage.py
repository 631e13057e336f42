"""The voltage envelope: lowest to highest bus of every voltage level, with the band it must stay in."""

from __future__ import annotations

import pandas as pd

from gridloop.operate.report import facts, style
from gridloop.operate.report.chart import Chart, Part, Trace, band, extended
from gridloop.operate.report.clock import LocalClock
from gridloop.operate.report.tables import CONTROLLED, RunTables
from gridloop.operate.report.words import escaped, number

# Fewer buses are a substation's busbars, whose voltage the grid above decides.
FEWEST_BUSES = 3


def levels(tables: RunTables) -> list[tuple[float, list[str]]]:
    """The voltage levels worth a panel, highest first: nominal voltage [kV] and the buses that have results."""
    seen: set[str] = set().union(*(set(volts.columns) for volts in tables.voltages.values()))
    known = tables.bus.loc[tables.bus.index.isin(seen), "v_nom_kv"].astype(float)
    sizes = known.value_counts()
    if sizes.empty:
        return []
    shown = sizes[sizes >= FEWEST_BUSES].index if (sizes >= FEWEST_BUSES).any() else sizes.index[:1]
    return [(float(kv), list(known.index[known == kv])) for kv in sorted(shown, reverse=True)]


def part(tables: RunTables, clock: LocalClock) -> Part:
    """The section with one panel per voltage level."""
    heading = "Voltage"
    shown = levels(tables)
    if not shown:
        return Part("voltage", heading, "No flow was stored.")
    domains = style.stacked([1.0] * len(shown), 0.12)
    layout = style.base_layout(90 + 300 * len(shown)) | {
        "xaxis": clock.axis(anchor="y" if len(shown) == 1 else f"y{len(shown)}"),
        "annotations": [],
        "shapes": [],
    }
    traces: list[Trace] = []
    for i, (kv, buses) in enumerate(shown):
        axis = "y" if i == 0 else f"y{i + 1}"
        layout["yaxis" if i == 0 else f"yaxis{i + 1}"] = style.value_axis(
            "pu", domain=list(domains[i]), tickformat=".3f"
        )
        traces += _envelopes(tables, clock, buses, axis, show=i == 0)
        limits, names = _limits(tables, clock, buses, axis, show=i == 0)
        traces += limits
        title = f"{number(kv, 0 if kv == int(kv) else 1)} kV, {len(buses)} buses{names}"
        layout["annotations"].append(style.panel_title(title, domains[i][1]))
    chart = Chart("chart-voltage", traces, layout, "Lowest and highest voltage over the day, with and without control")
    return Part("voltage", heading, _says(tables, clock), [chart])


def _envelopes(tables: RunTables, clock: LocalClock, buses: list[str], axis: str, show: bool) -> list[Trace]:
    traces = []
    for run, volts in tables.voltages.items():
        mine = volts[[bus for bus in buses if bus in volts.columns]]
        hours = float(facts.hours_of(tables, run).iloc[-1])
        name = style.RUN_NAME[run]
        pair = band(
            clock.steps(pd.DatetimeIndex(mine.index), hours),
            extended(mine.min(axis=1)),
            extended(mine.max(axis=1)),
            name=name,
            color=style.RUN_COLOR[run],
            yaxis=axis,
            unit="pu",
            form=".4f",
            ends=("lowest", "highest"),
            alpha=0.3 if run == CONTROLLED else 0.28,
        )
        for trace in pair:
            trace["line"] = trace["line"] | {"width": 1.6, "color": style.RUN_COLOR[run]}
        pair[1]["showlegend"] = show
        traces += pair
    return traces


def _limits(tables: RunTables, clock: LocalClock, buses: list[str], axis: str, show: bool) -> tuple[list[Trace], str]:
    """Both edges of the band as lines; where buses differ, the narrowest, and the title says so."""
    low, high = (tables.bus.loc[buses, column].astype(float) for column in ("v_min_pu", "v_max_pu"))
    names = "" if low.nunique() == 1 and high.nunique() == 1 else ", narrowest band"
    x = clock.x(pd.DatetimeIndex([clock.start, clock.end]))
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": x,
            "y": [value, value],
            "yaxis": axis,
            "name": "allowed band",
            "legendgroup": "limit",
            "showlegend": show and first,
            "line": {"color": style.LIMIT, "width": 1.4, "dash": "4px,3px"},
            "hoverinfo": "skip",
        }
        for value, first in ((float(high.min()), True), (float(low.max()), False))
    ], names


def _says(tables: RunTables, clock: LocalClock) -> str:
    """The range of the level with most buses, and the bus that used most of its band."""
    kv, buses = max(levels(tables), key=lambda level: len(level[1]))
    said = []
    for run, volts in tables.voltages.items():
        mine = volts[[bus for bus in buses if bus in volts.columns]]
        worst = facts.extreme_voltage(tables, run)
        at = f", furthest at {escaped(worst.id)} at {clock.says(worst.at)}" if worst is not None else ""
        low, high = (number(float(v), 3) for v in (mine.min().min(), mine.max().max()))
        said.append(f"{style.RUN_NAME[run]} {low} to {high} pu{at}")
    return f"Voltages of the {number(kv, 0)} kV level: {'; '.join(said)}."
