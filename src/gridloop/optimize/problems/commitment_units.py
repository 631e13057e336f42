"""Unit systems on networks: one made from a network's own tables, or one from elsewhere that is placed on it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange, listed
from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.network.unit_system import STORAGE_COLUMNS, UnitSystem
from gridloop.optimize.case import Moment
from gridloop.optimize.commitment.network import as_network
from gridloop.optimize.cost_curve import CostCurve, read_curves
from gridloop.optimize.problems.commitment_inputs import (
    available_by_hour,
    check_pieces,
    loads_by_hour,
    reserve_by_hour,
)
from gridloop.optimize.problems.dispatch_network import refuse, units_of
from gridloop.units import BASE_MVA, FloatArray

# Pieces of a quadratic cost between least and most output. They cost too much by 1/400 of the quadratic part at most
# where ten cover all outputs: c2 (width/2)² in the middle of each.
PIECES = 10
# Kinds that give what the weather lets them, at no cost.
_WEATHER = ("solar", "wind")
# A state that no least time remembers.
_LONG_AGO_H = 10_000.0


def units_of_network(
    net: Network,
    load_mw: pd.DataFrame | pd.Series | int = 1,
    *,
    available_mw: pd.DataFrame | None = None,
    reserve_mw: float | pd.Series = 0.0,
    pieces: int = PIECES,
) -> UnitSystem:
    """The generators, storage and loads of a network as a unit commitment, hour by hour.

    load_mw       by hour: power of loads by id (those left out stay as in the table), or one series for all loads
                  together, which keep their shares; or for how many hours the loads of the table last
    available_mw  [hour × generator] what the weather lets these give; generators of the kinds solar and wind that are
                  not in it give up to p_max_mw. Both cost nothing, and may be turned down
    reserve_mw    spinning reserve that is wanted, by hour or the same in all
    pieces        of a quadratic cost; curves of points keep their corners

    A generator is on before the first hour where its p_mw is above 0, and where it must run; it, or one that is off,
    has been so for `since_h` hours. Limits that are missing do not limit. What a source gives is a unit source:ID that
    is always on; that it could take power does not count. Shunts draw their g_mw. What stands at a bus out of service
    is left out. Storage ends no emptier than it began; its self-discharge does not count. Found outside its band, it
    counts as full above it and as empty below it: what lies beyond is not planned with.
    Raises `InvalidNetwork`, `BadInput` and its kinds where the tables or series are wrong.
    """
    refuse(as_network(net))
    check_pieces(pieces)
    times, values = loads_by_hour(net, load_mw)
    reserve = reserve_by_hour(reserve_mw, times)
    peak = net.load.assign(p_mw=np.abs(values).max(axis=1))
    idle = net.storage.assign(p_mw=0.0, q_mvar=0.0)
    moment = Moment.of(Network({**net.tables, "load": peak, "storage": idle}, net.name, net.version, net.history))
    load = _drawn(net, moment, values)
    demand = load.sum(axis=1)
    storage = _storage(net, moment)
    # No hour asks more of a source: what buses draw, whatever others give, with reserve, while all storage is loaded.
    most = float((load.clip(lower=0.0).sum(axis=1) + reserve).max()) + float(storage["charge_max_mw"].sum())
    table = _generators(net, moment, most)
    weather, renewable = _weather(table, available_by_hour(available_mw, times, table.index))
    units = table[~weather & (table["p_max_mw"] > 0.0)]
    unit = _units(units)
    return UnitSystem(
        unit=unit,
        cost=_corners(units, pieces),
        start=_starts(units, unit),
        demand_mw=demand,
        reserve_mw=reserve,
        regulation_mw=reserve * 0.0,
        renewable_min_mw=renewable * 0.0,
        renewable_max_mw=renewable,
        storage=storage,
        name=net.name,
        load_mw=load,
        renewable_bus=table.loc[renewable.columns, "bus"],
    )


def place_units(system: UnitSystem, net: Network) -> UnitSystem:
    """The same system with a bus for everything, so that it can be committed on this network.

    An id that the network knows (as generator or storage) is where that is; else it begins with its bus, as 101_CT_1
    with 101. The demand is drawn in the shares of the network's loads that are in service, at buses that are. Flexible
    load keeps its column bus.
    Raises `BadInput` where something finds no place.
    """
    as_network(net)
    known = {**net.storage["bus"].to_dict(), **net.generator["bus"].to_dict()}
    buses = set(net.bus.index)
    lost: list[str] = []

    def place(index: pd.Index) -> pd.Series:
        found = []
        for i in map(str, index):
            parts = i.split("_")
            begins = ["_".join(parts[:k]) for k in range(len(parts), 0, -1)]
            bus = known.get(i) or next((b for b in begins if b in buses), "")
            if not bus:
                lost.append(i)
            found.append(bus)
        return pd.Series(found, index=index, dtype=object)

    placed = {name: place(table.index) for name, table in (("unit", system.unit), ("storage", system.storage))}
    renewable = place(system.renewable_max_mw.columns)
    if lost:
        raise BadInput(
            f"{len(lost)} units find no bus in network {net.name!r}: {listed(lost)}. Name generators alike in both, "
            "let ids begin with their bus (101_CT_1), or give the tables a column bus.",
            ids=lost,
        )
    loads = net.load[build_arrays(net).element_on["load"]]
    by_bus = loads.groupby("bus", sort=False)["p_mw"].sum()
    if not float(by_bus.sum()) > 0.0:
        raise BadInput(f"network {net.name!r} has no load in service that could say where the demand is drawn.")
    share = by_bus / by_bus.sum()
    load = pd.DataFrame(np.outer(system.demand_mw, share), columns=[str(b) for b in share.index])
    return system.with_(
        unit=system.unit.assign(bus=placed["unit"]),
        storage=system.storage.assign(bus=placed["storage"]),
        renewable_bus=renewable,
        load_mw=load,
    )


def _drawn(net: Network, moment: Moment, values: FloatArray) -> pd.DataFrame:
    """What loads and shunts draw, by bus. [hour × bus], MW

    Buses that draw nothing and carry nothing are left out; load that nothing supplies stays, for it is a fault.
    """
    node, on = moment.node_of_bus, moment.arrays.element_on["load"]
    bus = pd.Index(net.load["bus"].to_numpy()[on])
    load = pd.DataFrame(values[on].T, columns=bus).T.groupby(level=0, sort=False).sum().T
    alive = moment.arrays.element_on["shunt"] & (node[net.bus.index.get_indexer(pd.Index(net.shunt["bus"]))] >= 0)
    shunt = net.shunt[alive & (net.shunt["g_mw"] != 0.0).to_numpy()]
    for at, g_mw in shunt.groupby("bus")["g_mw"].sum().items():
        load[at] = load.get(at, 0.0) + g_mw
    there = [b for b in load.columns if node[net.bus.index.get_loc(b)] >= 0 or (load[b] != 0).any()]
    load = load[there].reset_index(drop=True)
    load.columns = [str(b) for b in load.columns]
    return load


def _generators(net: Network, moment: Moment, most: float) -> pd.DataFrame:
    """Generators and sources of a moment with all that a commitment asks of them.

    most  MW that are ever asked of one source: what it may give at most, if it is not rated for less
    """
    table = units_of(moment)
    of_table = moment.gen_row >= 0
    table["bus"] = moment.bus[moment.gen_node]
    own = net.generator.iloc[moment.gen_row[of_table]]
    table.loc[of_table, "bus"] = own["bus"].to_numpy()
    least = table.loc[~of_table, "p_min_mw"].fillna(0.0).clip(lower=0.0)
    table.loc[~of_table, "p_min_mw"] = least
    table.loc[~of_table, "p_max_mw"] = table.loc[~of_table, "p_max_mw"].clip(upper=np.maximum(least, most))
    for column in ("min_up_h", "min_down_h", "start_cost", "start_max_mw", "stop_max_mw", "since_h"):
        table[column] = np.nan
        table.loc[of_table, column] = own[column].to_numpy(dtype=float)
    table["p_mw"] = moment.p_start * BASE_MVA
    table["start_points"], table["must_run"] = "", True
    table.loc[of_table, "start_points"] = own["start_points"].to_numpy()
    table["must_run"] = np.where(of_table, False, True)
    table.loc[of_table, "must_run"] = own["must_run"].to_numpy(dtype=bool)
    endless = [str(i) for i in table.index[~np.isfinite(table["p_max_mw"])]]
    if endless:
        raise OutOfRange(f"{len(endless)} generators have no p_max_mw: {listed(endless)}. Give a number.", ids=endless)
    table["p_min_mw"] = table["p_min_mw"].fillna(0.0)
    negative = [str(i) for i in table.index[table["p_min_mw"] < 0.0]]
    if negative:
        raise OutOfRange(
            f"{len(negative)} generators may take power (p_min_mw below 0): {listed(negative)}. A commitment knows "
            "that as storage or as load; change the tables.",
            ids=negative,
        )
    return table


def _weather(table: pd.DataFrame, given: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Which generators give what the weather lets them, and what that is. [hour × generator]"""
    weather = table["kind"].isin(_WEATHER) | table.index.isin(given.columns)
    ids = [str(i) for i in table.index[weather & _costly(table)]]
    if ids:
        raise BadInput(
            f"{len(ids)} generators that follow the weather have costs: {listed(ids)}. What follows it is free here, "
            "and so are its starts; set their costs to 0 and take their points away, or leave them out of available_mw "
            "and give them another kind.",
            ids=ids,
        )
    most = table["p_max_mw"].astype(float)[weather]
    columns = {str(i): given[str(i)].clip(upper=top) if str(i) in given else top for i, top in most.items()}
    return weather, pd.DataFrame(columns, index=given.index, dtype=float)


