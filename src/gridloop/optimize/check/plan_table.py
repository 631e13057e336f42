"""The table of a plan as arrays: each quantity of each device in every interval, once, with a reason if it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Owners, Span, Values
from gridloop.optimize.check.devices.kinds import KINDS
from gridloop.units import FloatArray, IntArray

CONNECTION = ("connection", (("import_mw", False), ("export_mw", False)))
NEEDED = ("device", "kind", "bus", "quantity", "valid_at", "hours", "value", "reason")


def read_table(table: pd.DataFrame, devices: Sequence[Any], connection: str, span: Span, ledger: Ledger) -> Values:
    """Values by kind and quantity. Rows that are missing, twice there, of nobody or without a reason are noted."""
    absent = [name for name in NEEDED if name not in table]
    if absent:
        ledger.missing("column", absent)
        return {}
    quantities = _quantities(devices, connection)
    keys = [
        (kind, name, quantity, bus, sent)
        for (kind, quantity), (sent, named) in quantities.items()
        for name, bus in named
    ]
    row, step, known = _places(table, keys, span, ledger)
    count = np.zeros((len(keys), len(span.hours)))
    np.add.at(count, (row, step), 1.0)
    value = np.full(count.shape, np.nan)
    value[row, step] = table["value"].to_numpy(dtype=float)[known]
    names = [f"{name} {quantity}" for _, name, quantity, _, _ in keys]
    ledger.at_most("rows", names, count, 1.0, "", span.starts)
    ledger.missing("value", names, ~np.isfinite(value), span.starts)
    longest = np.zeros(len(keys))
    np.maximum.at(longest, row, np.abs(table["hours"].to_numpy(dtype=float)[known] - span.hours[step]))
    ledger.at_most("length of an interval", names, longest, 0.0, "")
    first = known[step == 0]
    reason = np.zeros(len(keys), dtype=bool)
    reason[row[step == 0]] = table["reason"].to_numpy()[first] != ""
    ledger.missing("reason", names, np.array([key[4] for key in keys]) & ~reason)
    return _split(quantities, value)


def _places(
    table: pd.DataFrame, keys: list[tuple[str, str, str, str, bool]], span: Span, ledger: Ledger
) -> tuple[IntArray, IntArray, IntArray]:
    """Key and interval of every row of the table, and the rows that have both."""
    columns = [table[name].to_numpy(dtype=object) for name in ("kind", "device", "quantity", "bus")]
    # Rows of one quantity stand together: only where something changes a new key begins.
    new = np.ones(len(table), dtype=bool)
    new[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    begin = np.flatnonzero(new)
    place = {key[:4]: k for k, key in enumerate(keys)}
    of_block = [place.get(key, -1) for key in zip(*(column[begin] for column in columns), strict=True)]
    row = np.asarray(of_block, dtype=np.int64)[np.cumsum(new) - 1] if len(table) else np.zeros(0, dtype=np.int64)
    moments = pd.DatetimeIndex(table["valid_at"]).as_unit("ns").asi8
    starts = span.starts.as_unit("ns").asi8
    step = np.clip(np.searchsorted(starts, moments), 0, starts.size - 1)
    strange = (row < 0) | (starts[step] != moments)
    if strange.any():
        ledger.missing("row of nobody, or of no interval", table["device"].astype(str).tolist(), strange)
    known = np.flatnonzero(~strange)
    return row[known], step[known], known


def _quantities(devices: Sequence[Any], connection: str) -> dict[tuple[str, str], tuple[bool, Owners]]:
    """(kind, quantity) → whether it is sent, and (id, bus) of everything that has rows of it."""
    found = {
        (kind.name, quantity): (sent, kind.owners_of(quantity, devices))
        for kind in KINDS
        for quantity, sent in kind.quantities
    }
    name, quantities = CONNECTION
    return found | {(name, quantity): (sent, [(connection, "")]) for quantity, sent in quantities}


def _split(quantities: Mapping[tuple[str, str], tuple[bool, Owners]], value: FloatArray) -> Values:
    values, first = {}, 0
    for key, (_, named) in quantities.items():
        values[key] = value[first : first + len(named)]
        first += len(named)
    return values
