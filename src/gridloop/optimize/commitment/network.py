"""The DC network under a commitment: where everything injects, what is drawn where, and which limits flows have.

Injectors are, in this order: units, renewables, storage charging and discharging, load curtailed, left out and made up
for. What a bus draws is the system's `load_mw`; loads, generators and shunts of the network's own tables say nothing
here, its branches, switches and sources do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput, SolveFailed, listed
from gridloop.network import tables
from gridloop.network.model import Network
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.case import Moment
from gridloop.optimize.physics.dc import Dc
from gridloop.optimize.physics.dc_limits import FlowLimits
from gridloop.optimize.physics.dc_model import DcModel
from gridloop.units import BASE_MVA, FloatArray, IntArray

# Quantities of `rest.Injections` that inject (or draw), and whose table says where.
OF_STORAGE = ("charge", "discharge")
OF_FLEXIBLE = ("curtailed", "left_out", "made_up")


@dataclass(frozen=True, eq=False)
class UnitGrid:
    """A network as a commitment sees it, the same in all hours.

    dc       the DC model: `grid` the factors, `low`, `high` [branch] limits per unit, `share` [reference, node] what
             every reference absorbs, `outages` limits after losses, where asked for
    node     by quantity ("unit", "renewable", "charge", …) the node of every injector
    at       [bus of load_mw] node; −1 where nothing is ever drawn, at a bus that is no part of the moment
    """

    net: Network
    moment: Moment
    dc: DcModel
    node: dict[str, IntArray]
    at: IntArray

    @cached_property
    def limits(self) -> FlowLimits:
        """Limits of flows before anything injects; copies of it share the factors of outages, which take long."""
        dc, nothing = self.dc, np.zeros(0, dtype=np.int64)
        limits = FlowLimits(dc.grid, nothing, np.zeros(self.moment.n), dc.low, dc.high, dc.outages)
        if dc.outages is not None:
            limits.after(limits.base)  # makes the factors
        return limits

    def drawn(self, system: UnitSystem, demand: FloatArray) -> FloatArray:
        """What is drawn where, for a demand [hour] in MW. [node, hour], per unit"""
        load = system.with_demand(pd.Series(demand)).load_mw.to_numpy(dtype=float).T / BASE_MVA
        total = np.zeros((self.moment.n, demand.size))
        there = self.at >= 0
        np.add.at(total, self.at[there], load[there])
        return total


def read_grid(system: UnitSystem, net: Network, physics: Dc | None = None) -> UnitGrid | Diagnosis:
    """The network of a system; a diagnosis where load stands in islands that nothing supplies.

    Raises `BadInput` where something has no place in the network, `InvalidNetwork` for wrong tables.
    """
    from gridloop.optimize.problems.dispatch_network import in_the_dark, refuse

    chosen = _as_flows(physics)
    refuse(as_network(net))
    places = _buses(system, net)
    moment = Moment.of(_as_asked(system, net, places))
    dark = in_the_dark(moment)
    if dark is not None:
        return dark
    at_bus = dict(zip(net.bus.index, moment.node_of_bus.tolist(), strict=True))
    node = {name: np.array([at_bus[b] for b in buses], dtype=np.int64) for name, buses in places.items()}
    lost = sorted({b for name, buses in places.items() if name != "load" for b in buses if at_bus[b] < 0})
    if lost:
        raise BadInput(
            f"units, renewables or storage stand at {len(lost)} buses that are out of service or without any load or "
            f"source: {listed(lost)}. Take them out, or bring the buses back.",
            buses=lost,
        )
    drawn = (system.load_mw != 0.0).any().to_numpy()
    # in service these would be in the dark
    out = sorted(b for b, node, any_mw in zip(places["load"], node["load"], drawn, strict=True) if node < 0 and any_mw)
    if out:
        raise BadInput(
            f"load_mw has demand at {len(out)} buses that are out of service: {listed(out)}. Leave it out, or bring "
            "the buses back.",
            buses=out,
        )
    try:
        dc = chosen.new_model(moment)
    except SolveFailed as error:
        raise BadInput(f"the flows of this network cannot be had: {error.args[0]}") from error
    chosen.add_thermal_limit(dc)
    chosen.add_angle_limit(dc)
    return UnitGrid(net, moment, dc, node, node.pop("load"))


def as_network(net: Network) -> Network:
    """The network itself. Raises `BadInput` for what is none."""
    if not isinstance(net, Network):
        raise BadInput(f"the network is a {type(net).__name__}; give one that gridloop.read_network has read.")
    return net


def _as_flows(physics: Dc | None) -> Dc:
    """The DC model that is asked for. Raises `BadInput` for others."""
    chosen = Dc() if physics is None else physics
    if isinstance(chosen, type):
        raise BadInput(f"physics is an object: write {chosen.__name__}(), not {chosen.__name__}.")
    if not isinstance(chosen, Dc):
        raise BadInput(f"physics is {chosen!r}; a commitment knows the DC model: give Dc(), or nothing.")
    if chosen.form != "flows":
        raise BadInput(f"a commitment knows the DC model as flows; this one is {chosen.form!r}: give Dc(form='flows').")
    return chosen


def _buses(system: UnitSystem, net: Network) -> dict[str, list[str]]:
    """The bus of every injector, and of every column of load_mw ("load"). Raises `BadInput` where one has none."""
    if not len(system.load_mw):
        raise BadInput(
            "on a network the demand needs places: give the system load_mw [hour × bus], by gl.place_units or by hand."
        )
    found: dict[str, list[str]] = {"load": [str(b) for b in system.load_mw.columns]}
    found["unit"] = _named(system.unit, "unit")
    given = system.renewable_bus.reindex(system.renewable_max_mw.columns)
    found["renewable"] = _named(pd.DataFrame({"bus": given}), "renewable")
    for quantity in OF_STORAGE:
        found[quantity] = _named(system.storage, "storage")
    for quantity in OF_FLEXIBLE:
        found[quantity] = _named(system.flexible, "flexible load")
    known = set(net.bus.index)
    wrong = sorted({b for buses in found.values() for b in buses} - known)
    if wrong:
        raise BadInput(f"{len(wrong)} buses of the system are not in the network: {listed(wrong)}.", buses=wrong)
    return found


def _named(table: pd.DataFrame, what: str) -> list[str]:
    if not len(table):
        return []
    bus = table["bus"] if "bus" in table.columns else pd.Series(np.nan, index=table.index)
    missing = [str(i) for i in table.index[bus.isna() | (bus == "")]]
    if missing:
        raise BadInput(
            f"{len(missing)} of {len(table)} {what} ids have no bus: {listed(missing)}. Name it in the column bus"
            + (" (renewable_bus of the system)." if what == "renewable" else "."),
            ids=missing,
        )
    return [str(b) for b in bus]


def _as_asked(system: UnitSystem, net: Network, places: dict[str, list[str]]) -> Network:
    """The network with the system's loads and units in the place of its own: they decide which islands live."""
    peak = np.abs(system.load_mw.to_numpy(dtype=float)).max(axis=0)
    load = pd.DataFrame({"bus": places["load"], "p_mw": peak}, index=[f"load at {b}" for b in places["load"]])
    size = {
        "unit": system.unit["p_max_mw"],
        "renewable": system.renewable_max_mw.max(),
        "charge": system.storage["discharge_max_mw"],
    }
    rows = [
        {"id": f"{kind} {i}", "bus": bus, "p_max_mw": float(most)}
        for kind, of in size.items()
        for i, bus, most in zip(of.index, places[kind], of, strict=True)
    ]
    changed = {
        "load": tables.canonical("load", load, "system"),
        "generator": tables.canonical("generator", rows, "system"),
        "storage": net.storage.iloc[:0],
    }
    return Network({**net.tables, **changed}, net.name, net.version, net.history)
