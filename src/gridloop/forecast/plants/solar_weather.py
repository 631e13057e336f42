"""WeatherSolar: solar power from weather forecasts, physics and the newest output; one model per plant.

Fit: every past issue is seen as it was, with the newest weather run known by then. Tilt and azimuth that nobody told
are fitted; curtailed, snowed-in and dead hours are found, reported and left out; trees learn the quantiles of output
over capacity. A model that has not seen the newest weeks forecasts them: their ranks calibrate the levels. Predict: the
same columns, the trees, the levels as the newest ranks would have them. Equations in docs/math/forecast-solar.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, MissingColumn, OutOfRange, listed
from gridloop.forecast.bands.rank_calibration import WINDOW_DAYS, RankCalibration
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past
from gridloop.forecast.known.record import Record
from gridloop.forecast.known.weather_runs import Runs, issues, of_point
from gridloop.forecast.models.level_boosting import LevelBoosting
from gridloop.forecast.plants.solar_features import (
    AROUND_H,
    View,
    expected,
    mean_known,
    newest_columns,
    season_columns,
    view,
    weather_columns,
)
from gridloop.forecast.plants.solar_fit import fit_plane
from gridloop.forecast.plants.solar_masks import find_masks, masked
from gridloop.forecast.plants.solar_plant import Plant
from gridloop.units import BoolArray, FloatArray, IntArray

LEAST_DAYS = 30.0
"""Days with light, weather and output below which no model is learned."""

LEAST_ROWS = 250
BLIND_SHARE = 0.25
"""At most this share of the days is kept from the model whose ranks calibrate."""

MOST_ROWS = 40_000
"""Rows of a plant that trees learn from; of more a part is drawn."""

BRIGHT = 0.01
"""Share of capacity that physics expects at least where ranks are taken: dusk is zero anyway."""


@dataclass(frozen=True)
class _Learned:
    """What one plant's fit left: trees, the last slot they saw, and ranks of the newest weeks with their slots."""

    trees: LevelBoosting
    last: int
    slots: IntArray
    ranks: FloatArray