def _costly(table: pd.DataFrame) -> pd.Series:
    """What asks money for output, for being on or for starts; points that cannot be read ask some too. [generator]"""
    numbers = table[["cost_fixed_per_h", "cost_linear_per_mwh", "cost_quadratic_per_mw2h", "start_cost"]]
    by_points = np.zeros(len(table), dtype=bool)
    for k, curve in read_curves(table["cost_points"]).items():
        by_points[k] = not curve.p_mw.size or bool((curve.cost_per_h != 0.0).any())
    return (numbers.fillna(0.0) != 0.0).any(axis=1) | by_points | (table["start_points"] != "")


def _units(table: pd.DataFrame) -> pd.DataFrame:
    p_max, p_min = table["p_max_mw"].astype(float), table["p_min_mw"].astype(float)
    on = table["p_mw"] > 0.0
    ramp = table["ramp_mw_per_h"].astype(float).fillna(p_max)
    wide = {c: table[c].fillna(p_max).clip(lower=p_min) for c in ("start_max_mw", "stop_max_mw")}
    return pd.DataFrame(
        {
            "bus": table["bus"], "p_min_mw": p_min, "p_max_mw": p_max,
            "ramp_up_mw_per_h": ramp, "ramp_down_mw_per_h": ramp, **wide,
            "min_up_h": table["min_up_h"].fillna(0.0), "min_down_h": table["min_down_h"].fillna(0.0),
            "on_before": on | table["must_run"], "hours_before": table["since_h"].fillna(_LONG_AGO_H),
            "p_before_mw": table["p_mw"].clip(lower=p_min, upper=p_max).where(on | table["must_run"], 0.0),
            "must_run": table["must_run"],
        },
        index=pd.Index(table.index, name="id"),
    )  # fmt: skip


