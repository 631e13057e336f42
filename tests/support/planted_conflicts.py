"""Networks with one conflict planted in them, and the assets that a diagnosis has to name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.testing import moment
from gridloop.units import SQRT3


@dataclass(frozen=True)
class Planted:
    """A network that has no feasible DC flow. must_name: ids that every minimal set has to have; may_name: ids that one
    may have besides; everything else in a set is a balance or a law."""

    net: Network
    must_name: frozenset[str]
    may_name: frozenset[str]


def _edit(net: Network, table: str, values: Mapping[str, Mapping[str, object]]) -> Network:
    return net.edit(table, values, author="test", time=moment(), reason="") if values else net


def branches(net: Network) -> pd.DataFrame:
    """Tail, head and table of all branches."""
    parts = [net.tables[t][["tail_bus", "head_bus"]].assign(table=t) for t in ("line", "transformer")]
    return pd.concat(parts)


def with_ratings(net: Network, mva: Mapping[str, float]) -> Network:
    """Other ratings, in MVA at nominal voltage; NaN takes one away."""
    kv = net.bus["v_nom_kv"]
    lines = {
        i: {"i_max_ka": s / (SQRT3 * kv[net.line.at[i, "tail_bus"]])} for i, s in mva.items() if i in net.line.index
    }
    others = {i: {"s_max_mva": s} for i, s in mva.items() if i in net.transformer.index}
    return _edit(_edit(net, "line", lines), "transformer", others)


def with_angles(net: Network, degrees: Mapping[str, tuple[float, float]]) -> Network:
    """Other angle limits, in degrees."""
    for table in ("line", "transformer"):
        rows = {
            i: {"angle_min_deg": a, "angle_max_deg": b} for i, (a, b) in degrees.items() if i in net.tables[table].index
        }
        net = _edit(net, table, rows)
    return net


def unlimited(net: Network) -> Network:
    """Without ratings and angle limits, so that nothing but what is planted is in conflict."""
    names = branches(net).index
    return with_angles(with_ratings(net, dict.fromkeys(names, np.nan)), dict.fromkeys(names, (np.nan, np.nan)))


def load_at(net: Network, buses: set[str]) -> float:
    """MW."""
    return float(net.load["p_mw"][net.load["bus"].isin(buses) & net.load["in_service"]].sum())


def pocket(net: Network, chance: np.random.Generator) -> Planted:
    """A few connected buses whose branches to the rest are rated too low for their load."""
    net = unlimited(net)
    around = branches(net)
    loaded = sorted(set(net.load["bus"][net.load["p_mw"] > 5.0]))
    inside: set[str] = set()
    while not 0.0 < load_at(net, inside) < 400.0:  # the rest has to be able to supply itself
        inside = {str(chance.choice(loaded))}
        for _ in range(int(chance.integers(0, 4))):
            touching = around[around["tail_bus"].isin(inside) != around["head_bus"].isin(inside)]
            inside |= set(touching.iloc[int(chance.integers(len(touching)))][["tail_bus", "head_bus"]])
        inside |= _cut_off(around, inside)
    tail_in, head_in = around["tail_bus"].isin(inside), around["head_bus"].isin(inside)
    cut = around.index[tail_in != head_in]
    own = net.generator.index[net.generator["bus"].isin(inside)]
    need = load_at(net, inside)
    own_mw = need * float(chance.uniform(0.0, 0.4)) if len(own) else 0.0
    share = chance.dirichlet(np.ones(len(own))) if len(own) else np.zeros(0)
    net = _edit(
        net, "generator", {g: {"p_min_mw": 0.0, "p_max_mw": own_mw * s} for g, s in zip(own, share, strict=True)}
    )
    carried = (need - own_mw) * float(chance.uniform(0.5, 0.95))
    parts = chance.dirichlet(np.full(len(cut), 3.0)) * carried
    net = with_ratings(net, dict(zip(cut, parts, strict=True)))
    return Planted(net, frozenset([*cut, *own]), frozenset())


def _cut_off(around: pd.DataFrame, inside: set[str]) -> set[str]:
    """Buses that these cut off from the largest part of the network: their supply would have to come through."""
    rest = around[~around["tail_bus"].isin(inside) & ~around["head_bus"].isin(inside)]
    label = {bus: bus for bus in {*around["tail_bus"], *around["head_bus"]} - inside}
    changed = True
    while changed:
        changed = False
        for a, b in zip(rest["tail_bus"], rest["head_bus"], strict=True):
            low = min(label[a], label[b])
            changed |= label[a] != low or label[b] != low
            label[a] = label[b] = low
    parts = pd.Series(label)
    return set(parts.index[parts != parts.value_counts().index[0]])


def locked_in(net: Network, chance: np.random.Generator) -> Planted:
    """A generator that must give more than its bus and the branches there can take."""
    net = unlimited(net)
    around = branches(net)
    # Where the bus is the only way to others, they would lack what the branches can no longer carry: a second conflict.
    alone = [g for g, bus in net.generator["bus"].items() if not _cut_off(around, {bus})]
    unit = str(chance.choice(alone))
    bus = str(net.generator.at[unit, "bus"])
    at = around.index[(around["tail_bus"] == bus) | (around["head_bus"] == bus)]
    others = net.generator.index[(net.generator["bus"] == bus) & (net.generator.index != unit)]
    must = float(chance.uniform(60.0, 300.0)) + load_at(net, {bus})
    out = (must - load_at(net, {bus})) * float(chance.uniform(0.3, 0.95))
    net = _edit(net, "generator", {unit: {"p_min_mw": must, "p_max_mw": must + 50.0}})
    ratings = dict(zip(at, chance.dirichlet(np.full(len(at), 3.0)) * out, strict=True))
    net = with_ratings(net, ratings)
    return Planted(net, frozenset([unit, *at]), frozenset(map(str, others)))


def demand_above_capacity(net: Network, chance: np.random.Generator) -> Planted:
    """All loads grow until all generators together cannot supply them."""
    most = float(net.generator["p_max_mw"].sum())
    factor = most / load_at(net, set(net.bus.index)) * float(chance.uniform(1.01, 1.5))
    net = _edit(net, "load", {i: {"p_mw": p * factor} for i, p in net.load["p_mw"].items()})
    net = unlimited(net)
    return Planted(net, frozenset(map(str, net.generator.index)), frozenset())


def must_run(net: Network, chance: np.random.Generator) -> Planted:
    """A few generators must give more than all loads take."""
    some = chance.choice(net.generator.index, size=int(chance.integers(1, 6)), replace=False)
    too_much = load_at(net, set(net.bus.index)) * float(chance.uniform(1.02, 1.6))
    zero = {g: {"p_min_mw": 0.0} for g in net.generator.index}
    share = chance.dirichlet(np.full(len(some), 5.0)) * too_much
    net = _edit(net, "generator", zero)
    net = _edit(net, "generator", {g: {"p_min_mw": p, "p_max_mw": p * 1.1} for g, p in zip(some, share, strict=True)})
    net = unlimited(net)
    return Planted(net, frozenset(map(str, some)), frozenset(map(str, net.generator.index)))


def angles_apart(net: Network, chance: np.random.Generator) -> Planted:
    """A ring of branches whose angles must all lead the same way round: they cannot add up to zero."""
    around = branches(net)
    ends = {}
    for name, row in around.iterrows():
        ends.setdefault(frozenset((row["tail_bus"], row["head_bus"])), str(name))
    near: dict[str, set[str]] = {}
    for pair in ends:
        a, b = tuple(pair)
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    rings = sorted(
        {
            tuple(sorted((a, b, c)))
            for a in near
            for b in near[a]
            for c in near[b]
            if c in near[a] and len({a, b, c}) == 3
        }
    )
    ring = rings[int(chance.integers(len(rings)))]
    least = float(chance.uniform(0.05, 3.0))
    planted = {}
    for a, b in zip(ring, (*ring[1:], ring[0]), strict=True):
        name = ends[frozenset((a, b))]
        forward = around.at[name, "tail_bus"] == a
        planted[name] = (least, 30.0) if forward else (-30.0, -least)
    net = with_angles(unlimited(net), planted)
    return Planted(net, frozenset(planted), frozenset())


def angle_above_rating(net: Network, chance: np.random.Generator) -> Planted:
    """A branch whose least angle drives more through it than its rating allows."""
    name = str(chance.choice(net.line.index))
    line = net.line.loc[name]
    r, x = float(line["r_ohm_per_km"]), float(line["x_ohm_per_km"])
    ohm = (r**2 + x**2) / x * float(line["length_km"])
    mw_per_rad = float(net.bus.at[line["tail_bus"], "v_nom_kv"]) ** 2 / ohm
    least = float(chance.uniform(1.0, 8.0))
    rating = mw_per_rad * np.deg2rad(least) * float(chance.uniform(0.3, 0.95))
    net = with_ratings(with_angles(unlimited(net), {name: (least, 30.0)}), {name: rating})
    # In a chain of buses the generators at its end may be too small to drive as much, whatever the rating.
    return Planted(net, frozenset([name]), frozenset(map(str, net.generator.index)))


KINDS: Mapping[str, Callable[[Network, np.random.Generator], Planted]] = {
    "pocket": pocket,
    "locked in": locked_in,
    "demand above capacity": demand_above_capacity,
    "must run": must_run,
    "angles apart": angles_apart,
    "angle above rating": angle_above_rating,
}
