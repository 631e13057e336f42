"""Decisions of an island that went dark: when the source starts, and which circuits it picks up in the next interval.

The order is that of `gridloop.optimize.microgrid.black_start`, made again at every tick from what is stored, what is on
and the generation that is sure to come back (P10): priority first, each circuit within power, frequency and energy.
Batteries beside the source help with what they can give for as long as the island has to last. Every step is looked at
by an AC flow before it is sent; a circuit whose pick-up would break a voltage or a rating waits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from gridloop.errors import listed
from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.operate.decide.devices import Planned
from gridloop.operate.decide.known import Groups, Known
from gridloop.operate.island_settings import FIRST_STAGE_HZ, PLANTS_BACK_H, IslandSettings
from gridloop.operate.link import LinkStatus
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.microgrid.black_start import BlackStart, ColdLoad, black_start
from gridloop.optimize.microgrid.former import GridFormer
from gridloop.powerflow.sensitivity import current_magnitudes
from gridloop.powerflow.solve import solve
from gridloop.units import BASE_MVA, FloatArray

Note = tuple[str, str, str]
WAITS = "waits_black_start"
"""The reason of a circuit that stays off; its sentence is in `gridloop.optimize.explain`."""
SHARES = (1.0, 0.5, 0.25)
"""Of the time that an island is thought to last: where stored energy is too little for it, a shorter time is asked."""
WORTH_STARTING = 0.01
"""Of the source's rating: generation above it is worth a start, though nobody can be served yet."""
SPARE_HZ = 0.1


@dataclass(frozen=True)
class Restored:
    """What is sent: id → hours into the interval, the grid-former first; and who waits though the plan would serve."""

    pick_up: Mapping[str, float]
    waits: tuple[str, ...]
    notes: tuple[Note, ...] = ()


def restore(
    network: Network,
    groups: Groups,
    planned: Planned,
    known: Known,
    island: IslandSettings,
    link: LinkStatus,
    off: Collection[str],
    *,
    step_h: float,
    limit_pct: float,
    back: bool,
) -> Restored:
    """Who is switched on in the interval that begins now.

    network  behind the open connection, its slack at the source
    off      circuits that the plan leaves off anyway
    back     the grid above is: the breaker closes sooner than circuits could be picked up
    """
    loads = {d.id: d for d in planned.devices if isinstance(d, Load)}
    black = list(loads) if link.dark else [i for i in link.black if i in loads]
    if back or not black:
        return Restored({}, tuple(i for i in black if i not in off))
    wanted = [i for i in black if i not in off]
    source = island.source(network.storage)
    ranks = island.ranks(list(loads))
    on = {i: max(0.0, _now(loads[i].p_mw)) for i in loads if i not in black and i not in off}
    warm = {i: p * float(island.over_warm(np.array(link.warm_h.get(i, np.inf)), 0.0)) for i, p in on.items()}
    order, asked_h = _order(planned, known, groups, island, source, loads, ranks, wanted, sum(warm.values()))
    first = PLANTS_BACK_H if link.dark else 0.0
    steps = [(first + s.at_h, s.id) for s in order.steps if first + s.at_h < step_h - 1e-9]
    steps, refused = _within_limits(network, planned, island, loads, warm, steps, limit_pct)
    coming = sum(float(_now(d.available_mw)) for d in planned.devices if isinstance(d, Renewable))
    worth_it = bool(order.steps) or coming > WORTH_STARTING * source.s_mva
    start = {source.id: 0.0} if link.dark and worth_it else {}
    pick_up = {**start, **({i: t for t, i in steps} if worth_it or not link.dark else {})}
    waits = tuple(i for i in wanted if i not in pick_up)
    return Restored(pick_up, waits, tuple(_notes(source.id, link, pick_up, waits, order, asked_h, refused)))


def _order(
    planned: Planned, known: Known, groups: Groups, island: IslandSettings, source: GridFormer,
    loads: Mapping[str, Load], ranks: Mapping[str, int], wanted: list[str], on_mw: float,
) -> tuple[BlackStart, float]:  # fmt: skip
    """The order, and the time that the energy was asked to last."""
    soc = float(known.status.soc[source.id])
    beside = [d for d in planned.devices if isinstance(d, Battery) and d.id != source.id]
    sure = sum(
        max(0.0, float(known.forecast.at(point)["p10"].iloc[0]))
        for point, kind in groups.kind.items()
        if kind != "load"
    )
    circuits = [
        ColdLoad(i, max(0.0, _now(loads[i].p_mw)), ranks[i], island.cold_factor, island.cold_decay_h) for i in wanted
    ]
    whole = island.survive_h or island.expect_h
    for share in SHARES:
        until = share * whole
        gives = sum(_gives(b, until) for b in beside)
        order = black_start(
            source, circuits, initial_soc=min(1.0, max(0.0, soc)), until_h=until, generation_mw=sure + gives,
            every_h=min(island.pick_up_s / 3600.0, until), floor_hz=FIRST_STAGE_HZ + SPARE_HZ, house_mw=on_mw,
        )  # fmt: skip
        if order.steps:
            break
    return order, until


