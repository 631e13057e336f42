"""The regression baseline of a meter: what it would take without a measure, from weather, production and the calendar.

Daily energy = calendar + a change-point model of temperature (`change_points.py`) + every other driver times a factor,
by least squares over the days before the measure. That is option C of IPMVP (the whole facility) with the statistics
of ASHRAE Guideline 14. Equations: docs/math/savings.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.market.savings.change_points import MODELS, Bend, bend, by_points, columns
from gridloop.market.savings.days import OFF, SATURDAY, Days, days_of, driver_days, kinds_of, shape_of
from gridloop.market.savings.uncertainty import covariance, lag_one
from gridloop.units import FloatArray

CALENDARS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "none": (),
    "working": ((SATURDAY, OFF),),
    "week": ((SATURDAY,), (OFF,)),
}
"""Kinds of days that get a level of their own: none, days off as one, or Saturdays and other days off apart."""

LEAST_DAYS = 30
DAYS_PER_PARAMETER = 6
SEASONS_DAYS = 330  # fewer days of baseline have not seen a whole year of weather
BEYOND = 0.10  # ASHRAE Guideline 14: no further than 10 % outside what the baseline has seen
# What is asked of a fit. Guideline 14 (2014, 4.3.2.1): CV(RMSE) at most 20 % for less than a year after the measure
# and 25 % up to five; net bias of the fit 0.005 %; IPMVP: R² above 0.75, t above 2.
MOST_CV_RMSE, MOST_BIAS, LEAST_R2, LEAST_T = 0.20, 0.00005, 0.75, 2.0


@dataclass(frozen=True, eq=False)
class EnergyBaseline:
    """A fitted baseline. Energies are MWh per local day.

    model, calendar  the change-point model and the kinds of days that won; points the change points [°C]
    terms     index term; value, standard_error (knows of autocorrelation), t
    days      local day; energy_mwh, predicted_mwh, left_mwh
    r2, cv_rmse, nmbe  of the fit, as shares; autocorrelation of neighbouring days; effective_days n (1 − ρ) / (1 + ρ)
    """

    model: str
    calendar: str
    points: tuple[float, ...]
    terms: pd.DataFrame
    days: pd.DataFrame
    drivers: pd.DataFrame
    r2: float
    cv_rmse: float
    nmbe: float
    autocorrelation: float
    effective_days: float
    left_out_days: int
    zone: str
    holidays: tuple[dt.date, ...]
    temperature: str | None
    shape: pd.DataFrame
    design: FloatArray

    @classmethod
    def fit(
        cls,
        meter_mw: pd.Series,
        drivers: pd.DataFrame | None = None,
        *,
        zone: str = "UTC",
        temperature: str = "temperature_c",
        models: Sequence[str] = MODELS,
        calendars: Sequence[str] = tuple(CALENDARS),
        holidays: Sequence[dt.date] = (),
    ) -> EnergyBaseline:
        """Fit the days before a measure.

        meter_mw     mean power, regular, UTC; NaN where missing (days with a gap are left out)
        drivers      what energy follows: a column `temperature` [°C], others such as production enter linearly; rows of
                     any regular length (UTC), or one per local day
        models, calendars  those that may win; one of each to settle it
        holidays     days that count as Sundays

        Raises `OutOfRange` where the days are too few, with how many are needed, and where a driver never changes.
        """
        wrong = [name for name in models if name not in MODELS] + [c for c in calendars if c not in CALENDARS]
        if wrong or not models or not calendars:
            raise OutOfRange(
                f"baseline: unknown {listed(wrong)}; models are {listed(list(MODELS), 9)}, calendars "
                f"{listed(list(CALENDARS), 9)}.",
                unknown=wrong,
            )
        found = days_of(meter_mw, drivers, zone)
        named = temperature if temperature in found.drivers.columns else None
        others = [str(name) for name in found.drivers.columns if name != named]
        _enough(found, len(others), models, named)
        steady = [name for name in [*others, *([named] if named else [])] if found.drivers[name].nunique() < 2]
        if steady:
            raise OutOfRange(
                f"baseline: {listed(steady)} never changes in the {len(found)} days; what it does to energy cannot be "
                "told. Leave it out, or give days in which it changes."
            )
        best, calendar = _best(found, named, others, models, calendars, holidays)
        days = pd.DatetimeIndex(found.energy_mwh.index)
        whole, names = _design(best, days, found.drivers, named, others, calendar, holidays)
        return cls._of(found, best, calendar, whole, names, meter_mw, zone, tuple(holidays), named)

    @classmethod
    def _of(
        cls,
        found: Days,
        best: Bend,
        calendar: str,
        design: FloatArray,
        names: list[str],
        meter_mw: pd.Series,
        zone: str,
        holidays: tuple[dt.date, ...],
        temperature: str | None,
    ) -> EnergyBaseline:
        y = found.energy_mwh.to_numpy(dtype=float)
        n, k = len(y), best.k
        predicted = design[:, : len(names)] @ best.coefficients
        left = y - predicted
        spread = float(((y - y.mean()) ** 2).sum())
        error = np.sqrt(np.clip(np.diag(covariance(design, left)), 0, None))
        with np.errstate(divide="ignore"):
            t = np.divide(np.abs(best.coefficients), error[: len(names)])
        rho = lag_one(left)
        mean = float(y.mean())
        terms = pd.DataFrame(
            {"value": best.coefficients, "standard_error": error[: len(names)], "t": t}, index=pd.Index(names)
        )
        return cls(
            model=best.model, calendar=calendar, points=best.points, terms=terms.rename_axis("term"),
            days=pd.DataFrame({"energy_mwh": y, "predicted_mwh": predicted, "left_mwh": left},
                              index=found.energy_mwh.index.rename("day")),
            drivers=found.drivers, r2=1 - best.sse / spread if spread > 0 else float("nan"),
            cv_rmse=float(np.sqrt(best.sse / max(n - k, 1))) / abs(mean) if mean else float("nan"),
            nmbe=float(left.sum()) / (max(n - k, 1) * mean) if mean else float("nan"),
            autocorrelation=rho, effective_days=n * (1 - max(rho, 0)) / (1 + max(rho, 0)),
            left_out_days=found.left_out, zone=zone, holidays=holidays, temperature=temperature,
            shape=shape_of(meter_mw, zone, holidays), design=design,
        )  # fmt: skip

    def rows(self, days: pd.DatetimeIndex, drivers: pd.DataFrame) -> FloatArray:
        """Rows of the design for other days, with the change points' columns last. drivers by local day."""
        others = [name for name in self.drivers.columns if name != self.temperature]
        absent = [str(name) for name in self.drivers.columns if name not in drivers.columns]
        if absent:
            raise MissingColumn(f"drivers: {listed(absent)} is missing; the baseline was fitted with it.", names=absent)
        known = Bend(
            self.model, (), self.points, self.terms["value"].to_numpy(dtype=float), 0.0, 0
        )  # fmt: skip
        design, _ = _design(known, days, drivers, self.temperature, others, self.calendar, self.holidays)
        return design

    def predict(self, drivers: pd.DataFrame | pd.DatetimeIndex) -> pd.Series:
        """Energy of other days under their own drivers, MWh; NaN where a driver is missing.

        drivers  as in `fit`; a baseline without drivers takes the local days alone
        """
        table = self.days_of_drivers(drivers)
        rows = self.rows(pd.DatetimeIndex(table.index), table)
        return pd.Series(rows[:, : len(self.terms)] @ self.terms["value"].to_numpy(dtype=float), index=table.index,
                         name="predicted_mwh")  # fmt: skip

    def days_of_drivers(self, drivers: pd.DataFrame | pd.DatetimeIndex) -> pd.DataFrame:
        """Drivers by local day."""
        if isinstance(drivers, pd.DatetimeIndex):
            local = drivers if drivers.tz is None else drivers.tz_convert(self.zone).tz_localize(None)
            return pd.DataFrame(index=local.normalize().unique())
        return driver_days(drivers, self.zone)

    def beyond(self, drivers: pd.DataFrame) -> int:
        """Days of other drivers that lie more than 10 % outside what the baseline has seen."""
        if not len(self.drivers.columns):
            return 0
        low, high = self.drivers.min(), self.drivers.max()
        room = BEYOND * (high - low)
        inside = drivers[list(self.drivers.columns)]
        return int(((inside < low - room) | (inside > high + room)).any(axis=1).sum())

    @property
    def verdicts(self) -> pd.DataFrame:
        """What is asked of a fit: index criterion; value, limit, kept."""
        slopes = self.terms.drop(
            index=[i for i in self.terms.index if i == "constant" or str(i).startswith("level of")]
        )
        least = float(slopes["t"].min()) if len(slopes) else float("nan")
        rows = {
            "CV(RMSE)": (self.cv_rmse, MOST_CV_RMSE, self.cv_rmse <= MOST_CV_RMSE),
            "NMBE": (self.nmbe, MOST_BIAS, abs(self.nmbe) <= MOST_BIAS),
            "R²": (self.r2, LEAST_R2, self.r2 >= LEAST_R2),
            "smallest t of a driver": (least, LEAST_T, not least < LEAST_T),
            "days": (float(len(self.days)), float(SEASONS_DAYS), len(self.days) >= SEASONS_DAYS),
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "limit", "kept"]).rename_axis("criterion")

    def sentences(self) -> list[str]:
        """What somebody should know who relies on it."""
        said = []
        for name, row in self.verdicts.iterrows():
            if not row["kept"]:
                number = (
                    f"{row['value']:.3g}" if name in ("R²", "smallest t of a driver", "days") else f"{row['value']:.1%}"
                )
                limit = (
                    f"{row['limit']:.3g}" if name in ("R²", "smallest t of a driver", "days") else f"{row['limit']:.3%}"
                )
                said.append(f"{name} is {number}, asked for is {limit}.")
        return said


