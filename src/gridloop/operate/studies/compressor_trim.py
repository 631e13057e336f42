"""How a sequence is planned and followed, and the settings of it that take least energy on weeks before.

Flows to spare are multiples of how much the use of air swings within a quarter of an hour: what is small for one
factory is much for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.optimize.compressors.demand import INTERVAL_S, STEP_S, Week
from gridloop.optimize.compressors.rules import MARGIN_BAR, FollowSequence
from gridloop.optimize.compressors.sequence import Sequence as Found
from gridloop.optimize.compressors.sequence import best_sequence
from gridloop.optimize.compressors.simulation import simulate
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.units import BoolArray, FloatArray

HOURS = INTERVAL_S / 3600.0
FLAT_PRICE = 100.0
"""Money per MWh: with the same price at all times the cheapest sequence is the one that takes least energy."""
PLAN_BAND_BAR = 0.2
"""Above its target a plan may store so much; what is left to the station's own limit is real time's."""
LEAST_SWING = 0.01
"""Share of the station's flow that the use of air is taken to swing by at least: a recording may not show it."""
STRESS = 1.25
"""Weeks before have to keep the band also where their swings within quarters of an hour are so much larger."""

GRID: Mapping[str, Sequence[float]] = {
    "over_bar": (0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.23, 0.26, 0.3, 0.35, 0.4),
    "lift_bar": (0.0, 0.1, 0.2),
    "half_band_bar": (0.04, 0.07, 0.1, 0.14),
    "pull_s": (20.0, 30.0, 40.0, 60.0, 90.0, 120.0),
    "slow_s": (30.0, 60.0, 120.0, 240.0),
    "spare": (0.5, 1.0, 1.5, 2.0),
    "reserve": (0.0, 0.5, 1.0),
}
"""Settings that are tried; over_bar above min_bar, spare and reserve in swings."""
BEGIN: Mapping[str, float] = {
    "over_bar": 0.26, "lift_bar": 0.1, "half_band_bar": 0.1, "pull_s": 40.0, "slow_s": 120.0, "spare": 1.0,
    "reserve": 0.5,
}  # fmt: skip
ROOM = 3.0
"""Swings of flow left below which the target is lifted."""
ROUNDS = 3
# Settings that the pressure held leans on: moved together with it.
_WITH = ("lift_bar", "half_band_bar", "pull_s", "slow_s")


@dataclass(frozen=True)
class Trim:
    """How a sequence is planned and followed.

    target_bar  least pressure that is held; over it as `FollowSequence` has it
    swing_m3_per_min  standard deviation of the use of air within quarters of an hour
    reserve_m3_per_min  flow to spare of the machines that are planned
    spare_m3_per_min    what must be left where a machine is to go
    others      of `FollowSequence`
    """

    target_bar: float
    swing_m3_per_min: float
    reserve_m3_per_min: float
    spare_m3_per_min: float
    half_band_bar: float = 0.1
    pull_s: float = 40.0
    slow_s: float = 120.0
    lift_bar: float = 0.1

    @classmethod
    def of(cls, station: CompressorStation, swing: float, settings: Mapping[str, float]) -> Trim:
        """Of settings as `GRID` has them."""
        return cls(
            round(station.min_bar + settings["over_bar"], 3), swing, settings["reserve"] * swing,
            settings["spare"] * swing, settings["half_band_bar"], settings["pull_s"], settings["slow_s"],
            settings["lift_bar"],
        )  # fmt: skip

    def rule(self, planned: BoolArray, min_bar: float, target_bar: FloatArray | None = None) -> FollowSequence:
        """The rule that follows a sequence [machine, interval]; it calls for help close to the band.

        target_bar  [interval] pressures of the plan; None: the target at all times
        """
        return FollowSequence(
            planned, HOURS, self.target_bar if target_bar is None else target_bar, self.half_band_bar,
            self.spare_m3_per_min, self.pull_s, self.slow_s, min_bar + MARGIN_BAR, self.lift_bar,
            ROOM * self.swing_m3_per_min,
        )  # fmt: skip

    def station(self, station: CompressorStation, demand: FloatArray, reserve: FloatArray | float) -> CompressorStation:
        """The station as it is planned: around its target."""
        return replace(
            station, demand_m3_per_min=demand, reserve_m3_per_min=reserve, min_bar=self.target_bar,
            max_bar=min(self.target_bar + PLAN_BAND_BAR, station.max_bar), start_bar=None,
            leak_m3_per_min=station.leak(self.target_bar),
        )  # fmt: skip


