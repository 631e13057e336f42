"""Scenarios: whole courses over time and places, drawn from quantiles so that what goes together stays together.

A forecast says how high each value may be; a scenario says how high all of them are at once. The margins are those of
the forecast, the dependence is a Gaussian copula learned from past forecasts and what came.
Equations in docs/math/forecast-scenarios.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.forecast.known.past import usual_step
from gridloop.forecast.scenarios.dependence import Dependence
from gridloop.forecast.scenarios.margins import Margins
from gridloop.forecast.scenarios.reduction import forward_selection
from gridloop.forecast.value import Forecast
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class Scenarios:
    """Courses of all points, and how likely each is. In the unit of the forecast.

    values       [time, point, scenario]
    probability  [scenario], positive, adding up to one
    """

    issued_at: pd.Timestamp
    valid_at: pd.DatetimeIndex
    points: tuple[str, ...]
    values: FloatArray
    probability: FloatArray

    def __len__(self) -> int:
        return len(self.probability)

    def at(self, point: str) -> pd.DataFrame:
        """valid_at × scenario of one point. Raises `OutOfRange` where the point is unknown."""
        if point not in self.points:
            raise OutOfRange(f"scenarios: no point {point!r}; there are {listed(list(self.points))}.", point=point)
        return pd.DataFrame(self.values[:, self.points.index(point)], index=self.valid_at)

    def frames(self) -> list[tuple[float, pd.DataFrame]]:
        """Of every scenario its probability and a table valid_at × point: what two-stage problems take."""
        return [
            (float(p), pd.DataFrame(self.values[:, :, k], index=self.valid_at, columns=list(self.points)))
            for k, p in enumerate(self.probability)
        ]

    def reduce(self, count: int, units: Mapping[str, float] | None = None) -> Scenarios:
        """The `count` scenarios that stand best for all, with the probabilities of those they stand for.

        units  per point: what counts as one when distances are measured, such as capacity or price; None: the points'
               own standard deviations. Raises `OutOfRange` where `count` is not within 1 … all.
        """
        spread = self.values.std(axis=(0, 2))
        unit = np.where(spread > 0.0, spread, 1.0)
        if units is not None:
            unit = np.array([float(units[p]) for p in self.points])
        flat = (self.values / unit[None, :, None]).reshape(-1, len(self)).T
        kept, probability = forward_selection(flat, self.probability, count)
        return Scenarios(self.issued_at, self.valid_at, self.points, self.values[:, :, kept], probability)


@dataclass(frozen=True)
class ScenarioModel:
    """Which values go together, by point and lead.

    leads      [time] steps from issue to interval
    low, high  per point: bounds; a point without one has none
    tail       see `Margins`
    """

    points: tuple[str, ...]
    leads: IntArray
    step: pd.Timedelta
    dependence: Dependence
    low: Mapping[str, float]
    high: Mapping[str, float]
    tail: float

    @classmethod
    def learn(
        cls, forecasts: Iterable[Forecast], actual: pd.DataFrame, *, low: Mapping[str, float] | None = None,
        high: Mapping[str, float] | None = None, tail: float = 1.0, rng: np.random.Generator | None = None,
    ) -> ScenarioModel:  # fmt: skip
        """Learn the dependence from past forecasts of the same points and leads, and what came.

        actual  UTC valid_at × point; NaN is a gap
        low, high  per point: bounds that are physical, such as 0 and the capacity
        rng     for values that have a probability of their own, such as zero at night; None: the middle of it

        Raises `OutOfRange` with too few issues, or where the forecasts have other points or steps.
        """
        made = list(forecasts)
        if not made:
            raise OutOfRange("scenarios: no past forecast to learn from.", issues=0)
        points, step = tuple(made[0].points), usual_step(made[0].valid_at)
        other = sum(tuple(f.points) != points for f in made)
        if other:
            raise OutOfRange(f"scenarios: {other} of {len(made)} forecasts have other points.", count=other)
        missing = [p for p in points if p not in actual.columns]
        if missing:
            raise OutOfRange(f"scenarios: nothing is known of what came at {listed(missing)}.", points=missing)
        # a day may have 23 or 25 hours: leads that all but a few issues have
        every = [_leads(f, step) for f in made]
        seen, count = np.unique(np.concatenate(every), return_counts=True)
        leads = seen[count >= 0.5 * len(made)]
        model = cls(points, leads, step, Dependence(np.eye(1), 1.0), dict(low or {}), dict(high or {}), tail)
        scores = np.full((len(made), len(points), len(leads)), np.nan)
        for k, forecast in enumerate(made):
            came = actual.reindex(index=forecast.valid_at, columns=list(points)).to_numpy(dtype=float)
            place = np.searchsorted(leads, every[k])
            fits = (place < len(leads)) & (leads[np.minimum(place, len(leads) - 1)] == every[k])
            found = model.margins(forecast).score(came.T.ravel(), rng).reshape(len(points), -1)
            scores[k][:, place[fits]] = found[:, fits]
        dependence = Dependence.learn(scores.reshape(len(made), -1), len(points))
        return cls(points, leads, step, dependence, model.low, model.high, tail)

    def draw(self, forecast: Forecast, count: int, rng: np.random.Generator) -> Scenarios:
        """Scenarios of a forecast, all equally likely; the same generator gives the same ones.

        The day on which clocks are put back has an hour more than were learned: it goes with the others as hours so far
        apart do. Raises `OutOfRange` where the forecast has other points, or leads farther than an hour from those
        learned, or `count` is below one.
        """
        if count < 1:
            raise OutOfRange(f"scenarios: {count} asked for; give one or more.", count=count)
        if tuple(forecast.points) != self.points:
            raise OutOfRange(f"scenarios: learned for {listed(list(self.points))}, not {listed(forecast.points)}.")
        asked, dependence = _leads(forecast, self.step), self.dependence
        unknown, hour = np.setdiff1d(asked, self.leads), max(1, int(pd.Timedelta("1h") / self.step))
        before = int(np.clip(self.leads[0] - asked.min(), 0, hour))
        after = int(np.clip(asked.max() - self.leads[-1], 0, hour))
        leads = np.r_[self.leads[0] + np.arange(-before, 0), self.leads, self.leads[-1] + np.arange(1, after + 1)]
        if not np.isin(unknown, leads).all():
            raise OutOfRange(
                f"scenarios: {len(unknown)} of {len(asked)} leads were not learned, first {int(unknown[0])} steps. "
                "Learn from forecasts as long as this one.",
                count=len(unknown),
            )
        if before or after:
            dependence = dependence.longer(len(self.points), before, after)
        scores = dependence.draw(count, rng).reshape(len(self.points), len(leads), count)
        wanted = scores[:, np.searchsorted(leads, asked)].reshape(-1, count)
        values = self.margins(forecast).value(wanted).reshape(len(self.points), len(asked), count)
        return Scenarios(
            forecast.issued_at, forecast.valid_at, self.points, values.transpose(1, 0, 2), np.full(count, 1.0 / count)
        )

    def margins(self, forecast: Forecast) -> Margins:
        """Distributions of all values of a forecast, point by point, each in time."""
        times = len(forecast.valid_at)
        flat = forecast.quantiles.to_numpy(dtype=float).T  # rows are point by point, each in time
        low = np.repeat([self.low.get(p, -np.inf) for p in self.points], times)
        high = np.repeat([self.high.get(p, np.inf) for p in self.points], times)
        # a quantile outside the bounds would be no quantile of what is cut there
        return Margins(forecast.levels, np.clip(flat, low, high), low, high, self.tail)


def _leads(forecast: Forecast, step: pd.Timedelta) -> IntArray:
    """Steps from issue to interval."""
    ahead = (forecast.valid_at - forecast.issued_at) / step
    return np.asarray(np.floor(np.asarray(ahead, dtype=float)), dtype=np.int64)
