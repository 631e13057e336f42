"""GuardedForecaster: a forecaster whose inputs are looked at before every forecast, with a fallback that says why.

Fit: what is usual is learned from the same history as the model. Predict: stamps are put in order; negative, frozen,
mis-scaled and shifted values become gaps; if enough sound values are left of the newest day and week, the forecaster
goes on with these gaps, otherwise persistence from what is left stands in, and `Forecast.model` names both: such as
`persistence:week (stale input)`. Each point is judged alone. Equations in docs/math/forecast-operation.md.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import GapInSeries, OutOfRange, listed
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past, known_past, slots_of, usual_step
from gridloop.forecast.known.record import Record
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.operation.clock import Clock
from gridloop.forecast.operation.finding import Examination, Finding, blanked
from gridloop.forecast.operation.frozen import Frozen
from gridloop.forecast.operation.gaps import Gaps, tidied
from gridloop.forecast.operation.level import LEAST_DAYS, Level, Negative
from gridloop.forecast.operation.stand_in import StandIns, at_levels
from gridloop.forecast.operation.verdict import but_few, decided
from gridloop.forecast.operation.weather import WeatherCheck
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import BoolArray

MEMORY_DAYS = 70.0
"""Days of the history that are looked at: as many as a backtest hands over."""

LEFT = 0.7
"""Share of the newest week that must be sound for a forecaster to go on."""

REFUSED = "refused"
DEGRADED = "degraded model"


class Check(Protocol):
    """One kind of fault: learns what is usual, then says which rows are not."""

    kind: str

    def fit(self, past: Past) -> Self: ...

    def rows(self, past: Past) -> BoolArray: ...

    def text(self, past: Past, point: int, rows: BoolArray) -> str: ...


class GuardedForecaster:
    """Any forecaster with fit and predict, behind a look at its inputs.

    forecaster  `DayAheadForecaster`, `LoadForecaster`, `SolarForecaster`, … untrained or trained with `fit` of this one
    kind        load, solar, wind or other: which persistence stands in; None: the forecaster's own (`kinds` by point,
                or one `kind`), else load
    zone        of the local clock; None: the forecaster's own, else UTC
    checks      what is looked for in the values; None: all there are
    go_on       True: where `LEFT` of the newest week is sound, the forecaster goes on without the rest, which is
                named too: `experts (frozen input left out)`. False: persistence stands in
    aside_days  so many of the newest days of the history do not count for what is usual: a fault that is there at the
                fit already is found; where less than `LEAST_DAYS` would be left, all days count

    `diagnosis` is that of the newest forecast: None where all was well. `held` is a reason to fall back regardless.
    """

    def __init__(
        self,
        forecaster: Any,
        *,
        kind: str | None = None,
        zone: str | None = None,
        checks: Sequence[Check] | None = None,
        go_on: bool = False,
        aside_days: float = 0.0,
    ) -> None:
        routine = getattr(forecaster, "routine", None)
        own_zone = routine.zone if routine is not None else getattr(forecaster, "zone", "UTC")
        self.forecaster = forecaster
        self.kind = kind or str(getattr(forecaster, "kind", "load"))
        self.kinds: dict[str, str] = {} if kind else dict(getattr(forecaster, "kinds", {}))
        self.zone = zone or str(own_zone)
        self.go_on = go_on
        self.aside_days = aside_days
        # the sun does not know summer time
        sunny = [point for point, own in self.kinds.items() if own == "solar"]
        clock = Clock("UTC" if self.kind == "solar" else self.zone, by_utc=sunny)
        self.checks: tuple[Check, ...] = (
            (Negative(), Frozen(), Level(self.zone), clock) if checks is None else tuple(checks)
        )
        self._gaps = Gaps()
        self._weather: WeatherCheck | None = None
        self.points: tuple[str, ...] = ()
        self.diagnosis: Diagnosis | None = None
        self.held: str | None = None

    @property
    def routine(self) -> Routine:
        """That of the forecaster, where it has one."""
        routine: Routine = self.forecaster.routine
        return routine

    @property
    def blind(self) -> dict[str, tuple[str, ...]]:
        """Kind of fault → points where it cannot be seen, for their own history does not tell."""
        found = {check.kind: tuple(getattr(check, "blind", ())) for check in self.checks}
        return {kind: points for kind, points in found.items() if points}

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, **inputs: Any) -> Self:
        """Learn what is usual, then fit the forecaster on the history without what is not.

        history, until, inputs  as the forecaster takes them; `weather` is checked too
        Raises as the forecaster's `fit` does.
        """
        self.points = tuple(str(p) for p in history.columns)
        self._step = usual_step(history.index)
        tidy, _, _ = tidied(history, self._step)
        past = known_past(tidy, self.points, until, step=self._step)
        aside = int(self.aside_days * past.per_day)
        enough = len(past.values) - aside >= LEAST_DAYS * past.per_day
        usual = Past(past.points, past.values[: len(past.values) - aside], past.first, past.step_ns) if enough else past
        for check in self.checks:
            check.fit(usual)
        self._gaps.fit(usual)
        weather = inputs.get("weather")
        self._weather = None if weather is None else WeatherCheck().fit(weather, self._step, until)
        believed, found = self._believed(past)
        if enough and aside:
            believed = but_few(past, believed, aside)
            found = found if believed is not past else []
        self._stand_ins = StandIns({p: self.kinds.get(p, self.kind) for p in self.points}, self.zone).fit(believed)
        self.forecaster.fit(self._table(believed, history, tidy, found), until=until, **inputs)
        self.held = self.diagnosis = None
        return self

    def examine(
        self,
        history: pd.DataFrame,
        issued_at: pd.Timestamp,
        valid_at: pd.DatetimeIndex,
        *,
        weather: pd.DataFrame | Record | None = None,
    ) -> Examination:
        """What is wrong with the inputs of one forecast.

        Raises `OutOfRange` where it was not fitted or stamps have no zone, `MissingColumn` where a point has no column.
        """
        return self._examined(history, issued_at, valid_at, weather)[0]

    def predict(
        self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex, **inputs: Any
    ) -> Forecast:
        """Quantiles of every fitted point, by the forecaster or by what stands in; `Forecast.model` says which.

        history  values known at `issued_at`; five weeks or more, or the clock cannot be judged
        Raises as the forecaster does for what is not the data's fault: other points, intervals it cannot forecast.
        """
        return self.predict_and_tell(history, issued_at, valid_at, **inputs)[0]

    def predict_and_tell(
        self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex, **inputs: Any
    ) -> tuple[Forecast, Examination]:
        """The forecast, and what was found in its inputs; as `predict`."""
        seen, table = self._examined(history, issued_at, valid_at, inputs.get("weather"))
        weak = dict(seen.weak)
        left_out = {point: weak.pop(point) for point in self._can_go_on(seen)} if self.go_on else {}
        self.diagnosis = seen.diagnosis()
        if self.held is not None:
            weak = {point: (*weak.get(point, ()), DEGRADED) for point in self.points}
            self.diagnosis = self.diagnosis or Diagnosis(
                "held", [self.held], "Train again.", {"fallback": {p: list(k) for p, k in weak.items()}}
            )
        if len(weak) < len(self.points):
            given = inputs | ({"weather": seen.weather} if self._weather is not None else {})
            try:
                forecast: Forecast = self.forecaster.predict(table, issued_at, valid_at, **given)
            except GapInSeries as error:
                self.diagnosis = Diagnosis(
                    "unsound_input", [str(error)], "Send the missing values.", {"refused": error.facts}
                )
                weak = {point: (*weak.get(point, ()), REFUSED) for point in self.points}
            else:
                return self._with_stand_ins(forecast, seen.past, weak, left_out), seen
        return self._stood_in(seen.past, issued_at, valid_at, weak), seen

    def hold(self, reason: str) -> None:
        """Fall back from now on, whatever the inputs, until `release` or the next fit; `reason` goes to `diagnosis`."""
        self.held = reason

    def release(self) -> None:
        """Let the forecaster speak again."""
        self.held = None

    def copy(self) -> Self:
        """The same guard and forecaster in the same state; going on with one leaves the other."""
        return copy.deepcopy(self)

    # ------------------------------------------------------------- the parts

    def _examined(
        self,
        history: pd.DataFrame,
        issued_at: pd.Timestamp,
        valid_at: pd.DatetimeIndex,
        weather: pd.DataFrame | Record | None,
    ) -> tuple[Examination, pd.DataFrame]:
        """The examination, and the table of history that the forecaster is to get."""
        if not self.points:
            raise OutOfRange("guard: not fitted yet. Call fit(history, until=...) first.")
        known_past(
            history[:0], self.points, issued_at, step=self._step
        )  # refuses other columns and stamps without zone
        # what is not over is nobody's business, but for prices, which are published ahead
        before = history[history.index < issued_at]
        tidy, twice, words = tidied(before, self._step)
        past = known_past(tidy, self.points, issued_at, step=self._step, days=MEMORY_DAYS)
        believed, found = self._believed(past)
        for point, rows in twice.items():
            times = past.times(past.first + np.arange(len(past.values)))
            lost = np.asarray(tidy.index[rows].unique())
            at = np.isin(times.asi8, pd.DatetimeIndex(lost).as_unit("ns").asi8)
            if at.any() and point in self.points:
                found.append(Finding("duplicate", point, at, words[point]))
        findings = decided(self._gaps, past, believed, found)
        sky: pd.DataFrame | Record | None = weather
        if self._weather is not None:
            more, sky = self._weather.look(weather, issued_at, valid_at)
            findings += more
        table = self._table(believed, before, tidy, found)
        if getattr(self.forecaster, "published_ahead", False):
            table = pd.concat([table, history[history.index >= issued_at]])
        return Examination(believed, tuple(findings), sky), table

    def _believed(self, past: Past) -> tuple[Past, list[Finding]]:
        """The past without what the checks do not believe, each looking at what the ones before have left."""
        found = []
        for check in self.checks:
            bad = check.rows(past)
            found += [
                Finding(check.kind, past.points[p], bad[:, p], check.text(past, int(p), bad[:, p]))
                for p in np.flatnonzero(bad.any(axis=0))
            ]
            past = blanked(past, bad)
        return past, found

    def _table(self, believed: Past, history: pd.DataFrame, tidy: pd.DataFrame, found: list[Finding]) -> pd.DataFrame:
        """What the forecaster is given: the very table where nothing was wrong with it."""
        if tidy is history and not found:
            return history
        times = believed.times(believed.first + np.arange(len(believed.values)))
        old = tidy[tidy.index < times[0]] if len(times) else tidy
        new = pd.DataFrame(believed.values, index=times, columns=list(self.points))
        return pd.concat([old[list(self.points)], new])

    def _can_go_on(self, seen: Examination) -> list[str]:
        """Weak points of whose newest week enough is sound."""
        week = 7 * seen.past.per_day
        left = np.asarray(np.isfinite(seen.past.values[-week:]).sum(axis=0) / week)
        weak = seen.weak
        enough = [p for p, share in zip(seen.past.points, left, strict=True) if share >= LEFT]
        return [p for p in enough if p in weak and "weather" not in weak[p]]

    def _stood_in(
        self, past: Past, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex, weak: dict[str, tuple[str, ...]]
    ) -> Forecast:
        """A forecast of all points by what stands in."""
        levels = getattr(self.forecaster, "levels", None)
        levels = np.array(list(QUANTILES.values()) if levels is None else levels)
        values = np.zeros((len(levels), len(valid_at), len(self.points)))
        nobody = dict.fromkeys(self.points, "")
        empty = Forecast.from_arrays(issued_at, self.points, valid_at, values, nobody, levels=list(levels))
        return self._with_stand_ins(empty, past, weak, {})

    def _with_stand_ins(
        self, forecast: Forecast, past: Past, weak: dict[str, tuple[str, ...]], left_out: dict[str, tuple[str, ...]]
    ) -> Forecast:
        """The forecast with stand-ins for weak points. Raises `GapInSeries` where nothing is known of one."""
        if not weak and not left_out:
            return forecast
        models = {str(p): str(m) for p, m in forecast.model.items()}
        for point, kinds in left_out.items():
            models[point] += f" ({reason(kinds)} left out)"
        values = forecast.every().copy()
        if weak:
            column = np.array([past.points.index(p) for p in weak])
            valid = slots_of(forecast.valid_at, past.step_ns)
            moments = Moments(np.full(len(valid), past.end), valid)
            stood, names = self._stand_ins.quantiles(past, moments, column)
            gaps = np.asarray(np.isnan(stood).any(axis=(0, 1)))
            lost = [p for p, gap in zip(weak, gaps, strict=True) if gap]
            if lost:
                raise GapInSeries(
                    f"history: nothing was ever known of {len(lost)} points ({listed(lost)}), so nothing can stand in. "
                    "Leave them out.",
                    points=lost,
                )
            values[:, :, [forecast.points.index(p) for p in weak]] = at_levels(stood, forecast.levels)
            models |= {p: f"{name} ({reason(kinds)})" for (p, kinds), name in zip(weak.items(), names, strict=True)}
        return Forecast.from_arrays(
            forecast.issued_at, forecast.points, forecast.valid_at, values, models, levels=list(forecast.levels)
        )


def reason(kinds: Sequence[str]) -> str:
    """Why something stands in, as `Forecast.model` says it: `frozen and missing input`, `degraded model`."""
    faults = [kind for kind in kinds if kind != DEGRADED]
    words = [f"{' and '.join(faults)} input"] if faults else []
    return ", ".join(words + ([DEGRADED] if DEGRADED in kinds else []))
