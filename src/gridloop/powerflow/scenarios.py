"""Scenarios: what differs from the network's tables, one row per scenario, read from what users hold.

    {"load.p_mw": values, "load.q_mvar": values, "generator.p_mw": values, …}

A value is a table [scenario, element]: a DataFrame with ids as columns (all elements or some), an xarray DataArray with
dimensions `scenario` and the table's name, or an array with a column for every row of the table. Floats are looked at
where they stand, in either order of memory; nothing is copied but integers, booleans and mixed columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange, listed
from gridloop.units import BoolArray, FloatArray, IntArray

# What scenarios may set.
SETTABLE = (
    "load.p_mw", "load.q_mvar", "load.in_service", "generator.p_mw", "generator.q_mvar", "generator.v_set_pu",
    "generator.in_service", "storage.p_mw", "storage.q_mvar", "storage.in_service", "source.v_set_pu",
    "transformer.tap_pos", "line.in_service", "transformer.in_service",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One quantity: rows of its table [element], and their values [element, scenario], float32 or float64."""

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
        """The scenarios named by their numbers; values are copied."""
        return self._with(self.index[scenarios], {key: p.values[:, scenarios] for key, p in self.parts.items()})

    def between(self, first: int, end: int) -> Scenarios:
        """The scenarios from `first` to before `end`; values are looked at where they stand."""
        return self._with(self.index[first:end], {key: p.values[:, first:end] for key, p in self.parts.items()})

    def _with(self, index: pd.Index, values: Mapping[str, FloatArray]) -> Scenarios:
        parts = {key: Part(p.table, p.column, p.rows, values[key]) for key, p in self.parts.items()}
        return Scenarios(index, parts)

    def missing(self) -> BoolArray:
        """Scenarios in which any value is NaN or infinite. [scenario]"""
        found = np.zeros(self.count, dtype=bool)
        for part in self.parts.values():
            found |= ~np.isfinite(part.values).all(axis=0)
        return found


class HasTables(Protocol):
    """A network or a feeder."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]: ...


def read_scenarios(
    net: HasTables, given: Mapping[str, Any] | Scenarios, settable: Sequence[str] = SETTABLE
) -> Scenarios:
    """Scenarios of a network or feeder, which may set the quantities `settable`.

    Raises `BadInput` where a quantity cannot be set, an id does not exist, values are no numbers, or the scenarios of
    two quantities differ in number or name.
    """
    if isinstance(given, Scenarios):
        return given
    if not isinstance(given, Mapping):
        raise BadInput(
            f"Scenarios are a mapping such as {{'load.p_mw': [scenario, load]}}, not {type(given).__name__}."
        )
    unknown = sorted(str(key) for key in set(given) - set(settable))
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
    return Scenarios(_common_index(indices).rename("scenario"), parts)


def _common_index(indices: Mapping[str, pd.Index]) -> pd.Index:
    """The names of the scenarios: of the quantities that have names, all the same."""
    counts = {key: len(index) for key, index in indices.items()}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{key} {count}" for key, count in counts.items())
        raise BadInput(f"Every quantity needs a row for every scenario, but the counts differ: {shown}.", counts=counts)
    named = {key: index for key, index in indices.items() if not isinstance(index, pd.RangeIndex)}
    if not named:
        return next(iter(indices.values()))
    first_key, first = next(iter(named.items()))
    for key, index in named.items():
        if not index.equals(first):
            k = int(np.flatnonzero(np.asarray(index != first))[0])
            raise BadInput(
                f"{first_key} and {key} name their scenarios differently, first in row {k}: {first[k]} and {index[k]}. "
                "Bring the rows into one order.",
                row=k,
            )
    doubled = [str(name) for name in first[first.duplicated()].unique()]
    if doubled:
        raise BadInput(
            f"{len(doubled)} scenarios stand twice: {listed(doubled)}. Give every row a name of its own.", names=doubled
        )
    return first


def _read(net: HasTables, key: str, value: Any) -> tuple[Part, pd.Index]:
    table, column = key.split(".")
    ids = net.tables[table].index
    if hasattr(value, "dims"):
        value = _plain(key, table, value)
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
        array = _floats(key, value)
    else:
        array = _floats(key, value)
        if array.ndim != 2 or array.shape[1] != len(ids):
            raise BadInput(
                f"{key}: expected [scenario, {table}] with {len(ids)} columns, one for each {table}; "
                f"got {array.shape}.",
                shape=array.shape,
            )
        rows, index = np.arange(len(ids)), pd.RangeIndex(array.shape[0])
    part = Part(table, column, np.asarray(rows, dtype=np.int64), array.T)
    _within(net, part)
    return part, index


def _within(net: HasTables, part: Part) -> None:
    """Raise where a set-point or a tap position is outside what the tables allow; NaN is no number and passes."""
    table = net.tables[part.table].iloc[part.rows]
    if part.column == "tap_pos":
        low, high = (table[name].to_numpy(dtype=float)[:, None] for name in ("tap_min", "tap_max"))
        allowed = "tap_min to tap_max"
    elif part.column == "v_set_pu":
        low, high, allowed = np.array([[0.0]]), np.array([[2.0]]), "0 to 2 pu"
    else:
        return
    outside = np.flatnonzero(((part.values < low) | (part.values > high)).any(axis=1))
    if outside.size:
        ids = [str(i) for i in table.index[outside]]
        raise OutOfRange(
            f"{part.table}.{part.column}: {len(ids)} leave {allowed} in some scenario (ids {listed(ids)}). Correct the "
            "values.",
            ids=ids,
        )


def _plain(key: str, table: str, value: Any) -> Any:
    """A DataArray as a DataFrame; as an array where its elements have no names."""
    if set(value.dims) != {"scenario", table}:
        raise BadInput(
            f"{key}: expected the dimensions scenario and {table}; got {', '.join(map(str, value.dims)) or 'none'}.",
            dims=tuple(value.dims),
        )
    value = value.transpose("scenario", table)
    return value.to_pandas() if table in value.coords else value.to_numpy()


def _floats(key: str, value: Any) -> FloatArray:
    """As an array of float32 or float64, without a copy where it is one."""
    try:
        array = value.to_numpy() if isinstance(value, pd.DataFrame) else np.asarray(value)
        if array.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            if np.iscomplexobj(array):
                raise TypeError("complex numbers")
            array = (
                value.to_numpy(dtype=float, na_value=np.nan)
                if isinstance(value, pd.DataFrame)
                else array.astype(np.float64)
            )
    except (TypeError, ValueError) as error:
        raise BadInput(f"{key}: expected real numbers, one per scenario and element, but found {error}.") from error
    return np.asarray(array)


def edited(net: HasTables, cases: Scenarios, scenario: int) -> dict[str, pd.DataFrame]:
    """The tables as one scenario, given by its number, has them."""
    tables = dict(net.tables)
    for part in cases.parts.values():
        table = tables[part.table].copy()
        values = table[part.column].to_numpy(copy=True)
        values[part.rows] = part.values[:, scenario]
        table[part.column] = values
        tables[part.table] = table
    return tables
