"""Devices of a schedule that have more to show than a power: figures, sentences and parts of the page by kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from gridloop.operate.plots import schedule_air, schedule_batches, schedule_island, schedule_rooms
from gridloop.operate.report.chart import Part
from gridloop.optimize.before import Before
from gridloop.optimize.devices.building import Building
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.optimize.devices.process import Process
from gridloop.optimize.plan import Plan


def device_facts(plan: Plan, devices: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """Figures by device, for programs; none without a plan."""
    found: dict[str, dict[str, Any]] = {}
    for device in devices if plan.solved else ():
        if isinstance(device, Building):
            found[device.id] = schedule_rooms.facts(plan, device)
        elif isinstance(device, CompressorStation):
            found[device.id] = schedule_air.facts(plan, device)
        elif isinstance(device, Process):
            found[device.id] = schedule_batches.facts(plan, device)
        elif isinstance(device, IslandReserve):
            found[device.id] = schedule_island.facts(plan, device)
    return found


def device_story(plan: Plan, devices: Sequence[Any], connection: Connection) -> list[str]:
    """What they come to, in sentences; none without a plan."""
    if not plan.solved:
        return []
    said = schedule_island.says_of_outages(connection, plan)
    for device in devices:
        if isinstance(device, Building):
            said += schedule_rooms.says(device, schedule_rooms.facts(plan, device))
        elif isinstance(device, CompressorStation):
            said += schedule_air.says(device, schedule_air.facts(plan, device))
        elif isinstance(device, Process):
            said += schedule_batches.says(device, schedule_batches.facts(plan, device))
        elif isinstance(device, IslandReserve):
            said += schedule_island.says(device, schedule_island.facts(plan, device))
    return said


def device_troubles(plan: Plan, devices: Sequence[Any], connection: Connection) -> list[str]:
    """Of that story only outages and what is not kept: rooms outside their band, late batches, a reserve that lacks."""
    said = schedule_island.says_of_outages(connection, plan)
    for device in devices:
        if isinstance(device, Building):
            rooms = schedule_rooms.facts(plan, device)
            wrong = any(zone["outside_h"] > 0 for zone in rooms["zones"].values())
            said += schedule_rooms.says(device, rooms)[-1:] if wrong else []
        elif isinstance(device, Process):
            batches = schedule_batches.facts(plan, device)
            wrong = any(task["late_h"] > 0 or task["begin"] is None for task in batches["tasks"].values())
            said += schedule_batches.says(device, batches) if wrong else []
        elif isinstance(device, IslandReserve):
            island = schedule_island.facts(plan, device)
            said += schedule_island.says(device, island) if island["short_first"] is not None else []
    return said


def alone_means(devices: Sequence[Any]) -> list[str]:
    """What devices left alone are where that is no plain rule: they still mind their energy, if not its price."""
    kinds = [
        (Building, "buildings keep their bands with as little energy as can be", "hvac", "thermostats"),
        (CompressorStation, "compressor stations run who takes least energy", "compressors", "a cascade"),
    ]
    there = [entry for entry in kinds if any(isinstance(device, entry[0]) for device in devices)]
    if not there:
        return []
    does = " and ".join(words for _, words, _, _ in there)
    beside = " and ".join(f'"gridloop study {study}" sets {rule}' for _, _, study, rule in there)
    return [f"Left alone, {does}, as at one price: {beside} beside a plan."]


def device_parts(
    plan: Plan,
    devices: Sequence[Any],
    prices: pd.DataFrame,
    connection: Connection,
    before: Before | None,
    zone: str,
) -> list[Part]:
    """Parts of the page, for the kinds that are there."""
    buildings = [device for device in devices if isinstance(device, Building)]
    stations = [device for device in devices if isinstance(device, CompressorStation)]
    plants = [device for device in devices if isinstance(device, Process)]
    reserves = [device for device in devices if isinstance(device, IslandReserve)]
    parts = [schedule_rooms.part(plan, buildings, zone)] if buildings else []
    parts += [schedule_air.part(plan, station, zone, k) for k, station in enumerate(stations)]
    parts += [schedule_batches.part(plan, plants, prices, before, zone)] if plants else []
    parts += [schedule_island.part(plan, reserves, connection, zone)] if reserves else []
    return parts
