"""The feeder on its coordinates at the worst moment, without and with control, on the same scales."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gridloop.operate.report import facts, feeder_marks, style
from gridloop.operate.report.chart import Chart, Part, Trace
from gridloop.operate.report.clock import LocalClock
from gridloop.operate.report.places import Places, places
from gridloop.operate.report.tables import RunTables
from gridloop.operate.report.words import count, escaped, number

NOTE = (
    "Buses are coloured by voltage, lines by loading; a black ring marks a bus outside its band, a square a "
    "transformer. Buses at the same place share a marker that shows the one furthest from the middle of its band."
)


def part(tables: RunTables, clock: LocalClock) -> Part:
    """The section with one map per run."""
    moment, found = facts.worst_moment(tables), places(tables.bus)
    if moment is None or len(found.xy.drop_duplicates()) < 2:
        why = (
            "No flow was stored." if moment is None else "No two buses have different coordinates, so no map is drawn."
        )
        return Part("feeder", "The feeder at its worst moment", why)
    runs = [run for run in tables.voltages if moment in tables.voltages[run].index]
    layout = map_layout(found, len(runs))
    traces: list[Trace] = []
    said = []
    for i, run in enumerate(runs):
        suffix = "" if i == 0 else str(i + 1)
        axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        volts, loading = _at(tables.voltages, run, moment), _at(tables.loadings, run, moment)
        traces += feeder_marks.branches(tables, found, loading, axes, show=i == 0)
        traces.append(feeder_marks.buses(tables, found, volts, axes))
        state = feeder_marks.band_state(tables, volts)
        worst = str(state.index[0])
        layout["annotations"].append(_heading(style.RUN_NAME[run].capitalize(), suffix))
        layout["annotations"].append(bus_label(found, worst, float(volts[worst]), suffix))
        said.append(f"{style.RUN_NAME[run]}, {_state(state, worst)}")
    layout["coloraxis"] = voltage_axis(tables, [_at(tables.voltages, run, moment) for run in runs])
    chart = Chart("chart-feeder", traces, layout, "Map of the feeder, buses by voltage and lines by loading")
    without = f" Not drawn for want of coordinates: {count(found.without, 'bus', 'buses')}." if found.without else ""
    says = f"At {clock.says(moment)} the feeder was closest to its limits or furthest beyond them: {'; '.join(said)}."
    heading = f"The feeder at its worst moment, {clock.says(moment)}"
    return Part("feeder", heading, says, [chart], note=NOTE + without)


def _at(wide: dict[str, pd.DataFrame], run: str, moment: pd.Timestamp) -> pd.Series:
    """The row of one moment; empty where the run has none."""
    frame = wide.get(run)
    if frame is None or moment not in frame.index:
        return pd.Series(dtype=float)
    return pd.Series(frame.loc[[moment]].to_numpy(float)[0], index=frame.columns)


def _state(state: pd.DataFrame, worst: str) -> str:
    out = int(state["out"].sum())
    said = f"{count(out, 'bus', 'buses')} outside the band" if out else "every bus inside its band"
    return f"{said}, {escaped(worst)} at {number(float(state['pu'].iloc[0]), 4)} pu"


def voltage_axis(tables: feeder_marks.GridTables, shown: list[pd.Series]) -> dict[str, Any]:
    """Blue below, pale inside, orange above, breaking at the narrowest band of the level with most buses."""
    level = tables.bus["v_nom_kv"].mode().iloc[0]
    mine = tables.bus[tables.bus["v_nom_kv"] == level]
    low, high = float(mine["v_min_pu"].max()), float(mine["v_max_pu"].min())
    seen = pd.concat(shown).dropna()
    margin = (high - low) / 6
    bottom, top = min(low - margin, float(seen.min())), max(high + margin, float(seen.max()))

    def at(value: float) -> float:
        return round((value - bottom) / (top - bottom), 5)

    return {
        "cmin": round(bottom, 4),
        "cmax": round(top, 4),
        "colorscale": [
            [0.0, "#08306b"],
            [at(low), "#3f7fb5"],
            [at(low), "#a9cbe3"],
            [at((low + high) / 2), "#f7f7f5"],
            [at(high), "#f6c99a"],
            [at(high), "#e66a00"],
            [1.0, "#8c1d04"],
        ],
        "colorbar": {
            "title": {"text": "voltage, pu", "side": "right", "font": {"size": 12, "color": style.MUTED}},
            "thickness": 12,
            "outlinewidth": 0,
            "tickvals": sorted({round(bottom, 3), low, round((low + high) / 2, 3), high, round(top, 3)}),
            "tickformat": ".3f",
            "tickfont": {"size": 12, "color": style.MUTED},
            "len": 0.8,
        },
    }


def map_layout(found: Places, maps: int) -> dict[str, Any]:
    """Side-by-side maps with one scale: a kilometre is as long east as north, and both zoom together."""
    (left, right), (low, high) = found.span("x_km"), found.span("y_km")
    tall = (500 if maps > 1 else 1000) * (high - low) / (right - left)
    layout = style.base_layout(int(min(max(tall, 320), 760)) + 110) | {"hovermode": "closest", "annotations": []}
    plain: dict[str, Any] = {"showgrid": False, "zeroline": False, "showline": False, "ticks": ""}
    for i in range(maps):
        suffix = "" if i == 0 else str(i + 1)
        start, end = i / maps + (0.02 if i else 0), (i + 1) / maps - (0.02 if i < maps - 1 else 0)
        east = style.value_axis("km east", domain=[round(start, 4), round(end, 4)], anchor=f"y{suffix}")
        north = style.value_axis("" if i else "km north", anchor=f"x{suffix}", showticklabels=i == 0)
        layout[f"xaxis{suffix}"] = east | plain | {"range": [left, right]} | ({"matches": "x"} if i else {})
        # The second map takes its scale from the first by matching it.
        scale = {"matches": "y"} if i else {"scaleanchor": "x", "scaleratio": 1}
        layout[f"yaxis{suffix}"] = north | plain | {"range": [low, high]} | scale
    layout["legend"] = layout["legend"] | {"title": {"text": "line loading ", "font": {"size": 12}}}
    return layout


def _heading(text: str, suffix: str) -> dict[str, Any]:
    return style.panel_title(text, 1.0) | {"xref": f"x{suffix} domain", "yref": f"y{suffix} domain"}


def bus_label(found: Places, bus: str, pu: float, suffix: str) -> dict[str, Any]:
    """The worst bus by name and value; nothing where it has no place."""
    if bus not in found.xy.index:
        return {"text": "", "showarrow": False}
    ax, ay = found.clear_side(bus)
    row = found.xy.loc[[bus]]
    return {
        "text": f"{escaped(bus)}<br><b>{number(pu, 4)} pu</b>",
        "x": float(row["x_km"].iloc[0]),
        "y": float(row["y_km"].iloc[0]),
        "xref": f"x{suffix}",
        "yref": f"y{suffix}",
        "ax": ax,
        "ay": ay,
        "showarrow": True,
        "arrowhead": 0,
        "arrowwidth": 1.2,
        "arrowcolor": style.INK,
        "standoff": 7,
        "bgcolor": "rgba(255,255,255,0.88)",
        "bordercolor": style.OTHER,
        "borderpad": 3,
        "font": {"size": 12, "color": style.INK},
    }
