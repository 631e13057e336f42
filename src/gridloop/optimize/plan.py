"""Plan: set-points per device and interval, what they cost, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridloop.diagnosis import Diagnosis
from gridloop.optimize.devices.group import Quantity
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray

COLUMNS = ["device", "kind", "bus", "quantity", "valid_at", "hours", "value", "reason", "binding", "shadow_price"]
WITH_PLAN = ("optimal", "incumbent")


@dataclass(frozen=True)
class Plan:
    """What to do over a horizon.

    table     one row per device, quantity and interval: `COLUMNS`; reason, binding and shadow_price stand at the
              first interval of every set-point, for that is what is sent. The shadow price is what one more MWh (or
              Mvarh) injected at the device's bus is worth; `gridloop.optimize.explain` has the codes as sentences
    cost      total in money over the horizon, the worth of what stays stored included; NaN without a solution
    parts     the same by part
    check     per interval the AC state the plan was checked against; empty on a copper plate
    gave_way  limits that had to give way, by name, with the excess in % (grid) or MW (connection)
    status    optimal; incumbent: whole decisions not proven to be the best, the diagnosis says why; infeasible,
              unbounded, time_limit (nothing found) or no_ac_solution; refused where an independent check of it
              (`check_s`: its seconds) found a rule broken; diagnosis says why, and what gave way
    gap       share of its cost by which the plan could be beaten at most; 0 without whole decisions, infinite where
              nothing is known, NaN without a plan
    rounds    how often it was solved
    settled   False where plan and physics still differed after the last round, or regulators never came to rest
    local_price  worth of energy, interval × bus, in money per MWh
    limits    limits with a shadow price: limit, valid_at, shadow_price (money), unit; the dearest first
    """

    horizon: Horizon
    table: pd.DataFrame
    cost: float
    parts: Mapping[str, float]
    check: pd.DataFrame
    gave_way: Mapping[str, float]
    status: str
    diagnosis: Diagnosis | None = None
    rounds: int = 0
    solver_s: float = 0.0
    local_price: pd.DataFrame = field(default_factory=pd.DataFrame)
    limits: pd.DataFrame = field(default_factory=pd.DataFrame)
    settled: bool = True
    check_s: float = 0.0
    gap: float = 0.0

    @property
    def solved(self) -> bool:
        """True where there is a plan to follow: optimal or incumbent."""
        return self.status in WITH_PLAN

    def of(self, device: str, quantity: str) -> pd.Series:
        """One quantity of one device over the horizon."""
        rows = self.table[(self.table["device"] == device) & (self.table["quantity"] == quantity)]
        return rows.set_index("valid_at")["value"]

    def wide(self, quantity: str, kind: str | None = None) -> pd.DataFrame:
        """One quantity of all devices: interval × device."""
        rows = self.table[self.table["quantity"] == quantity]
        if kind is not None:
            rows = rows[rows["kind"] == kind]
        return rows.pivot(index="valid_at", columns="device", values="value")

    def setpoints(self) -> pd.DataFrame:
        """The rows of the first interval that carry a reason: what is sent."""
        now = self.table["valid_at"] == self.horizon.starts[0]
        return self.table[now & (self.table["reason"] != "")]


def plan_table(horizon: Horizon, parts: Sequence[tuple[str, Quantity]]) -> pd.DataFrame:
    """Long table of all quantities."""
    steps = len(horizon)
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in COLUMNS}
    for kind, q in parts:
        n = len(q.device)
        columns["device"].append(np.repeat(np.asarray(q.device, dtype=object), steps))
        columns["kind"].append(np.full(n * steps, kind, dtype=object))
        columns["bus"].append(np.repeat(np.asarray(q.bus, dtype=object), steps))
        columns["quantity"].append(np.full(n * steps, q.name, dtype=object))
        columns["value"].append(np.asarray(q.value, dtype=float).ravel())
        columns["reason"].append(_at_first(q.reason, "", n, steps))
        columns["binding"].append(_at_first(q.binding, "", n, steps))
        columns["shadow_price"].append(_at_first(q.shadow, np.nan, n, steps))
    n = sum(len(q.device) for _, q in parts)
    columns["valid_at"].append(np.tile(horizon.starts.asi8, n))
    columns["hours"].append(np.tile(horizon.hours, n))
    table = pd.DataFrame({name: np.concatenate(found) if found else [] for name, found in columns.items()})
    table["valid_at"] = pd.DatetimeIndex(table["valid_at"].astype("int64"), tz="UTC").as_unit("ns")
    return table


def _at_first(values: Sequence[str] | FloatArray | None, empty: str | float, n: int, steps: int) -> NDArray[Any]:
    """A column that has something to say about the first interval only. [device · step]"""
    column = np.full((n, steps), empty, dtype=object if isinstance(empty, str) else float)
    if values is not None:
        column[:, 0] = list(values)
    return column.ravel()
