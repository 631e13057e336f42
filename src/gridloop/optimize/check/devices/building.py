"""Buildings: temperatures that follow from the heat told, machines on their curves, comfort, and what it all costs.

Written anew from docs/math/building.md: every interval the equations of all zones of a building are integrated by one
matrix exponential, with the heat between zones such that it fits the temperatures at both ends; and a machine's power
is the cheapest mixture of two points of its curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.linalg import expm

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Owners, Span, Values
from gridloop.optimize.devices.building import Building
from gridloop.units import FloatArray

W_PER_MW = 1e6


def _at(value: Any, t: int) -> float:
    values = np.ravel(np.asarray(value, dtype=float))
    return float(values[t if values.size > 1 else 0])


class _Kind(Kind):
    """Zones, machines and the building itself have rows."""

    def owners_of(self, quantity: str, devices: Sequence[Any]) -> Owners:
        mine = self.mine(devices)
        if quantity == "p_mw":
            return [(str(b.id), str(b.bus)) for b in mine]
        parts = "machines" if quantity == "output_mw" else "zones"
        return [(f"{b.id}/{part.id}", str(b.bus)) for b in mine for part in getattr(b, parts)]


# a zone's conductances to the outside by state [1/h], its air, and K/h per MW that reaches it
Gains = tuple[list[tuple[int, float]], int, float]


def _equations(b: Building) -> tuple[FloatArray, list[int], list[int], list[Gains]]:
    """da/dt = a x + what acts: a, each zone's air, its heated state, and where its gains go (state, per MW)."""
    where: dict[tuple[str, str], int] = {}
    for zone in b.zones:
        for state in zone.model.structure.states:
            where[zone.id, state] = len(where)
    a = np.zeros((len(where), len(where)))
    size = {
        (zone.id, state): zone.model.values[f"{state}_mwh_per_k"]
        for zone in b.zones for state in zone.model.structure.states
    }  # fmt: skip

    def join(one: tuple[str, str], other: tuple[str, str] | None, conductance: float) -> None:
        a[where[one], where[one]] -= conductance / size[one]
        if other is not None:
            a[where[one], where[other]] += conductance / size[one]

    gains = []
    for zone in b.zones:
        v, air = zone.model.values, (zone.id, "indoor")
        outside: list[tuple[int, float]] = []
        join(air, None, v["indoor_outdoor_mw_per_k"])
        outside.append((where[air], v["indoor_outdoor_mw_per_k"] / size[air]))
        for state in zone.model.structure.states[1:]:
            other = (zone.id, state)
            name = {"mass": "indoor_mass", "envelope": "indoor_envelope", "heater": "heater_indoor"}[state]
            join(air, other, v[f"{name}_mw_per_k"])
            join(other, air, v[f"{name}_mw_per_k"])
            if state == "envelope":
                join(other, None, v["envelope_outdoor_mw_per_k"])
                outside.append((where[other], v["envelope_outdoor_mw_per_k"] / size[other]))
        gains.append((outside, where[air], 1.0 / size[air]))
    airs = [where[zone.id, "indoor"] for zone in b.zones]
    heated = [where[z.id, "heater" if "heater" in z.model.structure.states else "indoor"] for z in b.zones]
    return a, airs, heated, gains


