"""What the checker says: every broken rule with its element, hour, value, limit and excess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gridloop.units import BASE_MVA, BoolArray, FloatArray

COLUMNS = ("kind", "element", "hour", "value", "limit", "excess", "unit", "excess_pu")

# What one per unit is, by the unit in which a value is told. Money is compared relative to its own size.
# Units that are not here are power or energy: the ledger knows how much of those is one.
_PER_UNIT = {"pu": 1.0, "deg": 180 / np.pi, "": 1.0}


@dataclass(frozen=True)
class Checked:
    """The verdict on one solution.

    ok        True where nothing is broken by more than the tolerance
    worst_pu  largest excess over all rules, broken or not: power on 100 MVA, voltage per unit, angle in radians;
              NaN where the solution could not be checked at all
    cost      recomputed from the case's own tables; NaN where values are missing
    findings  one row per broken rule, the worst first: kind, element, hour (NaN where there are no hours), value,
              limit, excess and unit as a person reads them, excess_pu as compared with the tolerance
    """

    ok: bool
    worst_pu: float
    cost: float
    findings: pd.DataFrame

    def sentences(self, most: int = 5) -> list[str]:
        """The worst findings as sentences."""
        told = []
        for row in self.findings.head(most).to_dict("records"):
            at = "" if _missing(row["hour"]) else f" in hour {row['hour']}"
            unit = f" {row['unit']}" if row["unit"] not in ("", "money") else ""
            if np.isfinite(row["excess"]):
                allowed = f"{row['limit']:.6g}{unit} is right, off by {row['excess']:.3g}{unit}"
                told.append(f"{row['kind']} of {row['element']}{at}: {row['value']:.6g}{unit}, {allowed}.")
            else:
                told.append(f"{row['kind']} of {row['element']}{at}: no value.")
        if len(self.findings) > most:
            told.append(f"{len(self.findings) - most} more.")
        return told


def _missing(hour: Any) -> bool:
    return hour is None or (isinstance(hour, float) and np.isnan(hour))


@dataclass
class Ledger:
    """Collects what is broken, and the largest excess of all.

    base_mva  power and energy that are one per unit
    """

    tolerance_pu: float
    worst_pu: float = 0.0
    refused: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list)
    base_mva: float = BASE_MVA

    def equal(self, kind: str, names: Sequence[Any], value: Any, right: Any, unit: str, hours: Any = None) -> None:
        """Values that have to be equal."""
        value, right = np.broadcast_arrays(np.asarray(value, dtype=float), np.asarray(right, dtype=float))
        self._note(kind, names, value, right, np.abs(value - right), unit, hours)

    def at_most(self, kind: str, names: Sequence[Any], value: Any, limit: Any, unit: str, hours: Any = None) -> None:
        """Values that may not exceed their limit; a limit of NaN is none."""
        value, limit = np.broadcast_arrays(np.asarray(value, dtype=float), np.asarray(limit, dtype=float))
        self._note(kind, names, value, limit, np.where(np.isnan(limit), -np.inf, value - limit), unit, hours)

    def at_least(self, kind: str, names: Sequence[Any], value: Any, limit: Any, unit: str, hours: Any = None) -> None:
        """Values that may not stay below their limit; a limit of NaN is none."""
        value, limit = np.broadcast_arrays(np.asarray(value, dtype=float), np.asarray(limit, dtype=float))
        self._note(kind, names, value, limit, np.where(np.isnan(limit), -np.inf, limit - value), unit, hours)

    def missing(self, kind: str, names: Sequence[Any], absent: BoolArray | None = None, hours: Any = None) -> None:
        """Values that are not there: such a solution is refused."""
        absent = np.ones(len(names), dtype=bool) if absent is None else absent
        if not absent.any():
            return
        self.refused = True
        nothing = np.full(absent.shape, np.nan)
        self._rows(kind, names, nothing, nothing, nothing, "", nothing, np.argwhere(absent), hours)

    def same_cost(self, kind: str, names: Sequence[Any], value: Any, right: Any) -> None:
        """Sums of money that have to be right to the tolerance, relative to their own size (at least to 1)."""
        self.equal(kind, names, np.atleast_1d(value), np.atleast_1d(right), "money")

    def _note(
        self,
        kind: str,
        names: Sequence[Any],
        value: FloatArray,
        limit: FloatArray,
        excess: FloatArray,
        unit: str,
        hours: Any,
    ) -> None:
        if not value.size:
            return
        lost = np.isnan(excess)
        if lost.any():
            self.missing(kind, names, lost, hours)
            excess = np.where(lost, -np.inf, excess)
        scale = np.maximum(np.abs(limit), 1.0) if unit == "money" else _PER_UNIT.get(unit, self.base_mva)
        excess_pu = excess / scale
        worst = float(excess_pu.max())
        self.worst_pu = max(self.worst_pu, worst)
        if not worst > self.tolerance_pu:
            return
        broken = np.argwhere(excess_pu > self.tolerance_pu)
        self._rows(kind, names, value, limit, excess, unit, excess_pu, broken, hours)

    def _rows(
        self,
        kind: str,
        names: Sequence[Any],
        value: FloatArray,
        limit: FloatArray,
        excess: FloatArray,
        unit: str,
        excess_pu: FloatArray,
        places: Any,
        hours: Any,
    ) -> None:
        """One row per place: the first axis is the element, the second, where there is one, the hour."""
        for place in places:
            at = tuple(place)
            hour: Any = np.nan
            if len(at) == 2:
                hour = at[1] if hours is None else hours[at[1]]
            elif hours is not None:
                hour = hours[at[0]]
            name = names[at[0]] if len(names) > 1 or len(at) == 2 else names[0]
            found = (kind, str(name), hour, value[at], limit[at], excess[at], unit, excess_pu[at])
            self.rows.append(dict(zip(COLUMNS, found, strict=True)))

    def verdict(self, cost: float) -> Checked:
        """All that was found."""
        table = pd.DataFrame(self.rows, columns=list(COLUMNS))
        if len(table):
            table = table.sort_values("excess_pu", ascending=False, kind="stable", na_position="first")
            table = table.reset_index(drop=True)
        return Checked(not self.rows, float("nan") if self.refused else self.worst_pu, float(cost), table)
