"""Scenarios: what differs from the network's tables, one row per scenario, read from what users hold.

    {"load.p_mw": values, "load.q_mvar": values, "generator.p_mw": values, …}

A value is a table [scenario, element]: a DataFrame with ids as columns (all elements or some), an xarray DataArray with
dimensions `scenario` and the table's name, or an array with a column for every row of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, listed
from gridloop.units import FloatArray, IntArray

# What scenarios may set.
SETTABLE = (
    "load.p_mw", "load.q_mvar", "generator.p_mw", "generator.q_mvar", "generator.v_set_pu",
    "storage.p_mw", "storage.q_mvar", "transformer.tap_pos", "line.in_service", "transformer.in_service",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One quantity: rows of its table [element], and their values [element, scenario], contiguous."""

    table: str
    column: str
    rows: IntArray
    values: FloatArray


@dataclass(frozen=True)
class Scenarios:
    """Values by quantity, for `count` scenarios named by `index`."""

    index: pd.Index
    parts: Mapping[str, Part]

    @property
    def count(self) -> int:
        return len(self.index)

    def part(self, key: str) -> Part | None:
        return self.parts.get(key)

    def some(self, scenarios: IntArray) -> Scenarios:
        """The scenarios named by their numbers."""
        parts = {
            key: Part(p.table, p.column, p.rows, np.ascontiguousarray(p.values[:, scenarios]))
            for key, p in self.parts.items()
        }
        return Scenarios(self.index[scenarios], parts)


class HasTables(Protocol):
    """A network or a feeder."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]: ...


def read_scenarios(
    net: HasTables, given: Mapping[str, Any] | Scenarios, settable: Sequence[str] = SETTABLE
) -> Scenarios:
    """Scenarios of a network or feeder, which may set the quantities `settable`.

    Raises `BadInput` where a quantity cannot be set, an id does not exist, or the counts of rows differ.
    """
    if isinstance(given, Scenarios):
        return given
    unknown = sorted(set(given) - set(settable))
    if unknown:
        raise BadInput(
            f"{len(unknown)} quantities cannot be set by scenarios: {listed(unknown)}. "
            f"Can be set: {', '.join(settable)}.",
            keys=unknown,
        )
    if not given:
        raise BadInput("No scenarios: give at least one quantity, such as 'load.p_mw', with a row per scenario.")
    parts, indices = {}, {}
    for key, value in given.items():
        parts[key], indices[key] = _read(net, key, value)
    counts = {key: len(index) for key, index in indices.items()}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{key} {count}" for key, count in counts.items())
        raise BadInput(f"Every quantity needs a row for every scenario, but the counts differ: {shown}.", counts=counts)
    index = next((i for i in indices.values() if not isinstance(i, pd.RangeIndex)), next(iter(indices.values())))
    return Scenarios(index.rename("scenario"), parts)


def _read(net: HasTables, key: str, value: Any) -> tuple[Part, pd.Index]:
    table, column = key.split(".")
    ids = net.tables[table].index
    if hasattr(value, "dims"):
        value = value.transpose("scenario", table).to_pandas()
    if isinstance(value, pd.DataFrame):
        rows, index = ids.get_indexer(value.columns.astype(str)), value.index
        missing = [str(c) for c in value.columns[rows < 0]]
        if missing:
            raise BadInput(
                f"{key}: {len(missing)} columns name no {table}: {listed(missing)}. The network has {len(ids)}.",
                ids=missing,
            )
        doubled = value.columns[value.columns.duplicated()]
        if len(doubled):
            raise BadInput(f"{key}: {len(doubled)} columns stand twice: {listed([str(c) for c in doubled])}.")
        array = value.to_numpy(dtype=float)
    else:
        array = np.asarray(value, dtype=float)
        if array.ndim != 2 or array.shape[1] != len(ids):
            raise BadInput(
                f"{key}: expected [scenario, {table}] with {len(ids)} columns, one for each {table}; "
                f"got {array.shape}.",
                shape=array.shape,
            )
        rows, index = np.arange(len(ids)), pd.RangeIndex(array.shape[0])
    return Part(table, column, np.asarray(rows, dtype=np.int64), np.ascontiguousarray(array.T)), index
