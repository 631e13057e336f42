"""Compressor stations of a schedule: pressure within its band, what each machine does, and what it comes to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gridloop.operate.plots.schedule_panels import Panels
from gridloop.operate.plots.schedule_words import in_words
from gridloop.operate.plots.study_compressors import SHADES
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace
from gridloop.operate.report.words import count, escaped, number
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.optimize.plan import Plan

SAME_FLOW = 1e-6
IDLE, LEAST = 0.18, 0.36
"""Shades of a machine that idles, and of one that delivers least."""


def facts(plan: Plan, station: CompressorStation) -> dict[str, Any]:
    """Energy, air, lowest and highest pressure; of every machine hours of running and of idling, starts and air."""
    hours = plan.horizon.hours
    bar = plan.of(station.id, "pressure_bar").to_numpy(dtype=float)
    machines = {}
    for machine, name in zip(station.machines, station.names, strict=True):
        on, flow = (plan.of(name, q).to_numpy(dtype=float) for q in ("on", "flow_m3_per_min"))
        runs = on > 0.5
        begins = runs & ~np.append(machine.on_before, runs[:-1])
        machines[machine.id] = {
            "running_h": float(hours[runs].sum()),
            "idle_h": float(hours[runs & (flow <= SAME_FLOW)].sum()),
            "starts": int(begins.sum()),
            "air_m3": float(60.0 * flow @ hours),
        }
    energy = float(plan.of(station.id, "p_mw").to_numpy(dtype=float) @ hours)
    air = float(60.0 * np.asarray(station.demand_m3_per_min, dtype=float) @ hours)
    return {
        "energy_mwh": energy, "air_m3": air, "lowest_bar": float(bar.min()), "highest_bar": float(bar.max()),
        "kwh_per_m3": 1e3 * energy / air if air > 0 else float("nan"), "machines": machines,
    }  # fmt: skip


def says(station: CompressorStation, found: dict[str, Any]) -> list[str]:
    """What a station comes to, in sentences."""
    runs = ", ".join(
        f"{name} {m['running_h']:g} h ({count(m['starts'], 'start')})"
        for name, m in found["machines"].items() if m["running_h"] > 0
    )  # fmt: skip
    rests = [name for name, m in found["machines"].items() if m["running_h"] <= 0]
    per_m3 = f" ({found['kwh_per_m3']:.3f} kWh per m³)" if found["air_m3"] > 0 else ""
    return [
        f"{station.id} takes {in_words(found['energy_mwh'], 'MWh')} for {number(found['air_m3'], 0)} m³ of air that "
        f"is used{per_m3}; its pressure lies between {found['lowest_bar']:.2f} and "
        f"{found['highest_bar']:.2f} bar, allowed are {station.min_bar:g} … {station.max_bar:g}.",
        f"Machines run: {runs or 'none'}{'; not ' + ', '.join(rests) if rests else ''}.",
    ]


def part(plan: Plan, station: CompressorStation, zone: str, number_: int = 0) -> Part:
    """Pressure and use of air over the machines. number_: of several stations, for the drawing's id"""
    panels = Panels(plan, zone)
    margin = 0.15 * (station.max_bar - station.min_bar)
    panels.panel("Pressure", "bar", 1.6, [station.min_bar - margin, station.max_bar + margin])
    flat = np.ones(len(plan.horizon))
    panels.between((flat * station.min_bar).tolist(), (flat * station.max_bar).tolist(), "band of pressure")
    bar = plan.of(station.id, "pressure_bar").to_numpy(dtype=float)
    panels.states(station.begins_bar, bar, "planned", color=style.CONTROLLED, showlegend=False)
    panels.panel("Air", "m³/min", 1.6)
    used = pd.Series(np.asarray(station.demand_m3_per_min, dtype=float), index=plan.horizon.starts)
    given = sum((plan.of(name, "flow_m3_per_min") for name in station.names), start=0.0 * used)
    panels.means(given, "delivered", color=style.CONTROLLED)
    panels.means(used, "used, without leaks", color=style.INK, width=1.4)
    ending = "" if number_ == 0 else f"-{number_ + 1}"
    charts = [
        panels.chart(f"air{ending}", "Pressure within its band, air delivered and used"),
        _machines(plan, station, zone, f"machines{ending}"),
    ]
    said = " ".join(says(station, facts(plan, station)))
    return Part(
        f"air{ending}", "Compressed air" if number_ == 0 else f"Compressed air, {station.id}",
        f"{escaped(said)} Below, who runs: pale is off, amber runs and delivers nothing, blue delivers, the darker the "
        f"more. Times are {escaped(zone)}.",
        charts,
    )  # fmt: skip


def _machines(plan: Plan, station: CompressorStation, zone: str, name: str) -> Chart:
    """A row per machine, shaded by its share of full flow."""
    shades, shares, rows = [], [], []
    for machine, title in reversed(list(zip(station.machines, station.names, strict=True))):
        share = plan.of(title, "flow_m3_per_min").to_numpy(dtype=float) / machine.most_m3_per_min
        runs = plan.of(title, "on").to_numpy(dtype=float) > 0.5
        shade = np.where(~runs, 0.0, np.where(share <= SAME_FLOW, IDLE, LEAST + (1.0 - LEAST) * share))
        shades.append([round(float(v), 3) for v in shade])
        shares.append([round(float(100 * v)) for v in share])
        rows.append(escaped(machine.id))
    horizon = plan.horizon
    # Edges, not centres: one more than there are intervals.
    clock = [f"{t.tz_convert(zone):%Y-%m-%dT%H:%M:%S}" for t in [*horizon.starts, horizon.ends[-1]]]
    heat: Trace = {
        "type": "heatmap", "x": clock, "y": rows, "z": shades, "customdata": shares, "colorscale": SHADES,
        "zmin": 0.0, "zmax": 1.0, "ygap": 3, "showscale": False,
        "hovertemplate": "%{y}, %{x}: %{customdata} % of its flow<extra></extra>",
    }  # fmt: skip
    tick = {"tickfont": {"size": 12, "color": style.MUTED}}
    layout = style.base_layout(110 + 30 * len(rows)) | {
        "hovermode": "closest",
        "xaxis": {"type": "date", **tick},
        "yaxis": {"automargin": True, **tick},
        "annotations": [style.panel_title("What each machine does", 1.0)],
    }
    return Chart(f"chart-{name}", [heat], layout, "What each machine does in every interval")