def _enough(found: Days, others: int, models: Sequence[str], temperature: str | None) -> None:
    """Raises `OutOfRange` with how many days are needed."""
    most = 3 + others + (0 if temperature is None else max(4 if m == "5P" else 3 if m == "4P" else 2 for m in models))
    needed = max(LEAST_DAYS, DAYS_PER_PARAMETER * most)
    if len(found) < needed:
        left = f"; {found.left_out} more lack values" if found.left_out else ""
        raise OutOfRange(
            f"baseline: {len(found)} whole days{left}. A model of up to {most} parameters needs {needed}: give "
            f"{needed - len(found)} more, or fewer drivers. A year is what ASHRAE Guideline 14 asks for.",
            days=len(found),
            needed=needed,
        )


def _best(
    found: Days,
    temperature: str | None,
    others: list[str],
    models: Sequence[str],
    calendars: Sequence[str],
    holidays: Sequence[dt.date],
) -> tuple[Bend, str]:
    """The model and calendar with the smallest criterion."""
    y = found.energy_mwh.to_numpy(dtype=float)
    days = pd.DatetimeIndex(found.energy_mwh.index)
    t = np.zeros(len(y)) if temperature is None else found.drivers[temperature].to_numpy(dtype=float)
    tried: list[tuple[float, Bend, str]] = []
    for calendar in calendars:
        fixed, _ = _fixed(days, found.drivers, others, calendar, holidays)
        for model in models if temperature is not None else ("mean",):
            made = bend(model, y, fixed, t)
            if made is not None:
                tried.append((made.criterion(len(y)), made, calendar))
    if not tried:
        raise OutOfRange(
            "baseline: no model fits these days: a driver is a copy of another or of the calendar, or every slope has "
            "the wrong sign. Leave drivers out, or allow the model mean.",
            models=list(models),
        )
    _, best, calendar = min(tried, key=lambda each: each[0])
    return best, calendar