def _temperatures(b: Building, heat: FloatArray, span: Span) -> FloatArray:
    """Air of every zone at the end of every interval. [zone, step]"""
    a, airs, heated, gains = _equations(b)
    n = len(a)
    x = np.concatenate([np.broadcast_to(np.asarray(z.initial_c, dtype=float), (len(z.model.structure.states),))
                        for z in b.zones])  # fmt: skip
    found = np.empty((len(b.zones), len(span.hours)))
    exact: dict[float, tuple[FloatArray, FloatArray]] = {}
    for t, h in enumerate(span.hours):
        c = np.zeros(n)
        for k, zone in enumerate(b.zones):
            outdoors, air, per_mw = gains[k]
            v = zone.model.values
            for state, rate in outdoors:
                c[state] += rate * _at(b.outdoor_c, t)
            free = v.get("sun_m2", 0.0) * _at(zone.sun_w_m2, t) / W_PER_MW
            free += v.get("occupancy_mw", 0.0) * _at(zone.occupancy, t) + v.get("always_mw", 0.0)
            c[air] += per_mw * (free + _at(zone.gains_mw, t))
            own = (
                zone.model.values["heater_mwh_per_k"] if heated[k] != airs[k] else zone.model.values["indoor_mwh_per_k"]
            )
            c[heated[k]] += heat[k, t] / own
        if h not in exact:
            both = np.zeros((2 * n, 2 * n))
            both[:n, :n], both[:n, n:] = a * h, np.eye(n) * h
            moved = expm(both)
            exact[h] = moved[:n, :n], moved[:n, n:]
        kept, gained = exact[h]
        alone = kept @ x + gained @ c
        x = alone + gained @ _between(b, airs, x, alone, gained, gains)
        found[:, t] = x[airs]
    return found


def _between(
    b: Building, airs: list[int], begin: FloatArray, alone: FloatArray, gained: FloatArray, gains: list[Gains]
) -> FloatArray:
    """What neighbours' heat adds to the rates: conductance times the mean difference at both ends. [state]"""
    place = {zone.id: k for k, zone in enumerate(b.zones)}
    if not b.coupling:
        return np.zeros(alone.size)
    # One column per link: the rates that a flow of 1 MW makes, out of one zone and into the other.
    rates = np.zeros((alone.size, len(b.coupling)))
    difference = np.zeros((len(b.coupling), alone.size))
    for j, (one, other, conductance) in enumerate(b.coupling):
        for name, sign in ((one, 1.0), (other, -1.0)):
            k = place[name]
            rates[airs[k], j] -= sign * gains[k][2]
            difference[j, airs[k]] += sign * conductance / 2
    # flow = difference · (begin + end), end = alone + gained · rates · flow
    system = np.eye(len(b.coupling)) - difference @ gained @ rates
    return np.asarray(rates @ np.linalg.solve(system, difference @ (begin + alone)))


def _needs(machine: Any, output: float, t: int) -> float:
    """Energy for an output: the cheapest mixture of two points of its curve, (0, 0) being one."""
    capacity, cop = _at(machine.capacity_mw, t), _at(machine.cop, t)
    if capacity <= 0:
        return 0.0
    share = min(max(output / capacity, 0.0), 1.0)
    points = [(0.0, 0.0), *((s, s / f) for s, f in machine.part_load)]
    best = float("inf")
    for x0, y0 in points:
        for x1, y1 in points:
            if x0 <= share <= x1:
                best = min(best, y0 if x1 == x0 else y0 + (y1 - y0) * (share - x0) / (x1 - x0))
    return best * capacity / cop