def _gives(battery: Battery, hours: float) -> float:
    """Power that it can give so long. [MW]"""
    stored = max(0.0, battery.initial_soc - battery.min_soc) * battery.capacity_mwh * battery.discharge_efficiency
    return min(battery.max_discharge_mw, stored / hours)


def _within_limits(
    network: Network, planned: Planned, island: IslandSettings, loads: Mapping[str, Load], warm: Mapping[str, float],
    steps: list[tuple[float, str]], limit_pct: float,
) -> tuple[list[tuple[float, str]], list[str]]:  # fmt: skip
    """The steps that an AC flow allows, and the circuits that it does not, each looked at where it takes the most."""
    arrays = build_arrays(network)
    node = arrays.topology.node_of
    bus = network.bus
    row = dict(zip(bus.index, node.tolist(), strict=True))
    low, high = bus["v_min_pu"].to_numpy(dtype=float), bus["v_max_pu"].to_numpy(dtype=float)
    base = np.zeros(arrays.topology.n_nodes, dtype=complex)

    def at(name: str) -> int:
        return int(row[name])

    for d in planned.devices:
        if isinstance(d, Renewable) and at(d.bus) != NO_NODE:
            base[at(d.bus)] += float(_now(d.available_mw))
    for i, p in warm.items():
        base[at(loads[i].bus)] -= p * (1 + 1j * _ratio(loads[i]))
    kept: list[tuple[float, str]] = []
    refused: list[str] = []
    for moment, name in steps:
        total = base.copy()
        for when, i in [*kept, (moment, name)]:
            cold = ColdLoad(i, max(0.0, _now(loads[i].p_mw)), 0, island.cold_factor, island.cold_decay_h)
            total[at(loads[i].bus)] -= cold.at(moment - when) * (1 + 1j * _ratio(loads[i]))
        found = solve(arrays, np.asarray(total / BASE_MVA, dtype=complex), tolerance=1e-8)
        v = np.abs(found.v[:, 0])[np.where(node == NO_NODE, 0, node)]
        share = 100.0 * current_magnitudes(arrays.branches, found.v)[:, :, 0] / arrays.branches.rating_pu
        outside = np.fmax(low - v, v - high)[node != NO_NODE]
        fits = found.converged.all() and not (outside > 1e-6).any() and np.nanmax(share) <= limit_pct
        if fits:
            kept.append((moment, name))
        else:
            refused.append(name)
    return kept, refused


def _now(values: FloatArray | float) -> float:
    return float(np.atleast_1d(np.asarray(values, dtype=float))[0])


def _ratio(load: Load) -> float:
    p = _now(load.p_mw)
    return _now(load.q_mvar) / p if abs(p) > 1e-9 else 0.0


def _notes(
    source: str, link: LinkStatus, pick_up: Mapping[str, float], waits: tuple[str, ...], order: BlackStart,
    asked_h: float, refused: list[str],
) -> list[Note]:  # fmt: skip
    found: list[Note] = []
    back = [i for i in sorted(pick_up, key=lambda i: pick_up[i]) if i != source]
    if source in pick_up or back:
        when = f" from minute {60 * pick_up[back[0]]:.0f} on: {listed(back)}" if back else ""
        begins = f"{source} starts; " if source in pick_up else ""
        text = f"{begins}{len(back)} circuits are switched on{when}; {len(waits)} wait; the energy lasts {asked_h:g} h"
        found.append(("black_start", source, text))
    elif link.dark:
        found.append(
            ("black_start", source, "no start yet: nothing is stored for it, and no generation is sure to come")
        )
    if waits and not back and order.diagnosis is not None:
        found.append(("black_start", "loads", str(order.diagnosis)))
    found += [("black_start", i, "waits: its pick-up would break a limit of the network") for i in refused]
    return found


def with_waits(off: Mapping[str, float], waits: Collection[str], network: Network) -> dict[str, float]:
    """What is switched off, with the circuits that wait: all of what they could ever take."""
    most = network.load["p_mw"]
    return {**off, **{i: 2.0 * max(float(most[i]), 1e-6) for i in waits}}