def _corners(table: pd.DataFrame, pieces: int) -> pd.DataFrame:
    """Corners of all cost curves between least and most output."""
    curves = read_curves(table["cost_points"])
    rows = []
    limits = table[["p_min_mw", "p_max_mw"]].to_numpy(dtype=float)
    terms = table[["cost_fixed_per_h", "cost_linear_per_mwh", "cost_quadratic_per_mw2h"]].to_numpy(dtype=float)
    for k, i in enumerate(table.index):
        low, high = (float(limit) for limit in limits[k])
        if k in curves:
            if not curves[k].p_mw.size:
                raise BadInput(f"the cost_points of generator {i} cannot be read; they are MW:cost;MW:cost.")
            p, cost = _within(curves[k], low, high)
        else:
            fixed, linear, square = terms[k]
            p = np.unique(np.linspace(low, high, (pieces if square else 1) + 1))
            cost = fixed + linear * p + square * p**2
        rows += [(str(i), float(a), float(b)) for a, b in zip(p, cost, strict=True)]
    return pd.DataFrame(rows, columns=["unit", "p_mw", "cost_per_h"])


def _within(curve: CostCurve, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    inside = curve.p_mw[(curve.p_mw > low) & (curve.p_mw < high)]
    p = np.unique(np.concatenate([[low], inside, [high]]))
    return p, curve.at(p)


def _starts(table: pd.DataFrame, unit: pd.DataFrame) -> pd.DataFrame:
    """Start-up tiers: start_points "hours off:cost;…" where there are any, else start_cost at any time."""
    rows, least_off = [], unit["min_down_h"]
    for i, points, cost in zip(table.index, table["start_points"], table["start_cost"].fillna(0.0), strict=True):
        if not points:
            rows.append((str(i), max(float(least_off[i]), 1.0), float(cost)))
            continue
        try:
            pairs = [tuple(float(v) for v in part.split(":")) for part in str(points).split(";") if part.strip()]
            rows += [(str(i), off, money) for off, money in pairs]
        except ValueError:
            raise BadInput(
                f"the start_points {points!r} of generator {i} cannot be read; they are hours:cost;hours:cost."
            ) from None
    return pd.DataFrame(rows, columns=["unit", "off_h", "cost"])


def _storage(net: Network, moment: Moment) -> pd.DataFrame:
    node = moment.node_of_bus[net.bus.index.get_indexer(pd.Index(net.storage["bus"]))]
    t = net.storage[net.storage["in_service"].to_numpy(dtype=bool) & (node >= 0)]
    band = (t["max_soc"] - t["min_soc"]) * t["capacity_mwh"]
    before = ((t["soc"] - t["min_soc"]) * t["capacity_mwh"]).clip(lower=0.0, upper=band)
    columns = (
        t["max_charge_mw"], t["max_discharge_mw"], band, before, before,
        t["charge_efficiency"], t["discharge_efficiency"],
    )  # fmt: skip
    table = dict(zip(STORAGE_COLUMNS, columns, strict=True))
    return pd.DataFrame({**table, "bus": t["bus"]}, index=t.index)