def _check(buildings: Sequence[Building], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    power, output = values["building", "p_mw"], values["building", "output_mw"]
    heat, air, outside = (values["building", name] for name in ("heat_mw", "temperature_c", "outside_k"))
    cost = dict.fromkeys(("fuel", "carbon", "outside", "end", "waiting"), 0.0)
    h, steps = span.hours, len(span.hours)
    waiting = np.cumsum(h) - h
    z0 = m0 = 0
    for k, b in enumerate(buildings):
        mine, made = slice(z0, z0 + len(b.zones)), slice(m0, m0 + len(b.machines))
        z0, m0 = mine.stop, made.stop
        names = [f"{b.id}/{z.id}" for z in b.zones]
        ledger.equal("temperature in K", names, air[mine], _temperatures(b, heat[mine], span), "", span.starts)
        _zones(b, names, heat[mine], air[mine], outside[mine], span, ledger, cost)
        taken = np.zeros(steps)
        for machine, given in zip(b.machines, output[made], strict=True):
            name = [f"{b.id}/{machine.id}"]
            most = np.array([_at(machine.capacity_mw, t) for t in range(steps)])
            ledger.at_least("output", name, given[None, :], 0.0, "MW", span.starts)
            ledger.at_most("output", name, given[None, :], most[None, :], "MW", span.starts)
            energy = np.array([_needs(machine, given[t], t) for t in range(steps)])
            if machine.fuel_eur_per_mwh is None:
                taken += energy
                tonnes = np.array([_at(b.carbon_t_per_mwh, t) for t in range(steps)])
            else:
                cost["fuel"] += machine.fuel_eur_per_mwh * float(energy @ h)
                tonnes = np.full(steps, machine.fuel_t_per_mwh)
            cost["carbon"] += b.carbon_eur_per_t * float((tonnes * energy) @ h)
        _loops(b, heat[mine], output[made], span, ledger)
        ledger.equal("power", [b.id], power[k : k + 1], taken[None, :], "MW", span.starts)
        cost["waiting"] += b.early_cost * float((np.abs(heat[mine]) * waiting * h).sum())
        found.sent[b.id, "p_mw"] = float(power[k, 0])
    found.take([x.bus for x in buildings], power)
    found.cost |= {f"building_{name}": value for name, value in cost.items()}


def _zones(
    b: Building, names: list[str], heat: FloatArray, air: FloatArray, outside: FloatArray, span: Span, ledger: Ledger,
    cost: dict[str, float],
) -> None:  # fmt: skip
    """What a zone may be given, what lies outside its band, and how it ends."""
    steps = len(span.hours)
    outdoor = float(np.mean([_at(b.outdoor_c, t) for t in range(steps)]))
    heaters = {m.loop for m in b.machines if m.kind != "chiller"}
    coolers = {m.loop for m in b.machines if m.kind == "chiller"}
    for k, zone in enumerate(b.zones):
        warm, cool = zone.heating in heaters, zone.cooling in coolers
        most = zone.max_heat_mw if warm else 0.0
        least = -zone.max_cool_mw if cool else 0.0
        ledger.at_most("heat", [names[k]], heat[k : k + 1], most, "MW", span.starts)
        ledger.at_least("heat", [names[k]], heat[k : k + 1], least, "MW", span.starts)
        low, high = np.empty(steps), np.empty(steps)
        for t in range(steps):
            ends = _at(zone.min_c, t), _at(zone.max_c, t)
            low[t], high[t] = ends[0] + _at(zone.margin_low_k, t), ends[1] - _at(zone.margin_high_k, t)
            if low[t] > high[t]:
                low[t] = high[t] = min(max((low[t] + high[t]) / 2, ends[0]), ends[1])
        out = np.maximum(0.0, np.maximum(low - air[k], air[k] - high))
        ledger.equal("K outside the band", [names[k]], outside[k : k + 1], out[None, :], "", span.starts)
        cost["outside"] += b.outside_cost * float(out @ span.hours)
        if not b.returns:
            continue
        start = float(np.ravel(np.asarray(zone.initial_c, dtype=float))[0])
        end = min(max(start, low[-1]), high[-1])
        if warm and (not cool or outdoor < start):
            cost["end"] += b.outside_cost * max(0.0, end - air[k, -1])
        elif cool:
            cost["end"] += b.outside_cost * max(0.0, air[k, -1] - end)


def _loops(b: Building, heat: FloatArray, output: FloatArray, span: Span, ledger: Ledger) -> None:
    """What the machines of a loop give is what its zones take: heat and cold, each for itself."""
    kinds = sorted({(m.kind == "chiller", m.loop) for m in b.machines})
    for cold, loop in kinds:
        given = sum(o for m, o in zip(b.machines, output, strict=True) if (m.kind == "chiller", m.loop) == (cold, loop))
        taken = sum(
            np.clip(-q if cold else q, 0.0, None)
            for zone, q in zip(b.zones, heat, strict=True)
            if (zone.cooling if cold else zone.heating) == loop
        )
        name = [f"{b.id}/{loop}"]
        ledger.equal("cold given" if cold else "heat given", name, np.asarray(given)[None, :],
                     np.asarray(taken)[None, :], "MW", span.starts)  # fmt: skip


KIND = _Kind(
    Building,
    "building",
    (("p_mw", True), ("output_mw", False), ("heat_mw", True), ("temperature_c", False), ("outside_k", False)),
    _check,
)