class WeatherSolar:
    """The models of all plants.

    plants   by point; those without tilt or azimuth are fitted
    seed     of the trees
    trees    per level; levels: those that trees learn
    `plants`, `masked` (point, start, end, kind, intervals, missing_mwh) and `notes` say what the fit found.
    """

    def __init__(self, plants: Mapping[str, Plant], *, seed: int, trees: int, levels: Sequence[float]) -> None:
        self.plants = dict(plants)
        self.points = tuple(plants)
        self.masked = pd.DataFrame()
        self.notes: tuple[str, ...] = ()
        self._seed, self._trees, self._levels = seed, trees, tuple(levels)
        self._learned: dict[str, _Learned] = {}

    # ------------------------------------------------------------------ fit

    def fit(self, past: Past, weather: Record | pd.DataFrame, dark: BoolArray, hours: Sequence[float]) -> None:
        """past   what was over; dark [time, point] of its intervals; hours of the UTC day at which it will be asked.

        Raises `MissingColumn` without irradiance, `OutOfRange` where weather is off the clock or comes twice.
        """
        self._unit = np.array([self.plants[p].capacity_mw for p in self.points])
        self._hours = tuple(hours)
        runs = self._runs(weather, past.step_ns)
        self._columns = {p: r.columns for p, r in runs.items()}
        notes = [] if isinstance(weather, Record) else ["weather: without issue times, taken as known at every issue"]
        notes += [f"weather: {weather.note}"] if isinstance(weather, Record) and weather.note else []
        for k, point in enumerate(self.points):
            notes += self._place(point, past, k, runs[point])
        known = [p for p in self.points if self.plants[p].known]
        physics = self._physics(past, runs)
        tables = []
        clean = past.values.copy()
        for k, point in enumerate(self.points):
            if point not in known:
                continue
            found = self._masks(past, k, physics[:, k], runs[point])
            clean[masked(past.times(past.first + np.arange(len(clean))), found), k] = np.nan
            tables.append(found.assign(point=point))
        full = [t for t in tables if len(t)]
        self.masked = (
            pd.concat(full, ignore_index=True) if full else pd.DataFrame(columns=["point", "start", "end", "kind"])
        )
        clean_past = Past(past.points, clean, past.first, past.step_ns)
        for k, point in enumerate(self.points):
            if point in known:
                notes += self._learn(k, clean_past, runs, physics, dark)
        self.notes = tuple(notes)

    def _runs(self, weather: Record | pd.DataFrame, step_ns: int) -> dict[str, Runs]:
        runs = {p: Runs.of(of_point(weather, p), step_ns) for p in self.points}
        without = [p for p, r in runs.items() if "ghi" not in r.columns]
        if without:
            there = runs[without[0]].columns
            raise MissingColumn(
                f"weather: no column ghi (horizontal irradiance, W/m², mean of the interval) for {listed(without)}; "
                f"there are {listed(list(there), 12)}.",
                missing=["ghi"],
            )
        return runs

    def _place(self, point: str, past: Past, k: int, runs: Runs) -> list[str]:
        """Fit the plane of a plant where it is not known; what there is to say about it."""
        plant = self.plants[point]
        if plant.known and plant.dc_mw is not None:
            return []
        slots = past.first + np.arange(len(past.values))
        seen = runs.at(slots * past.step_ns, slots)
        table = pd.DataFrame(seen, index=past.times(slots), columns=list(runs.columns))
        try:
            self.plants[point] = fit_plane(plant, table, past.values[:, k], pd.Timedelta(past.step_ns, "ns"))
        except BadInput as error:
            if plant.known:
                self.plants[point] = replace(plant, dc_mw=plant.capacity_mw)
                return []
            return [f"{point}: forecast without weather: {error.args[0]}"]
        return []

    def _physics(self, past: Past, runs: Mapping[str, Runs]) -> FloatArray:
        """Physics of every past interval. [time, point] MW"""
        none = np.full(len(past.values), np.nan)
        return np.stack(
            [expected(self.plants[p], runs[p], past) if self.plants[p].known else none for p in self.points], axis=1
        )

    def _masks(self, past: Past, k: int, physics: FloatArray, runs: Runs) -> pd.DataFrame:
        slots = past.first + np.arange(len(past.values))
        seen = runs.at(slots * past.step_ns, slots)
        column = {name: seen[:, j] for j, name in enumerate(runs.columns)}
        power = pd.Series(past.values[:, k], index=past.times(slots))
        air, snow = column.get("temperature"), column.get("snow")
        return find_masks(power, physics, float(self._unit[k]), temperature=air, snow=snow)

    def _learn(self, k: int, past: Past, runs: Mapping[str, Runs], physics: FloatArray, dark: BoolArray) -> list[str]:
        moments = issues(past, self._hours)
        came = look(past, moments.valid, moments.valid + 1)[:, k]
        lit = ~dark[moments.valid - past.first, k]
        rows = np.flatnonzero(lit & np.isfinite(came))
        moments, came = moments[rows], came[rows] / self._unit[k]
        x = self._rows(k, past, runs, physics, moments, moments.known * past.step_ns)
        fine = np.isfinite(x[:, 0])
        x, came, moments = x[fine], came[fine], moments[fine]
        day = moments.valid // past.per_day
        days = len(np.unique(day))
        if days < LEAST_DAYS or len(came) < LEAST_ROWS or np.ptp(came) <= 0.0:
            constant = len(came) > 0 and np.ptp(came) <= 0.0
            why = "its output never changes" if constant else f"{days} days with weather; {LEAST_DAYS:g} are needed"
            return [f"{self.points[k]}: forecast without weather: {why}"]
        window = min(WINDOW_DAYS, BLIND_SHARE * days)
        blind = moments.valid < moments.valid[-1] - window * past.per_day
        drawn = np.random.default_rng(self._seed).random(len(came)) * len(came) < MOST_ROWS

        def trees(use: BoolArray) -> LevelBoosting:
            model = LevelBoosting(trees=self._trees, seed=self._seed + k, levels=self._levels)
            return model.fit(x[use & drawn], came[use & drawn])

        bright = ~blind & (x[:, 0] >= BRIGHT)
        ranks = np.full(int(bright.sum()), np.nan)
        if blind.sum() >= LEAST_ROWS and bright.any():
            ranks = trees(blind).predict(x[bright]).rank(came[bright])
        whole = trees(np.ones(len(came), dtype=bool))
        self._learned[self.points[k]] = _Learned(whole, int(moments.valid[-1]), moments.valid[bright], ranks)
        return []

    # -------------------------------------------------------------- predict

    def predict(
        self,
        past: Past,
        weather: Record | pd.DataFrame,
        moments: Moments,
        issue_ns: int,
        dark: BoolArray,
        levels: FloatArray,
    ) -> FloatArray:
        """Quantiles [level, moment, point] MW; NaN for what the weather does not cover and for points without a model.

        dark  [moment, point] of the moments asked for
        Raises `MissingColumn`, `OutOfRange` where the weather has other columns than it was fitted with.
        """
        runs = self._runs(weather, past.step_ns)
        for point, own in runs.items():
            if set(own.columns) != set(self._columns[point]):
                raise OutOfRange(
                    f"weather: columns {listed(list(own.columns), 15)} for {point}, fitted with "
                    f"{listed(list(self._columns[point]), 15)}. Give the same, or fit again.",
                    given=list(own.columns),
                    fitted=list(self._columns[point]),
                )
        runs = {p: r.ordered(self._columns[p]) for p, r in runs.items()}
        physics = self._physics(past, runs)
        values = np.full((len(levels), len(moments), len(self.points)), np.nan)
        for k, point in enumerate(self.points):
            learned = self._learned.get(point)
            if learned is None:
                continue
            values[:, dark[:, k], k] = 0.0
            lit = np.flatnonzero(~dark[:, k])
            x = self._rows(k, past, runs, physics, moments[lit], np.full(len(lit), issue_ns))
            covered = np.isfinite(x[:, 0])
            if covered.any():
                calibration = self._calibration(k, learned, past, runs, physics)
                curve = learned.trees.predict(x[covered])
                values[:, lit[covered], k] = self._unit[k] * curve.at(calibration.levels(levels))
        return values

    def _calibration(
        self, k: int, learned: _Learned, past: Past, runs: Mapping[str, Runs], physics: FloatArray
    ) -> RankCalibration:
        """From the window before the end of the past: ranks of the fit, and of the days since."""
        begin = past.end - int(WINDOW_DAYS * past.per_day)
        ranks = [learned.ranks[learned.slots >= begin]]
        fresh = issues(past, self._hours)
        fresh = fresh[(fresh.valid > learned.last) & (fresh.valid >= begin)]
        if len(fresh):
            came = look(past, fresh.valid, fresh.valid + 1)[:, k] / self._unit[k]
            fresh, came = fresh[np.isfinite(came)], came[np.isfinite(came)]
            x = self._rows(k, past, runs, physics, fresh, fresh.known * past.step_ns)
            bright = x[:, 0] >= BRIGHT
            if bright.any():
                ranks.append(learned.trees.predict(x[bright]).rank(came[bright]))
        return RankCalibration.learned(np.concatenate(ranks))

    # -------------------------------------------------------------- columns

    def _rows(
        self,
        k: int,
        past: Past,
        runs: Mapping[str, Runs],
        physics: FloatArray,
        moments: Moments,
        issue_ns: IntArray,
    ) -> FloatArray:
        """[row, column], the physics first: NaN there means that the weather does not reach so far."""
        point = self.points[k]
        seen = view(self.plants[point], runs[point], past, issue_ns, moments.valid, around_h=AROUND_H)
        columns = weather_columns(seen, float(self._unit[k]))
        columns |= season_columns(past, moments.valid, self.plants[point].longitude_deg)
        columns["lead"] = moments.lead.astype(float)
        newest = newest_columns(past, physics, moments, self._unit)
        columns |= {name: values[:, k] for name, values in newest.items()}
        others = [j for j, p in enumerate(self.points) if j != k and self.plants[p].known]
        if others:
            columns |= {f"{n}_others": mean_known(v[:, others]) for n, v in newest.items()}
            columns |= self._sky_of_others(others, past, runs, moments, issue_ns)
        return np.stack([np.asarray(v, dtype=np.float32) for v in columns.values()], axis=1)

    def _sky_of_others(
        self, others: list[int], past: Past, runs: Mapping[str, Runs], moments: Moments, issue_ns: IntArray
    ) -> dict[str, FloatArray]:
        """Clear-sky index and clouds forecast for the other plants, on the mean of at most five."""
        views: list[View] = []
        for j in others[:5]:
            point = self.points[j]
            views.append(view(self.plants[point], runs[point], past, issue_ns, moments.valid, around_h=0))
        columns = {"index_others": mean_known(np.stack([v.index[:, 0] for v in views], axis=1))}
        if all("cloud_cover" in v.columns for v in views):
            columns["cloud_cover_others"] = mean_known(np.stack([v.of("cloud_cover")[:, 0] for v in views], axis=1))
        return columns
