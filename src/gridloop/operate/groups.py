"""Groups: elements that follow one profile are forecast together and told apart by their share."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from gridloop.forecast.feeder import Kind
from gridloop.network.model import Network
from gridloop.operate.decide.known import Groups

KINDS = ("solar", "wind")


def group_elements(network: Network, profile: pd.Series) -> Groups:
    """Groups of the network's loads and generators.

    profile  element id → name of the profile it follows
    Shares are those of the nominal power in the network's tables: what an operator knows of an element without a meter.
    """
    kind: dict[str, Kind] = {}
    members: dict[str, tuple[str, ...]] = {}
    share = {}
    for table, kinds in (
        (network.load, pd.Series("load", index=network.load.index)),
        (network.generator, network.generator["kind"].where(network.generator["kind"].isin(KINDS), "other")),
    ):
        on = table[table["in_service"]]
        keys = kinds.loc[on.index] + ":" + profile.reindex(on.index).fillna(pd.Series(on.index, index=on.index))
        for key, rows in on.groupby(keys, sort=True):
            point = f"group:{key}/p_mw"
            nominal = rows["p_mw"].abs().to_numpy(dtype=float)
            kind[point] = cast(Kind, str(key).split(":")[0])
            members[point] = tuple(str(i) for i in rows.index)
            share[point] = nominal / nominal.sum() if nominal.sum() > 0 else np.full(len(rows), 1.0 / len(rows))
    return Groups(kind, members, share)


def capacities(network: Network, groups: Groups) -> dict[str, float]:
    """Rated power of every generator group. [MW]"""
    rated = network.generator["s_rated_mva"].fillna(network.generator["p_mw"])
    return {p: float(rated[list(groups.members[p])].sum()) for p, kind in groups.kind.items() if kind != "load"}


def group_sums(groups: Groups, elements: pd.DataFrame, quantity: str = "p_mw") -> pd.DataFrame:
    """Power of every group from columns per element; NaN where a member is missing. [time, group]"""
    columns = {}
    for point, ids in groups.members.items():
        if all(i in elements.columns for i in ids):
            columns[point.replace("/p_mw", f"/{quantity}")] = elements[list(ids)].to_numpy(dtype=float).sum(axis=1)
    return pd.DataFrame(columns, index=elements.index)


def place(network: Network) -> tuple[float, float]:
    """Latitude and longitude of the middle of the network; the middle of Germany where nothing is known. [°]"""
    bus = network.bus
    known = bus["latitude_deg"].notna() & bus["longitude_deg"].notna()
    if not known.any():
        return 51.2, 10.4
    return float(bus.loc[known, "latitude_deg"].mean()), float(bus.loc[known, "longitude_deg"].mean())
