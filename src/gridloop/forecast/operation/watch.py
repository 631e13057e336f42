"""Watch: whether a forecaster is still as good as its backtest said, and what to do where it is not.

Limits come from the backtest: days are drawn from it in blocks of a week into many made-up years in which nothing is
wrong, and a limit is what a year's windows pass as seldom as is asked for. Equations in
docs/math/forecast-operation.md. Time is passed in; the watch knows only the days that it was shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, Self

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.operation.distribution import Distribution
from gridloop.forecast.tested.backtest_scores import Backtest
from gridloop.forecast.value import Forecast
from gridloop.units import FloatArray

WINDOWS_DAYS = (3, 14, 42)
"""Windows over which errors are averaged: what breaks is seen in the first, what creeps in the last."""

BLOCK_DAYS = 7
YEARS = 400
TAIL = 0.1
LEAST_DAYS = 28
"""Days of a backtest below which it says too little about what is usual."""

FAR = 2.0
"""Over the shortest window a forecaster is set aside only beyond so many limits: three days may be good ones for
persistence."""

Act = Literal["retrain", "fall_back", "tell"]


class Held(Protocol):
    """What can be told to fall back, as a `GuardedForecaster` can."""

    def hold(self, reason: str) -> None: ...


@dataclass(frozen=True)
class Event:
    """Something that changed.

    at            when it was noticed
    kind          score, bias, missing, distribution
    act           "retrain", "fall_back" (and retrain), or "tell": whoever reads this
    reason        what was seen, with numbers
    value, limit  the statistic and the limit that it passed
    column        the input whose distribution changed; else empty
    """

    at: pd.Timestamp
    kind: str
    act: Act
    reason: str
    value: float
    limit: float
    column: str = ""


@dataclass(frozen=True)
class _Day:
    """One day of forecasts: mean absolute and mean error, and that of persistence, in units of the mean; share
    of values that did not come."""

    at: pd.Timestamp
    error: float
    bias: float
    persistence: float
    missing: float


class Watch:
    """Compares each newest window of days with the backtest.

    false_alarms_per_year  how often all limits together are passed where nothing is wrong
    """

    def __init__(self, *, false_alarms_per_year: float = 0.2, seed: int = 0) -> None:
        if not 0.0 < false_alarms_per_year <= 1.0:
            raise OutOfRange(
                f"false_alarms_per_year: {false_alarms_per_year:g} must be above 0 and at most 1.",
                value=false_alarms_per_year,
            )
        self.false_alarms_per_year = false_alarms_per_year
        self.seed = seed
        self._days: deque[_Day] = deque(maxlen=max(WINDOWS_DAYS))
        self._told: dict[tuple[str, str], tuple[pd.Timestamp, Act]] = {}
        self._inputs: Distribution | None = None

    def fit(self, backtest: Backtest, inputs: pd.DataFrame | None = None) -> Self:
        """Learn what is usual.

        inputs  UTC valid_at × column of the training, such as the history and the weather side by side; None: the
                distribution of inputs is not watched

        Raises `OutOfRange` where the backtest has fewer than `LEAST_DAYS` days.
        """
        rows = backtest.rows
        self._unit = rows.groupby("point")["actual"].mean().abs()
        days = []
        for at, part in rows.groupby("issued_at", sort=True):
            said, came, week = (part[column].to_numpy(dtype=float) for column in ("p50", "actual", "week"))
            unit = part["point"].map(self._unit).to_numpy(dtype=float)
            days.append(_day(pd.Timestamp(str(at)), said, came, week, unit))
        days = [day for day in days if np.isfinite(day.error)]
        if len(days) < LEAST_DAYS:
            raise OutOfRange(
                f"watch: {len(days)} days of backtest; {LEAST_DAYS} are needed to know what is usual.", days=len(days)
            )
        errors, biases = (np.array([getattr(day, name) for day in days]) for name in ("error", "bias"))
        self.usual = float(errors.mean())
        self._usual_bias = float(biases.mean())
        missing = np.array([day.missing for day in days])
        # two statistics and each of the windows: each gets its part of the false alarms
        share = self.false_alarms_per_year / (2 * len(WINDOWS_DAYS))
        self.limits = {
            "score": _limits(errors, share, self.seed),
            "bias": _limits(biases - self._usual_bias, share, self.seed),
            "missing": {days: float(min(1.0, 1.5 * missing.max() + 0.1)) for days in WINDOWS_DAYS[:1]},
        }
        self._inputs = None if inputs is None else Distribution().fit(inputs)
        self.forget()
        return self

    def see(self, forecast: Forecast, came: pd.DataFrame, week: pd.DataFrame | None = None) -> None:
        """Take in a day that is over.

        came  UTC valid_at × point: what came, NaN where nothing did
        week  what persistence had said, the same shape; None: persistence is not compared with
        """
        said = forecast.p50()
        known, theirs = (
            np.full(said.shape, np.nan) if t is None else t.reindex(index=said.index, columns=said.columns).to_numpy()
            for t in (came, week)
        )
        unit = self._unit.reindex(said.columns).to_numpy()
        self._days.append(_day(forecast.issued_at, said.to_numpy(), known, theirs, unit))

    def judge(self, at: pd.Timestamp, inputs: pd.DataFrame | None = None) -> list[Event]:
        """What changed, as known at a moment; the same thing is said again only once its window has passed.

        inputs  the newest inputs, columns as at the fit; None: not looked at
        """
        found = []
        days = [day for day in self._days if day.at <= at]
        for length in WINDOWS_DAYS:
            newest = [day for day in days if day.at > at - pd.Timedelta(days=length + 1)][-length:]
            if len(newest) == length:
                found += self._over_window(at, length, newest)
        if inputs is not None and self._inputs is not None:
            for column, value, limit in self._inputs.changed(inputs, at):
                reason = (
                    f"{column}: the values of the last {self._inputs.days} days are not distributed as those of the "
                    f"training (PSI {value:.2f}, at most {limit:.2f} there)."
                )
                found.append(Event(at, "distribution", "retrain", reason, value, limit, str(column)))
        return [event for event in found if self._is_news(event)]

    def forget(self) -> None:
        """Start anew, as after a training: what came before says nothing about the new model."""
        self._days.clear()
        self._told.clear()

    def _over_window(self, at: pd.Timestamp, length: int, days: list[_Day]) -> list[Event]:
        found: list[Event] = []
        error = float(np.nanmean([day.error for day in days])) if any(np.isfinite(d.error) for d in days) else np.nan
        bias = float(np.nanmean([day.bias for day in days])) - self._usual_bias if np.isfinite(error) else np.nan
        pairs = [(day.error, day.persistence) for day in days if np.isfinite(day.error + day.persistence)]
        missing = float(np.mean([day.missing for day in days]))
        if error > (limit := self.limits["score"][length]):
            over = f"mean error {100 * error:.1f} % over {length} days, {100 * self.usual:.1f} % in the backtest"
            reason, act = f"{over}, limit {100 * limit:.1f} %.", "retrain"
            if pairs:
                ours, theirs = np.mean(pairs, axis=0)
                if ours > theirs and (length > WINDOWS_DAYS[0] or error > FAR * limit):
                    reason, act = f"{over}; persistence {100 * theirs:.1f} %.", "fall_back"
            found.append(Event(at, "score", act, reason, error, limit))  # type: ignore[arg-type]
        if abs(bias) > (limit := self.limits["bias"][length]):
            word = "high" if bias > 0.0 else "low"
            reason = f"forecasts {100 * abs(bias):.1f} % too {word} over {length} days, limit {100 * limit:.1f} %."
            found.append(Event(at, "bias", "retrain", reason, bias, limit))
        if missing > (limit := self.limits["missing"].get(length, np.inf)):
            reason = f"{100 * missing:.0f} % of the values of {length} days did not come, limit {100 * limit:.0f} %."
            found.append(Event(at, "missing", "tell", reason, missing, limit))
        return found

    def _is_news(self, event: Event) -> bool:
        before = self._told.get((event.kind, event.column))
        again = before is not None and event.at < before[0] + pd.Timedelta(days=WINDOWS_DAYS[1])
        worse = before is not None and before[1] != "fall_back" and event.act == "fall_back"
        if again and not worse:
            return False
        self._told[event.kind, event.column] = (event.at, event.act)
        return True


def _day(at: pd.Timestamp, said: FloatArray, came: FloatArray, week: FloatArray, unit: FloatArray) -> _Day:
    """One day of forecasts, what came and what persistence had said; all of one shape or made so."""
    off = (said - came) / unit
    theirs = np.abs(week - came) / unit
    known, both = np.isfinite(off), np.isfinite(off + theirs)
    return _Day(
        at,
        float(np.abs(off[known]).mean()) if known.any() else np.nan,
        float(off[known].mean()) if known.any() else np.nan,
        float(theirs[both].mean()) if both.any() else np.nan,
        1.0 - float(np.isfinite(came).mean()),
    )


def respond(events: list[Event], guard: Held) -> bool:
    """Let the guard fall back where an event says so; returns whether to train again."""
    for event in events:
        if event.act == "fall_back":
            guard.hold(event.reason)
    return any(event.act in ("retrain", "fall_back") for event in events)


def _limits(errors: FloatArray, share: float, seed: int) -> Mapping[int, float]:
    """For each window what its mean passes in a `share` of years of 365 days in which days are as in the backtest.

    A backtest is too short to have seen what comes so seldom: the tail beyond its worst tenth is taken as exponential.
    """
    rng = np.random.default_rng(seed)
    blocks = -(-365 // BLOCK_DAYS)
    start = rng.integers(0, max(1, len(errors) - BLOCK_DAYS + 1), (YEARS, blocks))
    day = (start[:, :, None] + np.arange(BLOCK_DAYS)).reshape(YEARS, -1)[:, :365]
    sums = np.cumsum(np.pad(errors[np.minimum(day, len(errors) - 1)], ((0, 0), (1, 0))), axis=1)
    limits = {}
    for length in WINDOWS_DAYS:
        means = np.abs(sums[:, length:] - sums[:, :-length]) / length
        high = float(np.quantile(means, 1.0 - TAIL))
        beyond = float((means[means > high] - high).mean()) if (means > high).any() else 0.0
        # windows that overlap pass together; as if they did not, the limit is on the safe side
        limits[length] = high + beyond * float(np.log(TAIL * 365.0 / share))
    return limits
