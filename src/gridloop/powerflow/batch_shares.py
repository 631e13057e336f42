"""Distributed slack: which machines carry what the source would otherwise balance alone, and in which shares.

Shares are those of the tables' state. Where a scenario takes machines out, or cuts them off, the others carry theirs in
proportion; where it takes all of them, the source is alone again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, listed
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.powerflow.batch_lanes import Lanes
from gridloop.powerflow.batch_layout import Layout
from gridloop.powerflow.engine import Engine
from gridloop.units import BoolArray, FloatArray, IntArray

# Shares may miss 1 by this: what is left of numbers that somebody wrote with six digits.
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Shares:
    """Machines and sources that share the balance.

    generator  [element]  row of the table of generators; −1 for a source
    source     [element]  row of the table of sources; −1 for a generator
    node       [element]  where they are connected
    share      [element]  1 in all
    """

    generator: IntArray
    source: IntArray
    node: IntArray
    share: FloatArray

    @classmethod
    def read(cls, net: Network, arrays: NetworkArrays, given: Any) -> Shares:
        """From "p_max", or a mapping or Series of ids of generators (or the source) to shares.

        Raises `BadInput` where there is not one source, an id is not known or not in service, or shares are negative
        or do not add up to 1.
        """
        if arrays.source.size != 1:
            ids = [str(i) for i in net.source.index[arrays.element_on["source"]]]
            raise BadInput(
                f"distributed_slack needs one source, whose balance is shared; the network has {arrays.source.size} at "
                f"different nodes ({listed(ids)}). Take the others out of service.",
                sources=ids,
            )
        if isinstance(given, str):
            if given != "p_max":
                raise BadInput(f"distributed_slack {given!r} is not known; give 'p_max', or shares by generator.")
            shares = _by_rating(net, arrays)
        elif isinstance(given, Mapping | pd.Series):
            shares = {str(name): value for name, value in given.items()}
            if len(shares) < len(given):
                raise BadInput("distributed_slack names a machine twice; give one share to each.")
        else:
            raise BadInput(
                f"distributed_slack is 'p_max', or a mapping or Series of shares by generator; got "
                f"{type(given).__name__}."
            )
        return cls._of(net, arrays, shares)

    @classmethod
    def _of(cls, net: Network, arrays: NetworkArrays, shares: Mapping[str, Any]) -> Shares:
        names = list(shares)
        generator, source = (net.tables[table].index.get_indexer(pd.Index(names)) for table in ("generator", "source"))
        unknown = [n for n, g, s in zip(names, generator, source, strict=True) if g < 0 and s < 0]
        if unknown:
            raise BadInput(
                f"distributed_slack: {len(unknown)} ids name no generator and no source: {listed(unknown)}.",
                ids=unknown,
            )
        source = np.where(generator >= 0, -1, source)
        node, on = np.empty(len(names), dtype=np.int64), np.empty(len(names), dtype=bool)
        for table, rows in (("generator", generator), ("source", source)):
            node[rows >= 0] = arrays.element_node[table][rows[rows >= 0]]
            on[rows >= 0] = arrays.element_on[table][rows[rows >= 0]]
        lost = [n for n, k in zip(names, on & arrays.topology.supplied[node], strict=True) if not k]
        if lost:
            raise BadInput(
                f"distributed_slack: {len(lost)} machines are out of service or without supply: {listed(lost)}. Give "
                "their shares to others.",
                ids=lost,
            )
        try:
            share = np.array([float(shares[n]) for n in names])
        except (TypeError, ValueError) as error:
            raise BadInput(f"distributed_slack: shares are numbers, but {error}.") from error
        wrong = [n for n, s in zip(names, share, strict=True) if not s >= 0]
        if wrong:
            raise BadInput(
                f"distributed_slack: {len(wrong)} shares are negative or missing: {listed(wrong)}.", ids=wrong
            )
        total = float(share.sum())
        if not abs(total - 1.0) <= _SUM_TOLERANCE:
            raise BadInput(
                f"distributed_slack: {len(names)} shares add up to {total:.6g}, not to 1. Divide them by their sum.",
                sum=total,
            )
        return cls(np.asarray(generator, np.int64), np.asarray(source, np.int64), node, share / total)

    def weights(self, there: BoolArray) -> FloatArray:
        """Shares of what is there, 1 in all, or 0 where nothing is. [element, scenario], as `there`"""
        left = np.where(there, self.share[:, None], 0.0)
        total = left.sum(axis=0)
        return np.asarray(left / np.where(total > 0, total, 1.0))

    def there(self, lanes: Lanes, layout: Layout) -> BoolArray:
        """Whether they are in service and supplied. [element, scenario]"""
        found = ~lanes.dark_at(self.node)
        machines = np.flatnonzero(self.generator >= 0)
        found[machines] &= layout.machines_on(lanes.cases, self.generator[machines])
        return found

    def of_engine(self, engine: Engine, weight: FloatArray) -> Engine:
        """The engine with these weights [element] in the balance."""
        at_node = np.zeros(engine.arrays.n_nodes)
        np.add.at(at_node, self.node, weight)
        share = np.ascontiguousarray(at_node[engine.node]) if weight.any() else np.empty(0)
        return replace(engine, share=share)


def groups(there: BoolArray) -> list[IntArray]:
    """Scenarios in which the same ones are there, in growing order. there [element, scenario]"""
    if there.all():
        return [np.arange(there.shape[1])]
    _, group = np.unique(there, axis=1, return_inverse=True)
    return [np.flatnonzero(group.ravel() == g) for g in range(int(group.max(initial=-1)) + 1)]


def _by_rating(net: Network, arrays: NetworkArrays) -> dict[str, float]:
    """Shares by p_max_mw, of all generators in service and supplied."""
    node = arrays.element_node["generator"]
    on = arrays.element_on["generator"] & arrays.topology.supplied[node]
    rating = net.generator["p_max_mw"][on]
    lacking = [str(i) for i in rating.index[~np.isfinite(rating.to_numpy(dtype=float))]]
    if lacking:
        raise BadInput(
            f"distributed_slack 'p_max': {len(lacking)} generators have no p_max_mw: {listed(lacking)}. Set it, or "
            "give shares by generator.",
            ids=lacking,
        )
    able = rating[rating > 0]
    if able.empty:
        raise BadInput("distributed_slack 'p_max': no generator in service has a p_max_mw above 0. Give shares.")
    return {str(name): float(value) for name, value in (able / able.sum()).items()}
