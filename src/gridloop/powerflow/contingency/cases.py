"""Cases: which elements are out together, read from what users name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, listed
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.units import IntArray

TABLES = ("line", "transformer", "generator")
NONE = -1


@dataclass(frozen=True)
class Cases:
    """Sets of elements that are out together.

    names      [case]     as users gave them; None where they follow from the elements
    branch     [case, k]  rows of `arrays.branches`, growing; −1 beyond the last
    generator  [case, k]  rows of `net.generator`, growing; −1 beyond the last
    """

    names: pd.Index | None
    branch: IntArray
    generator: IntArray

    @property
    def count(self) -> int:
        return int(self.branch.shape[0])

    def some(self, cases: IntArray) -> Cases:
        """The cases at these places."""
        names = None if self.names is None else self.names[cases]
        return Cases(names, self.branch[cases], self.generator[cases])

    def named(self, net: Network, cases: IntArray | None = None) -> pd.Index:
        """A name per case: as given, or the ids of its elements joined by " + "."""
        some = self if cases is None else self.some(cases)
        if some.names is not None:
            return some.names
        branch_ids = np.concatenate([net.line.index.astype(str), net.transformer.index.astype(str)])
        generator_ids = net.generator.index.astype(str).to_numpy()
        names = [
            " + ".join([branch_ids[b] for b in branches if b >= 0] + [generator_ids[g] for g in machines if g >= 0])
            for branches, machines in zip(some.branch.tolist(), some.generator.tolist(), strict=True)
        ]
        return pd.Index(names, dtype=object)

    def kinds(self, n_lines: int) -> list[str]:
        """What is out in each case: line, transformer, generator, or the kinds joined by " + "."""
        branch = np.where(self.branch < 0, "", np.where(self.branch < n_lines, "line", "transformer"))
        machine = np.where(self.generator < 0, "", "generator")
        rows = np.concatenate([branch, machine], axis=1).tolist()
        return [" + ".join(kind for kind in row if kind) for row in rows]

    def elements(self, net: Network, case: int) -> list[tuple[str, str]]:
        """Table and id of everything that is out in one case."""
        every = [("line", str(i)) for i in net.line.index] + [("transformer", str(i)) for i in net.transformer.index]
        found = [every[b] for b in self.branch[case].tolist() if b >= 0]
        return found + [("generator", str(net.generator.index[g])) for g in self.generator[case].tolist() if g >= 0]


def single_cases(arrays: NetworkArrays, *, generators: bool = True) -> Cases:
    """Every branch and generator in service, one at a time: lines, transformers, generators, as in their tables."""
    branch = branches_in_service(arrays)
    machine = np.flatnonzero(arrays.element_on["generator"]) if generators else np.empty(0, dtype=np.int64)
    n, m = branch.size, machine.size
    return Cases(
        None,
        np.concatenate([branch, np.full(m, NONE)])[:, None],
        np.concatenate([np.full(n, NONE), machine])[:, None],
    )


def branches_in_service(arrays: NetworkArrays) -> IntArray:
    """Rows of branches that are connected at an end at least."""
    b = arrays.branches
    return np.flatnonzero((b.y_tt != 0) | (b.y_hh != 0))


def pairs(rows: IntArray) -> Cases:
    """All pairs of branches."""
    first, second = np.triu_indices(rows.size, 1)
    branch = np.stack([rows[first], rows[second]], axis=1)
    return Cases(None, branch, np.full((branch.shape[0], 1), NONE))


def read_cases(net: Network, arrays: NetworkArrays, outages: Any) -> Cases:
    """Cases from ids, sets of ids, or a mapping of names to either.

    An id that several tables have is written with its table: "line:7".
    Raises `BadInput` where an id does not exist, is ambiguous, or is out of service already.
    """
    given = _listed(outages)
    tables = {table: net.tables[table].index.astype(str) for table in TABLES}
    first_row = {"line": 0, "transformer": len(net.line), "generator": 0}
    found = [[_find(tables, str(i)) for i in elements] for _, elements in given]
    for text, wrong in (
        ("name no line, transformer or generator", [i for row in found for i, at in row if not at]),
        ("stand in several tables; write line:ID, transformer:ID or generator:ID", [
            i for row in found for i, at in row if len(at) > 1
        ]),
    ):  # fmt: skip
        if wrong:
            raise BadInput(f"outages: {len(wrong)} ids {text}: {listed(wrong)}.", ids=wrong)
    sets = [[at[0] for _, at in row] for row in found]
    closed = set(branches_in_service(arrays).tolist())
    on = arrays.element_on["generator"]
    out = [
        f"{table}:{net.tables[table].index[row]}"
        for case in sets
        for table, row in case
        if not (bool(on[row]) if table == "generator" else row + first_row[table] in closed)
    ]
    if out:
        raise BadInput(
            f"outages: {len(out)} elements are out of service already: {listed(out)}. Leave them out of the list.",
            ids=out,
        )
    branch = [sorted({row + first_row[table] for table, row in case if table != "generator"}) for case in sets]
    machine = [sorted({row for table, row in case if table == "generator"}) for case in sets]
    names = None if not isinstance(outages, Mapping) else pd.Index([name for name, _ in given], dtype=object)
    return Cases(names, _padded(branch), _padded(machine))


def _listed(outages: Any) -> list[tuple[str, list[str]]]:
    """Name and ids of every case. Raises `BadInput` where there are none."""
    if isinstance(outages, str):
        outages = [outages]
    items: Iterable[tuple[Any, Any]]
    items = outages.items() if isinstance(outages, Mapping) else (("", one) for one in outages)
    given = [(str(name), [one] if isinstance(one, str) else [str(i) for i in one]) for name, one in items]
    empty = sum(not elements for _, elements in given)
    if not given or empty:
        raise BadInput(
            f"outages: {empty} of {len(given)} cases have no elements. Give ids or sets of ids, such as "
            "['L1', ('L1', 'T2')], or leave `outages` out for every element.",
            empty=empty,
        )
    return given


def _find(tables: Mapping[str, pd.Index], name: str) -> tuple[str, list[tuple[str, int]]]:
    """An id, and all tables and rows that have it."""
    found = [(table, int(index.get_indexer(pd.Index([name]))[0])) for table, index in tables.items() if name in index]
    table, _, rest = name.partition(":")
    if not found and table in tables and rest in tables[table]:
        found = [(table, int(tables[table].get_indexer(pd.Index([rest]))[0]))]
    return name, found


def _padded(rows: list[list[int]]) -> IntArray:
    """Lists of several lengths as one array, −1 beyond their ends."""
    width = max(1, max(map(len, rows), default=1))
    return np.array([row + [NONE] * (width - len(row)) for row in rows], dtype=np.int64).reshape(-1, width)
