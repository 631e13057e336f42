"""What scenarios change in the admittance matrix: taps and branches out of service, and what that cuts off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridloop.errors import BadInput, listed
from gridloop.kernel.grid import Changes, no_changes
from gridloop.network.arrays import Branches, NetworkArrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.engine import Engine
from gridloop.powerflow.islands import dark_after
from gridloop.powerflow.scenarios import Part, Scenarios
from gridloop.units import ComplexArray, IntArray


@dataclass(frozen=True)
class BranchChanges:
    """Branches that differ from the network's in single scenarios.

    branch, scenario  [change]     rows of `arrays.branches`; scenarios in growing order
    y                 [change, 4]  what is added to y_tt, y_th, y_ht, y_hh, per unit
    dark              scenario → nodes that are cut off
    """

    branch: IntArray
    scenario: IntArray
    y: ComplexArray
    dark: Mapping[int, IntArray]

    def some(self, scenarios: IntArray) -> BranchChanges:
        """Those of the scenarios named by their numbers, which then count from zero."""
        if self.branch.size == 0:
            return self
        start, end = (np.searchsorted(self.scenario, scenarios, side=side) for side in ("left", "right"))
        of = np.repeat(np.arange(scenarios.size), end - start)
        row = np.repeat(start - np.concatenate([[0], np.cumsum(end - start)[:-1]]), end - start) + np.arange(of.size)
        dark = {}
        if self.dark:
            cut = np.fromiter(self.dark, np.int64, len(self.dark))
            dark = {k: self.dark[int(scenarios[k])] for k in np.flatnonzero(np.isin(scenarios, cut)).tolist()}
        return BranchChanges(self.branch[row], of, self.y[row], dark)

    def between(self, first: int, end: int) -> BranchChanges:
        """Those of the scenarios from `first` to before `end`, which then count from zero."""
        return self if self.branch.size == 0 else self.some(np.arange(first, end))

    def for_kernel(self, engine: Engine, count: int) -> Changes:
        """As the kernels take them, for `count` scenarios; nodes that are cut off are detached."""
        if self.branch.size == 0:
            return no_changes()
        y = self.y.copy()
        detach(engine.arrays, self.branch, self.scenario, y, self.dark)
        return engine.changes(self.branch, self.scenario, y, count)


NO_CHANGES = BranchChanges(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 4), complex), {})


def find_changes(net: Network, arrays: NetworkArrays, cases: Scenarios) -> BranchChanges:
    """What scenarios change in branches. Raises `BadInput` where one puts a branch in service that the network
    lacks."""
    found = [_taps(net, arrays, part) for part in cases.parts.values() if part.column == "tap_pos"]
    switched = [part for key in ("line", "transformer") if (part := cases.part(f"{key}.in_service")) is not None]
    out = [_outages(net, arrays, part) for part in switched]
    found += [(branch, scenario, -four(arrays.branches)[branch]) for branch, scenario in out]
    if not found or not sum(branch.size for branch, _, _ in found):
        return NO_CHANGES
    branch, scenario, y = (np.concatenate(column) for column in zip(*found, strict=True))
    gone_branch = np.concatenate([b for b, _ in out]) if out else np.empty(0, np.int64)
    gone_in = np.concatenate([s for _, s in out]) if out else np.empty(0, np.int64)
    # A transformer that is out has no taps to change.
    n_taps, width = branch.size - gone_branch.size, arrays.branches.tail.size
    keep = ~np.isin(branch + width * scenario, gone_branch + width * gone_in)
    keep[n_taps:] = True
    branch, scenario, y = branch[keep], scenario[keep], y[keep]
    order = np.argsort(scenario, kind="stable")
    return BranchChanges(branch[order], scenario[order], y[order], _cut_off(arrays, gone_branch, gone_in))


def four(b: Branches) -> ComplexArray:
    """Admittances y_tt, y_th, y_ht, y_hh of every branch. [branch, 4]"""
    return np.stack([b.y_tt, b.y_th, b.y_ht, b.y_hh], axis=1)


def detach(
    arrays: NetworkArrays, branch: IntArray, scenario: IntArray, y: ComplexArray, dark: Mapping[int, IntArray]
) -> None:
    """Leave the equations of nodes that are cut off as they were: y [change, 4] is set to zero in their rows.

    The nodes that keep their supply no longer see the branch. Those beyond it still do, without a current of their own:
    they follow, no equation becomes singular, and what they say is dropped.
    """
    if not dark:
        return
    b = arrays.branches
    is_dark = np.zeros(arrays.n_nodes + 1, dtype=bool)  # the last one stands for NO_NODE
    for k in dark:
        is_dark[dark[k]] = True
        rows = slice(*np.searchsorted(scenario, [k, k + 1]))
        y[rows, :2] = np.where(is_dark[b.tail[branch[rows]]][:, None], 0, y[rows, :2])
        y[rows, 2:] = np.where(is_dark[b.head[branch[rows]]][:, None], 0, y[rows, 2:])
        is_dark[dark[k]] = False


def _cut_off(arrays: NetworkArrays, branch: IntArray, scenario: IntArray) -> dict[int, IntArray]:
    sets: dict[int, list[int]] = {}
    for b, k in zip(branch.tolist(), scenario.tolist(), strict=True):
        sets.setdefault(k, []).append(b)
    of_scenario = {k: tuple(sorted(rows)) for k, rows in sets.items()}
    dark = dark_after(arrays, of_scenario.values())
    return {k: dark[outage] for k, outage in sorted(of_scenario.items()) if outage in dark}


def _outages(net: Network, arrays: NetworkArrays, part: Part) -> tuple[IntArray, IntArray]:
    """Branches that scenarios take out of service: rows of branches, and in which scenario."""
    wanted = part.values != 0.0  # NaN is no wish; such a scenario is reported as one with bad values
    table = net.tables[part.table]
    now = table["in_service"].to_numpy(dtype=bool)[part.rows]
    added = ~now & wanted.any(axis=1)
    if added.any():
        ids = [str(i) for i in table.index[part.rows[added]]]
        raise BadInput(
            f"{part.table}.in_service: {len(ids)} are out of service in the network and cannot come in: {listed(ids)}. "
            "Put them in service there, and out of service in the scenarios that lack them.",
            ids=ids,
        )
    row, scenario = np.nonzero(now[:, None] & ~wanted)
    first = 0 if part.table == "line" else arrays.branches.n_lines
    return part.rows[row] + first, scenario


def _taps(net: Network, arrays: NetworkArrays, part: Part) -> tuple[IntArray, IntArray, ComplexArray]:
    """Transformers at other taps: rows of branches, in which scenario, and the change of their admittances."""
    table, base = net.transformer, four(arrays.branches)
    row, scenario = np.nonzero(part.values != table["tap_pos"].to_numpy(dtype=float)[part.rows][:, None])
    branch, position = part.rows[row] + arrays.branches.n_lines, part.values[row, scenario]
    y = np.zeros((branch.size, 4), dtype=complex)
    for tap in np.unique(position):
        here = position == tap
        ids = table.index[np.unique(part.rows[row[here]])]
        moved = four(arrays.with_taps(net, {str(name): float(tap) for name in ids}).branches)
        y[here] = (moved - base)[branch[here]]
    closed = (arrays.branches.tail != NO_NODE) | (arrays.branches.head != NO_NODE)
    return branch[closed[branch]], scenario[closed[branch]], y[closed[branch]]
