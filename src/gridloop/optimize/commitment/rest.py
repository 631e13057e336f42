"""What there is beside thermal units: renewables, storage, flexible load; and the balance of it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gridloop.kernel import unit_columns as kernel
from gridloop.network.unit_system import FLEXIBLE_COLUMNS, STORAGE_COLUMNS, UnitSystem
from gridloop.optimize.commitment.arrays import UnitArrays
from gridloop.optimize.commitment.least_times import later
from gridloop.optimize.commitment.program import Writer
from gridloop.optimize.commitment.tight import OnOff, Output
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Case:
    """One scenario: how likely it is, its demand [hour] and what renewables may give [hour, renewable], MW."""

    weight: float
    demand: FloatArray
    renewable_min: FloatArray
    renewable_max: FloatArray


@dataclass
class Injections:
    """Columns of one scenario that are no thermal units, by quantity, [id, hour]; and how they enter the balance."""

    columns: dict[str, IntArray] = field(default_factory=dict)
    signs: dict[str, float] = field(default_factory=dict)

    def add(self, quantity: str, columns: IntArray, sign: float = 0.0) -> None:
        """sign +1 injects, −1 consumes, 0 does neither."""
        self.columns[quantity] = columns
        self.signs[quantity] = sign


def add_renewables(model: Writer, case: Case, into: Injections) -> None:
    """Between what has to be taken and what there is; the rest is curtailed, at no cost."""
    hours, n = case.renewable_max.shape
    columns = model.add_columns(n * hours, lower=case.renewable_min.T.ravel(), upper=case.renewable_max.T.ravel())
    into.add("renewable", columns.reshape(n, hours), 1.0)


def add_storage(model: Writer, system: UnitSystem, into: Injections) -> None:
    """Energy of the hour before, plus what is charged, minus what is discharged, with the losses of both."""
    table, hours = system.storage, system.hours
    n = len(table)
    if n == 0:
        return
    column = {c: np.repeat(table[c].to_numpy(dtype=float), hours) for c in STORAGE_COLUMNS}
    charge = model.add_columns(n * hours, upper=column["charge_max_mw"]).reshape(n, hours)
    discharge = model.add_columns(n * hours, upper=column["discharge_max_mw"]).reshape(n, hours)
    least = np.zeros((n, hours))
    least[:, -1] = table["energy_end_mwh"].to_numpy(dtype=float)
    energy = model.add_columns(n * hours, lower=least.ravel(), upper=column["energy_max_mwh"]).reshape(n, hours)
    for k in range(n):
        row = table.iloc[k]
        before = np.zeros(hours)
        before[0] = row["energy_before_mwh"]
        model.add_rows(
            [
                (energy[k], 1.0),
                (later(energy[k], -1), -1.0),
                (charge[k], -float(row["charge_efficiency"])),
                (discharge[k], 1.0 / float(row["discharge_efficiency"])),
            ],
            lower=before,
            upper=before,
            n=hours,
        )
    into.add("charge", charge, -1.0)
    into.add("discharge", discharge, 1.0)
    into.add("energy", energy)


def add_flexible_load(model: Writer, system: UnitSystem, case: Case, into: Injections) -> None:
    """Load that is shed at a price, or left out in one hour and made up for within the same block of hours."""
    table, hours = system.flexible, system.hours
    n = len(table)
    if n == 0:
        return
    column = {c: np.repeat(table[c].to_numpy(dtype=float), hours) for c in FLEXIBLE_COLUMNS}
    price = case.weight * column["curtail_cost_per_mwh"]
    curtailed = model.add_columns(n * hours, cost=price, upper=column["curtail_max_mw"]).reshape(n, hours)
    left_out = model.add_columns(n * hours, upper=column["shift_max_mw"]).reshape(n, hours)
    made_up = model.add_columns(n * hours, upper=column["shift_max_mw"]).reshape(n, hours)
    for k in range(n):
        block = np.arange(hours) // max(int(table.iloc[k]["shift_within_h"]), 1)
        rows = model.add_rows([], lower=0.0, upper=0.0, n=int(block[-1]) + 1)
        model.add_entries(rows[block], left_out[k], 1.0)
        model.add_entries(rows[block], made_up[k], -1.0)
    into.add("curtailed", curtailed, 1.0)
    into.add("left_out", left_out, 1.0)
    into.add("made_up", made_up, -1.0)


def add_balance(
    model: Writer, arrays: UnitArrays, on_off: OnOff, output: Output, others: Injections, demand: FloatArray
) -> IntArray:
    """Output of units and others is the demand in every hour; returns the rows. Their duals are prices."""
    rows = model.add_rows([], lower=demand, upper=demand, n=arrays.hours)
    p_min = np.repeat(arrays.column(kernel.P_MIN), arrays.hours)
    _sum_into(model, rows, on_off.u, p_min)
    _sum_into(model, rows, output.p, 1.0)
    for quantity, columns in others.columns.items():
        if others.signs[quantity] != 0.0:
            _sum_into(model, rows, columns, others.signs[quantity])
    return rows


def add_requirement(model: Writer, columns: IntArray, wanted: FloatArray) -> IntArray:
    """Reserve or regulation of all units, [unit, hour], is at least what is wanted [hour]; returns the rows."""
    rows = model.add_rows([], lower=wanted, n=wanted.size)
    _sum_into(model, rows, columns, 1.0)
    return rows


def _sum_into(model: Writer, rows: IntArray, columns: IntArray, values: float | FloatArray) -> None:
    """Add columns [any, hour] to the row of their hour, where there is one."""
    spread = np.broadcast_to(np.asarray(values, dtype=float), columns.size)
    kept = columns.ravel() >= 0
    model.add_entries(np.tile(rows, columns.shape[0])[kept], columns.ravel()[kept], spread[kept])


def read_injections(others: Injections, x: FloatArray) -> Mapping[str, FloatArray]:
    """Values of the columns, [id, hour]."""
    return {quantity: x[columns] for quantity, columns in others.columns.items()}
