"""Units of an economic dispatch as arrays over time: read from a table, checked, with what is available."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.optimize.cost_curve import CostCurve, read_curves
from gridloop.units import BoolArray, FloatArray

# What drives a renewable unit, as in the network's schema.
RENEWABLE = ("solar", "wind", "hydro", "biomass")
# Words that say nothing about what drives a unit: where no unit says more, no share of renewables is known.
UNKNOWN = ("", "other", "nan", "None")
# What follows the weather, so that the unit gives no reserve unless its table says otherwise.
WEATHER = ("solar", "wind")

# Column → value where the table has none. NaN: no limit, or not known.
COLUMNS: Mapping[str, float] = {
    "p_min_mw": 0.0,
    "p_max_mw": np.nan,
    "capacity_mw": np.nan,
    "cost_fixed_per_h": 0.0,
    "cost_linear_per_mwh": 0.0,
    "cost_quadratic_per_mw2h": 0.0,
    "emissions_t_per_mwh": np.nan,
    "ramp_mw_per_h": np.nan,
    "p_before_mw": np.nan,
    "reserve_max_mw": np.nan,
    "reserve_cost_per_mwh": 0.0,
}
_COSTS = ("cost_fixed_per_h", "cost_linear_per_mwh", "cost_quadratic_per_mw2h", "reserve_cost_per_mwh")


@dataclass(frozen=True, eq=False)
class Units:
    """Units over the steps of a dispatch.

    low, high   [unit, step] least and most output, MW; high is inf where there is no limit
    capacity    [unit] nameplate, MW: what the proportional baseline shares by
    fixed, linear, quadratic [unit] cost in money per h, MWh, MW²h; curves: piecewise cost, by unit
    emissions   [unit] t/MWh, NaN where not known;  renewable [unit];  weather [unit]; kinds: whether any is known
    ramp        [unit] MW/h, inf where not limited;  before [unit] MW before the first step, NaN where not known
    reserve_max [unit] most spinning reserve, MW, inf where only the headroom limits it
    reserve_cost [unit] money per MW of reserve and hour
    """

    id: pd.Index
    low: FloatArray
    high: FloatArray
    capacity: FloatArray
    fixed: FloatArray
    linear: FloatArray
    quadratic: FloatArray
    curves: dict[int, CostCurve]
    emissions: FloatArray
    kinds: bool
    renewable: BoolArray
    weather: BoolArray
    ramp: FloatArray
    before: FloatArray
    reserve_max: FloatArray
    reserve_cost: FloatArray

    @property
    def n(self) -> int:
        return len(self.id)

    def cost(self, p_mw: FloatArray) -> FloatArray:
        """Money per hour of every unit. [unit, step]"""
        cost = self.fixed[:, None] + self.linear[:, None] * p_mw + self.quadratic[:, None] * p_mw**2
        for k, curve in self.curves.items():
            cost[k] = curve.at(p_mw[k])
        return np.asarray(cost)

    def marginal(self, p_mw: FloatArray) -> FloatArray:
        """Cost of one more MWh of every unit; at a bend of a curve the dearer side. [unit, step]"""
        slope = self.linear[:, None] + 2 * self.quadratic[:, None] * p_mw
        for k, curve in self.curves.items():
            segment = np.searchsorted(curve.p_mw[1:-1], p_mw[k] + 1e-9, side="right")
            slope[k] = curve.slope[segment]
        return np.asarray(slope)


def read_units(
    table: pd.DataFrame, times: pd.Index, available: pd.DataFrame | pd.Series | Mapping[str, float] | None
) -> Units:
    """Units from a table with the columns of `COLUMNS`, `kind` and `cost_points`; one row per unit, index the id.

    available  most output by forecast, MW: one value per unit, or [time, unit]; units left out keep their p_max_mw

    Raises `BadInput`, `OutOfRange`, `MissingColumn`, `GapInSeries`.
    """
    if not len(table):
        raise BadInput("there is no unit to dispatch: the table is empty.")
    ids = pd.Index([str(i) for i in table.index], name="unit")
    twice = sorted(set(ids[ids.duplicated()]))
    if twice:
        raise BadInput(f"{len(twice)} units have the same id as another: {listed(twice)}.", ids=twice)
    if "p_max_mw" not in table.columns:
        raise MissingColumn(
            f"units need the column p_max_mw; the table has {listed([str(c) for c in table.columns], 8)}."
        )
    values = {name: _numbers(table, ids, name, none) for name, none in COLUMNS.items()}
    for name in _COSTS:
        _refuse(ids, np.isnan(values[name]), f"have no {name}", "Write 0 where running costs nothing.", GapInSeries)
    _refuse(ids, values["cost_quadratic_per_mw2h"] < 0, "have a cost that falls faster and faster",
            "Give cost_quadratic_per_mw2h of zero or more.", OutOfRange)  # fmt: skip
    _refuse(
        ids, values["ramp_mw_per_h"] < 0, "have a negative ramp_mw_per_h", "Give MW per hour, or nothing.", OutOfRange
    )
    points: pd.Series | list[str] = table["cost_points"].fillna("") if "cost_points" in table.columns else []
    curves = read_curves(points)
    bent = np.zeros(len(ids), dtype=bool)
    bent[[k for k, curve in curves.items() if not curve.p_mw.size or not curve.convex]] = True
    _refuse(
        ids,
        bent,
        "have cost_points that are no convex curve",
        'Write "0:0;50:900;100:2100", slopes rising.',
        OutOfRange,
    )
    kind = table["kind"].astype(str).to_numpy(dtype=object) if "kind" in table.columns else np.full(len(ids), "")
    p_max = np.where(np.isnan(values["p_max_mw"]), np.inf, values["p_max_mw"])
    low = np.where(np.isnan(values["p_min_mw"]), -np.inf, values["p_min_mw"])
    high = np.minimum(np.repeat(p_max[:, None], len(times), axis=1), _available(ids, times, available))
    over = low > p_max
    _refuse(ids, over, "have p_min_mw above p_max_mw", "Exchange or correct them.", OutOfRange)
    # What is not there cannot be a minimum: less wind than p_min is a fact, not a contradiction.
    lows = np.minimum(np.repeat(low[:, None], len(times), axis=1), high)
    capacity = np.where(np.isnan(values["capacity_mw"]), p_max, values["capacity_mw"])
    weather = np.isin(kind, WEATHER)
    asked = ~np.isnan(values["reserve_max_mw"])
    return Units(
        id=ids,
        low=lows,
        high=high,
        capacity=capacity,
        fixed=values["cost_fixed_per_h"],
        linear=values["cost_linear_per_mwh"],
        quadratic=values["cost_quadratic_per_mw2h"],
        curves=curves,
        emissions=values["emissions_t_per_mwh"],
        kinds=bool((~np.isin(kind, UNKNOWN)).any()),
        renewable=np.isin(kind, RENEWABLE),
        weather=weather,
        ramp=np.where(np.isnan(values["ramp_mw_per_h"]), np.inf, values["ramp_mw_per_h"]),
        before=values["p_before_mw"],
        reserve_max=np.where(asked, values["reserve_max_mw"], np.where(weather, 0.0, np.inf)),
        reserve_cost=values["reserve_cost_per_mwh"],
    )


def _numbers(table: pd.DataFrame, ids: pd.Index, name: str, none: float) -> FloatArray:
    if name not in table.columns:
        return np.full(len(ids), none)
    numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
    words = np.isnan(numbers) & table[name].notna().to_numpy()
    _refuse(
        ids,
        words | (np.isinf(numbers) & (name != "p_max_mw")),
        f"have a {name} that is no number",
        "Mend it.",
        BadInput,
    )
    return numbers


def _refuse(ids: pd.Index, wrong: BoolArray, problem: str, remedy: str, kind: type[BadInput]) -> None:
    if wrong.any():
        names = list(ids[wrong])
        raise kind(f"{len(names)} units {problem}: {listed(names)}. {remedy}", ids=names)


def _available(
    ids: pd.Index, times: pd.Index, available: pd.DataFrame | pd.Series | Mapping[str, float] | None
) -> FloatArray:
    """Most output by forecast. [unit, step]; inf where nothing is said"""
    most = np.full((len(ids), len(times)), np.inf)
    if available is None:
        return most
    if isinstance(available, pd.DataFrame):
        if available.index.has_duplicates:
            twice = sorted({str(t) for t in available.index[available.index.duplicated()]})
            raise BadInput(f"what is available has {len(twice)} times more than once: {listed(twice)}.", steps=twice)
        missing = [str(t) for t in times if t not in available.index]
        if missing:
            raise GapInSeries(
                f"what is available is not given for {len(missing)} of {len(times)} steps: {listed(missing)}.",
                steps=missing,
            )
        frame = available.loc[list(times)]
    elif isinstance(available, (pd.Series, Mapping)):
        keys = [str(u) for u in (available.index if isinstance(available, pd.Series) else available)]
        one = np.array(list(available.to_numpy() if isinstance(available, pd.Series) else available.values()), object)
        frame = pd.DataFrame(np.tile(one, (len(times), 1)), index=times, columns=keys)
    else:
        raise BadInput("what is available is one number per unit by its id, or a table [time, unit].")
    unknown = [str(u) for u in frame.columns if str(u) not in ids]
    if unknown:
        raise BadInput(f"{len(unknown)} units with a forecast are not in the table: {listed(unknown)}.", ids=unknown)
    columns = pd.Index([str(u) for u in frame.columns])
    again = sorted(set(columns[columns.duplicated()]))
    if again:
        raise BadInput(f"{len(again)} units have more than one forecast: {listed(again)}.", ids=again)
    place = ids.get_indexer(columns)
    try:
        values = frame.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise BadInput(f"what is available is no number in places: {error}.") from error
    if np.isnan(values).any():
        steps = int(np.isnan(values).any(axis=1).sum())
        raise GapInSeries(f"what is available is missing in {steps} steps; fill it by name first.", steps=steps)
    if (values < 0).any():
        raise OutOfRange(
            f"what is available is negative in places, down to {values.min():g} MW.", least=float(values.min())
        )
    most[place] = values.T
    return most