def plan_of(
    station: CompressorStation,
    trim: Trim,
    demand: FloatArray,
    price: FloatArray,
    *,
    reserve: FloatArray | None = None,
    gap: float | None = None,
) -> Found | None:
    """The best sequence of quarters of an hour around the target.

    demand, reserve  [interval] m³/min; reserve: None is the trim's; price [interval] money per MWh; gap: to be proven
    """
    here = trim.station(station, demand, trim.reserve_m3_per_min if reserve is None else reserve)
    return best_sequence(here, price, np.full(demand.size, HOURS), gap=gap)


def swing_of(station: CompressorStation, weeks: Sequence[Week]) -> float:
    """Standard deviation of the use of air around the means of quarters of an hour, m³/min; a least share at least."""
    apart = np.concatenate([_apart(week) for week in weeks])
    return max(float(apart.std()), LEAST_SWING * station.most_m3_per_min)


def _apart(week: Week) -> FloatArray:
    return np.asarray(week.used - np.repeat(week.mean.to_numpy(), round(INTERVAL_S / STEP_S)))


def tune_trim(station: CompressorStation, weeks: Sequence[Week]) -> Trim:
    """The settings that take least energy over some weeks among those that keep the band in all, with the same margin
    as all rules, and in the same weeks with larger swings.

    One setting after the other over all its values, then the pressure together with each that it leans on, until
    nothing gets better. Raises `OutOfRange` where no sequence meets the use of air, or none keeps the band.
    """
    search = _Search(station, weeks)
    best = dict(BEGIN)
    score = search.score(best, (np.inf, np.inf))
    for _ in range(ROUNDS):
        before = score
        for tried in _moves(lambda: best):  # noqa: B023 (as it is then)
            found = search.score(tried, score)
            if found < score:
                best, score = tried, found
        if score == before:
            break
    if score[0] > 0.0:
        raise OutOfRange(
            f"No sequence keeps {station.min_bar:g} … {station.max_bar:g} bar in the weeks before: give a wider band, "
            "a larger receiver, or more machines."
        )
    return Trim.of(station, search.swing, best)


def _moves(now: Callable[[], Mapping[str, float]]) -> Iterator[dict[str, float]]:
    for name, values in GRID.items():
        for value in values:
            if value != now()[name]:
                yield {**now(), name: value}
    over = GRID["over_bar"]
    for name in _WITH:
        values = GRID[name]
        for down in (-2, -1):
            for other in (-2, -1, 1, 2):
                a, b = over.index(now()["over_bar"]) + down, values.index(now()[name]) + other
                if 0 <= a < len(over) and 0 <= b < len(values):
                    yield {**now(), "over_bar": over[a], name: values[b]}


class _Search:
    """Weeks before, their plans, and what settings come to on them."""

    def __init__(self, station: CompressorStation, weeks: Sequence[Week]) -> None:
        self.station, self.weeks = station, weeks
        self.swing = swing_of(station, weeks)
        self._planned: dict[tuple[int, float], BoolArray] = {}
        self._larger = [np.maximum(week.used + (STRESS - 1.0) * _apart(week), 0.0) for week in weeks]

    def planned(self, k: int, reserve: float) -> BoolArray:
        """The sequence of a week. Sequences hardly depend on the target: one for each reserve does for all."""
        if (k, reserve) not in self._planned:
            trim = Trim.of(self.station, self.swing, {**BEGIN, "reserve": reserve})
            demand = self.weeks[k].mean.to_numpy()
            found = plan_of(self.station, trim, demand, np.full(demand.size, FLAT_PRICE))
            if found is None:
                raise OutOfRange(
                    "No sequence meets the use of air in the weeks before: the station is too small for it."
                )
            self._planned[k, reserve] = found.on
        return self._planned[k, reserve]

    def score(self, settings: Mapping[str, float], beaten: tuple[float, float]) -> tuple[float, float]:
        """By how much the band is missed, then energy; less is better. Given up where it is worse than another."""
        station = self.station
        trim = Trim.of(station, self.swing, settings)
        if trim.target_bar >= station.max_bar:
            return np.inf, np.inf
        missed = energy = 0.0
        rules = [trim.rule(self.planned(k, settings["reserve"]), station.min_bar) for k in range(len(self.weeks))]
        both = ([week.used for week in self.weeks], self._larger)
        for larger, all_used in enumerate(both):
            for used, rule in zip(all_used, rules, strict=True):
                run = simulate(station, used, STEP_S, rule)
                energy += 0.0 if larger else run.energy_mwh
                low, high = float(run.pressure_bar.min()), float(run.pressure_bar.max())
                missed = max(missed, station.min_bar + MARGIN_BAR - low, high - station.max_bar)
                if (missed, energy) >= beaten:
                    return missed, energy
        return missed, energy
