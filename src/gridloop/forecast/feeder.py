"""FeederForecaster: every load group and plant of a feeder, forecast together at each tick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.forecast.blend.feedback import Memory
from gridloop.forecast.direct.forecaster import MEMORY_DAYS, DirectForecaster
from gridloop.forecast.known.asked import asked
from gridloop.forecast.known.checks import must_be_fitted
from gridloop.forecast.known.past import known_past, usual_step
from gridloop.forecast.known.place import Place
from gridloop.forecast.load import LoadForecaster
from gridloop.forecast.solar import SolarForecaster
from gridloop.forecast.steady import SteadyForecaster
from gridloop.forecast.value import Forecast
from gridloop.forecast.wind import WindForecaster

Kind = Literal["load", "solar", "wind", "other"]
KINDS: tuple[Kind, ...] = ("load", "solar", "wind", "other")


class FeederForecaster:
    """One forecaster per kind, behind one fit and one predict.

    kinds       per point: load, solar, wind or other (hydro, biomass: they keep a habit)
    capacities  per point [MW]; needed for solar, wind and other
    place       for the sun and the local clock
    """

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        capacities: Mapping[str, float],
        place: Place,
        *,
        seed: int = 0,
        threads: int = 2,
    ) -> None:
        unknown = [p for p, kind in kinds.items() if kind not in KINDS]
        if unknown:
            raise OutOfRange(
                f"kinds: {len(unknown)} points are of no known kind ({listed(unknown)}); known: {listed(list(KINDS))}.",
                points=unknown,
            )
        bare = [p for p, kind in kinds.items() if kind != "load" and p not in capacities]
        if bare:
            raise OutOfRange(
                f"capacities: {len(bare)} plants have none ({listed(bare)}). Give the rated power in MW.", points=bare
            )
        self.kinds = dict(kinds)
        self.capacities = {p: float(mw) for p, mw in capacities.items() if p in kinds}
        self.place = place
        self.members: dict[Kind, DirectForecaster] = {}
        self._fitted = False
        for kind in KINDS:
            points = sorted(p for p, k in kinds.items() if k == kind)
            if points:
                capacity = {p: self.capacities[p] for p in points if p in self.capacities}
                self.members[kind] = _forecaster(kind, capacity, place, seed, threads)

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp) -> Self:
        """Learn from what was over at `until`. history: UTC valid_at × point [MW]."""
        missing = [p for p in self.kinds if p not in history.columns]
        if missing:
            raise MissingColumn(
                f"history: {len(missing)} of {len(self.kinds)} points have no column ({listed(missing)}).",
                missing=missing,
            )
        for kind, member in self.members.items():
            member.fit(history[sorted(p for p, k in self.kinds.items() if k == kind)], until=until)
        self._points = tuple(p for member in self.members.values() for p in member.points)
        self._step = usual_step(history.index)
        self._fitted = True
        return self

    def predict(self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> Forecast:
        """All points at once, corrected by the newest errors.

        history   values known at `issued_at`: UTC valid_at × point [MW]; NaN is a gap or a reading that is late
        valid_at  starts of the intervals, on the clock of the history, up to 49 h ahead
        Raises as `DirectForecaster.predict` does.
        """
        must_be_fitted(self._fitted)
        past = known_past(history, self._points, issued_at, step=self._step, days=MEMORY_DAYS)
        moments = asked(past, issued_at, valid_at)
        parts = [member.quantiles(past.only(member.points), moments) for member in self.members.values()]
        models = {point: model for _, names in parts for point, model in names.items()}
        return Forecast.from_arrays(
            issued_at, models, valid_at, np.concatenate([values for values, _ in parts], axis=2), models
        )

    @property
    def memories(self) -> dict[str, Memory]:
        """How long an error of each point lasts."""
        return {p: member.memory for member in self.members.values() for p in member.points}

    @property
    def backtests(self) -> dict[str, dict[str, float]]:
        """Per kind: what the held-out weeks of the fit said."""
        return {kind: member.backtest for kind, member in self.members.items()}


def _forecaster(kind: Kind, capacity: Mapping[str, float], place: Place, seed: int, threads: int) -> DirectForecaster:
    if kind == "solar":
        return SolarForecaster(
            place.latitude_deg, place.longitude_deg, capacity, zone=place.zone, seed=seed, threads=threads
        )
    if kind == "wind":
        return WindForecaster(capacity, zone=place.zone, seed=seed, threads=threads)
    if kind == "other":
        return SteadyForecaster(capacity, zone=place.zone, seed=seed, threads=threads)
    return LoadForecaster(zone=place.zone, seed=seed, threads=threads)