def _fixed(
    days: pd.DatetimeIndex, drivers: pd.DataFrame, others: list[str], calendar: str, holidays: Sequence[dt.date]
) -> tuple[FloatArray, list[str]]:
    """Constant, levels of kinds of days, and drivers that enter linearly. [day, column]"""
    kind = kinds_of(days, holidays)
    levels = CALENDARS[calendar]
    parts = [np.ones(len(days)), *(np.isin(kind, list(level)).astype(float) for level in levels)]
    names = ["constant", *(f"level of {' and '.join(level)}" for level in levels)]
    parts += [drivers[name].to_numpy(dtype=float) for name in others]
    return np.column_stack(parts), [*names, *others]


def _design(
    best: Bend,
    days: pd.DatetimeIndex,
    drivers: pd.DataFrame,
    temperature: str | None,
    others: list[str],
    calendar: str,
    holidays: Sequence[dt.date],
) -> tuple[FloatArray, list[str]]:
    """All columns and their names; the change points' own columns stand last, without a name."""
    fixed, names = _fixed(days, drivers, others, calendar, holidays)
    if temperature is None:
        return fixed, names
    t = drivers[temperature].to_numpy(dtype=float)
    of_t, own = columns(best.model, t, best.points)
    moved = by_points(best.model, t, best.points, best.coefficients[fixed.shape[1] :])
    return np.hstack([fixed, own, moved]), [*names, *of_t]
