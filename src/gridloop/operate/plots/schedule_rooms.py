"""Buildings of a schedule: temperatures within their bands of comfort, heat and cold, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.operate.plots.schedule_panels import Panels
from gridloop.operate.plots.schedule_words import in_words, scale
from gridloop.operate.report import style
from gridloop.operate.report.chart import Part
from gridloop.operate.report.words import escaped, number
from gridloop.optimize.devices.building import Building, Zone
from gridloop.optimize.devices.given_numbers import over_steps
from gridloop.optimize.plan import Plan

MOST_ROOMS = 6
MOST_NAMED = 3
FELT_K = 0.01
"""A temperature outside its band by less is told as inside."""


def facts(plan: Plan, building: Building) -> dict[str, Any]:
    """Energy, and by zone: lowest and highest temperature, how long and how far it is outside its band, heat, cold."""
    hours = plan.horizon.hours
    zones = {}
    for zone in building.zones:
        name = f"{building.id}/{zone.id}"
        air, outside, heat = (plan.of(name, q).to_numpy(dtype=float) for q in ("temperature_c", "outside_k", "heat_mw"))
        zones[zone.id] = {
            "lowest_c": float(air.min()), "highest_c": float(air.max()),
            "outside_h": float(hours[outside > FELT_K].sum()), "outside_kh": float(outside @ hours),
            "outside_most_k": float(outside.max()),
            "model": _of_model(zone),
            "heat_mwh": float(np.clip(heat, 0, None) @ hours), "cold_mwh": float(np.clip(-heat, 0, None) @ hours),
        }  # fmt: skip
    return {"energy_mwh": float(plan.of(building.id, "p_mw").to_numpy(dtype=float) @ hours), "zones": zones}


def _of_model(zone: Zone) -> dict[str, Any]:
    """What is known of a zone's model: its states, its loss, and how far it erred where it was identified."""
    fitted = zone.model.fitted
    return {
        "states": zone.model.structure.name,
        "loss_mw_per_k": zone.model.loss_mw_per_k,
        "readings": None if fitted is None else fitted.readings,
        "rmse_k": None if fitted is None else fitted.validation.rmse_k,
    }


def says(building: Building, found: dict[str, Any]) -> list[str]:
    """What a building comes to, in sentences."""
    zones: dict[str, dict[str, Any]] = found["zones"]
    heat, cold = (sum(zone[key] for zone in zones.values()) for key in ("heat_mwh", "cold_mwh"))
    gives = " and ".join(
        f"{in_words(mwh, 'MWh')} of {what}" for mwh, what in ((heat, "heat"), (cold, "cold")) if mwh > 1e-6
    )
    said = [f"{building.id} takes {in_words(found['energy_mwh'], 'MWh')}" + (f" for {gives}." if gives else ".")]
    outside = {name: zone for name, zone in zones.items() if zone["outside_h"] > 0}
    if not outside:
        many = "its rooms" if len(zones) > 1 else "the room"
        said.append(f"All the time {many} stay{'' if len(zones) > 1 else 's'} within the band of comfort.")
    for name, zone in zones.items():
        model = zone["model"]
        if model["readings"]:
            said.append(
                f"The model of {name} was identified from {number(model['readings'], 0)} readings ({model['states']}); "
                f"a day ahead it erred by {model['rmse_k']:.2f} K on those held back."
            )
    if outside:
        worst = sorted(outside.items(), key=lambda each: -each[1]["outside_kh"])[:MOST_NAMED]
        named = ", ".join(
            f"{name} ({zone['outside_h']:g} h, by {zone['outside_most_k']:.1f} K at most)" for name, zone in worst
        )
        many = "1 room is" if len(outside) == 1 else f"{len(outside)} rooms are"
        said.append(
            f"{many} outside the band of comfort at times, {'the most ' if len(outside) > MOST_NAMED else ''}{named}: "
            "machines or what may be given do not suffice, or a kelvin costs more than outside_cost says."
        )
    return said


def part(plan: Plan, buildings: Sequence[Building], zone: str) -> Part:
    """The rooms that leave their bands or take most heat and cold, with them; what they are given; outside."""
    every = [(building, room) for building in buildings for room in building.zones]
    hours = plan.horizon.hours
    worst, moved = (
        [float(plan.of(f"{b.id}/{room.id}", quantity).abs().to_numpy() @ hours) for b, room in every]
        for quantity in ("outside_k", "heat_mw")
    )
    shown = sorted(sorted(range(len(every)), key=lambda k: (-round(worst[k], 3), -moved[k]))[:MOST_ROOMS])
    panels = Panels(plan, zone)
    for place, k in enumerate(shown):
        building, room = every[k]
        _room(panels, building, room, style.CATEGORIES[place], first=place == 0)
    heat = {k: plan.of(f"{every[k][0].id}/{every[k][1].id}", "heat_mw") for k in shown}
    factor, unit = scale(max(float(values.abs().max()) for values in heat.values()))
    panels.panel("Heat given; cold is negative", unit, 1.4)
    for place, k in enumerate(shown):
        panels.means(factor * heat[k], _name(*every[k]), color=style.CATEGORIES[place], showlegend=False)
    panels.panel("Outside", "°C", 1.0)
    for building in buildings:
        outdoor = pd.Series(over_steps(building.outdoor_c, len(plan.horizon)), index=plan.horizon.starts)
        panels.means(outdoor, "outside" if len(buildings) == 1 else f"{building.id}, outside", color=style.MUTED,
                     showlegend=False)  # fmt: skip
    some = (
        f"Shown are {len(shown)} of {len(every)} rooms: those that leave their band, then by heat and cold. "
        if len(every) > len(shown)
        else ""
    )
    said = " ".join(text for building in buildings for text in says(building, facts(plan, building)))
    return Part(
        "rooms", "Rooms",
        f"{escaped(said)} {some}Shaded: the band of comfort, which holds at the end of every interval. "
        f"Times are {escaped(zone)}.",
        [panels.chart("rooms", "Temperatures within their bands of comfort, heat and cold, outside temperature")],
    )  # fmt: skip


def _room(panels: Panels, building: Building, room: Zone, color: str, *, first: bool) -> None:
    air = panels.plan.of(f"{building.id}/{room.id}", "temperature_c").to_numpy(dtype=float)
    steps, start = len(panels.plan.horizon), float(room.start[0])
    low, high = (over_steps(values, steps) for values in (room.min_c, room.max_c))
    ends = [min(float(low.min()), air.min(), start), max(float(high.max()), air.max(), start)]
    free = 0.08 * (ends[1] - ends[0])
    panels.panel(_name(building, room), "°C", 1.6, [ends[0] - free, ends[1] + free])
    panels.between(low.tolist(), high.tolist(), "band of comfort", legend=first)
    panels.states(start, air, f"{_name(building, room)}, planned", color=color, showlegend=False)


def _name(building: Building, room: Zone) -> str:
    return building.id if len(building.zones) == 1 else f"{building.id}: {room.id}"
