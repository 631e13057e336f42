"""Devices of a site as the planner sees them: forecasts spread to elements, states from what devices say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.network.topology import bus_rows, find_topology
from gridloop.operate.decide.known import Groups, Known, block_mean
from gridloop.operate.settings import SiteSettings
from gridloop.operate.site import BATTERY_COLUMNS
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.tap_changer import TapChanger
from gridloop.optimize.physics.ac_tangent import Spread
from gridloop.units import FloatArray

CURTAILABLE = ("solar", "wind")
TAPS_OF, JOINT = "taps of ", " + "


@dataclass(frozen=True)
class Planned:
    """What `schedule` is called with."""

    devices: list[Device]
    spreads: list[Spread]
    prices: pd.DataFrame
    connection: Connection


def describe(
    network: Network, groups: Groups, settings: SiteSettings, known: Known, starts: pd.DatetimeIndex
) -> Planned:
    """Devices, forecast spreads, prices and connection of one tick."""
    blocks, step = settings.loop.horizon, settings.loop.step_min
    quantiles = {
        point: block_mean(known.forecast.at(point)[["p10", "p50", "p90"]].to_numpy(dtype=float), blocks, step)
        for point in groups.kind
    }
    prices = known.prices[["import_eur_per_mwh", "export_eur_per_mwh"]].to_numpy(dtype=float)
    table = pd.DataFrame(
        block_mean(prices, blocks, step), index=starts, columns=["import_eur_per_mwh", "export_eur_per_mwh"]
    )
    devices: list[Device] = [
        *_loads(network, groups, settings, known, quantiles),
        *_generators(network, groups, settings, quantiles),
        *_batteries(network, settings, known),
        *_tap_changers(network, settings, known),
    ]
    if len(known.status.sessions):
        devices.append(EVFleet(known.status.sessions, value_of_lost_charge=settings.ev.value_of_lost_charge))
    c = settings.connection
    contracted = None if c.contracted_peak_mw is None else max(c.contracted_peak_mw, known.import_peak_mw)
    peak_price = 0.0 if contracted is None else c.peak_price_per_mw  # nothing is contracted: no peak is paid
    connection = Connection(c.import_limit_mw, c.export_limit_mw, contracted, peak_price)
    return Planned(devices, _spreads(network, groups, quantiles), table, connection)


def _loads(
    network: Network, groups: Groups, settings: SiteSettings, known: Known, quantiles: dict[str, FloatArray]
) -> list[Load]:
    devices = []
    for point in _of_kind(groups, ("load",)):
        median = quantiles[point][:, 1]
        for name, share in zip(groups.members[point], groups.share[point], strict=True):
            p = share * median
            devices.append(
                Load(
                    p,
                    known.reactive.get(point, 0.0) * p,
                    value_of_lost_load=settings.devices.value_of_lost_load,
                    id=name,
                    bus=str(network.load.at[name, "bus"]),
                )
            )
    return devices


def _generators(
    network: Network, groups: Groups, settings: SiteSettings, quantiles: dict[str, FloatArray]
) -> list[Renewable]:
    devices = []
    rated = network.generator["s_rated_mva"].fillna(network.generator["p_mw"]).to_dict()
    bus = network.generator["bus"].to_dict()
    for point in _of_kind(groups, ("solar", "wind", "other")):
        median = np.clip(quantiles[point][:, 1], 0.0, None)
        for name, share in zip(groups.members[point], groups.share[point], strict=True):
            controllable = groups.kind[point] in CURTAILABLE
            devices.append(
                Renewable(
                    share * median,
                    curtailment_cost=settings.devices.curtailment_cost,
                    q_limit_mvar=settings.devices.reactive_share * float(rated[name]) if controllable else 0.0,
                    reactive_cost=settings.devices.reactive_cost,
                    curtailable=controllable,
                    id=name,
                    bus=str(bus[name]),
                )
            )
    return devices


def _batteries(network: Network, settings: SiteSettings, known: Known) -> list[Battery]:
    on = network.storage[network.storage["in_service"]]
    bus = on["bus"].to_dict()
    numbers_of: dict[object, dict[str, Any]] = {
        name: {str(column): float(value) for column, value in row.items()}
        for name, row in on[list(BATTERY_COLUMNS)].to_dict("index").items()
    }
    return [
        Battery(
            **numbers,
            initial_soc=float(known.status.soc[str(name)]),
            degradation_cost=settings.devices.degradation_cost,
            id=str(name),
            bus=str(bus[name]),
        )
        for name, numbers in numbers_of.items()
    ]


def _tap_changers(network: Network, settings: SiteSettings, known: Known) -> list[TapChanger]:
    """One changer per set of transformers in parallel: between the same fused buses they must step together."""
    table = network.transformer
    table = table[table["tap_on_load"] & table["in_service"] & (table["tap_step_pu"] != 0)]
    changers = []
    for names in parallel_transformers(network, list(table.index)):
        first = table.loc[names[0]]
        changers.append(
            TapChanger(
                tuple(names),
                position=known.status.tap_pos[names[0]],
                min_position=int(table.loc[names, "tap_min"].max()),
                max_position=int(table.loc[names, "tap_max"].min()),
                move_cost=settings.devices.tap_move_cost,
                id=TAPS_OF + JOINT.join(names),
                bus=str(first["head_bus"]),
            )
        )
    return changers


def transformers_of(changer: str) -> list[str]:
    """The transformers that a tap changer moves, from its id."""
    return changer.removeprefix(TAPS_OF).split(JOINT)


def parallel_transformers(network: Network, names: Sequence[str]) -> list[list[str]]:
    """Transformers grouped by the nodes they join."""
    topology = find_topology(network)
    table = network.transformer.loc[list(names)]
    tail = topology.node_of[bus_rows(network, table["tail_bus"])]
    head = topology.node_of[bus_rows(network, table["head_bus"])]
    sets: dict[tuple[int, int], list[str]] = {}
    for name, t, h in zip(table.index, tail, head, strict=True):
        sets.setdefault((int(t), int(h)), []).append(str(name))
    return list(sets.values())


def _spreads(network: Network, groups: Groups, quantiles: dict[str, FloatArray]) -> list[Spread]:
    spreads = []
    for point, kind in groups.kind.items():
        table = network.load if kind == "load" else network.generator
        bus = [str(table.at[name, "bus"]) for name in groups.members[point]]
        q = quantiles[point]
        width = np.maximum(q[:, 2] - q[:, 1], q[:, 1] - q[:, 0])
        # Forecasts of one kind err together: the same clouds, the same gust, the same cold evening.
        spreads.append(Spread(bus, np.asarray(groups.share[point]), width, cause=kind))
    return spreads


def _of_kind(groups: Groups, kinds: tuple[str, ...]) -> list[str]:
    return [point for point, kind in groups.kind.items() if kind in kinds]
