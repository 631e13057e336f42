"""A compressor station over weeks of air: a planned sequence beside a tuned cascade and equal shares.

Every week is judged by the same simulation of the same machines and the same use of air:

- cascade, equal shares  rules of today, tuned on weeks before
- true demand            a sequence planned for the week on the mean of every quarter of an hour as it came
- forecast               a sequence planned again and again on what was known then: forecast of the air from the
                         production plan, state of the machines as it was

Both sequences are followed by the same rule in real time, with settings found on the weeks before. Nothing is tuned on
the weeks that count. The weeks are synthetic, or a plant's recording (`compressor_weeks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.air import AirForecaster
from gridloop.forecast.operation.guard import GuardedForecaster
from gridloop.operate.studies.compressor_weeks import LEARN_WEEKS, Demand
from gridloop.optimize.compressors.demand import INTERVAL_S, STEP_S, Week, demo_station
from gridloop.optimize.compressors.rules import (
    MARGIN_BAR,
    Cascade,
    EqualShares,
    FollowSequence,
    tune_cascade,
    tune_equal,
)
from gridloop.optimize.compressors.sequence import MOST_STATES, best_sequence, searchable
from gridloop.optimize.compressors.simulation import Simulated, Simulator, simulate
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.units import BoolArray, FloatArray

CASCADE, EQUAL, TRUTH, FORECAST = "cascade", "equal shares", "true demand", "forecast"
WAYS = (CASCADE, EQUAL, TRUTH, FORECAST)
TUNE_WEEKS = 4
TARGETS_BAR = (0.2, 0.23, 0.26, 0.3, 0.35, 0.4)
"""Above the lowest pressure: what a sequence may hold."""
RESERVE_M3_PER_MIN = 1.0
HOURS = INTERVAL_S / 3600.0
AHEAD_H, REPLAN_H = 12.0, 1.0
FLAT_PRICE = 100.0
"""Money per MWh: with the same price at all times the cheapest sequence is the one that takes least energy."""


@dataclass(frozen=True)
class Trim:
    """How a sequence is planned and followed.

    target_bar  pressure that is held; reserve_m3_per_min: flow to spare of the machines that are planned;
    spare_m3_per_min  what must be left where a machine is to go
    """

    target_bar: float
    reserve_m3_per_min: float
    spare_m3_per_min: float = 1.5
    half_band_bar: float = 0.1

    def rule(self, planned: BoolArray, min_bar: float) -> FollowSequence:
        """The rule that follows a sequence [machine, interval]; it calls for help close to the band."""
        return FollowSequence(
            planned, HOURS, self.target_bar, self.half_band_bar, self.spare_m3_per_min, low_bar=min_bar + 0.05
        )

    def station(self, station: CompressorStation, demand: FloatArray, reserve: FloatArray | float) -> CompressorStation:
        """The station as it is planned: around its target."""
        return replace(
            station, demand_m3_per_min=demand, reserve_m3_per_min=reserve, min_bar=self.target_bar,
            max_bar=min(self.target_bar + 0.2, station.max_bar), start_bar=None,
            leak_m3_per_min=station.leak(self.target_bar),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class CompressorStudy:
    """What the weeks came to.

    weeks     by week: MWh of each way, starts, lowest and highest pressure, seconds outside the band, the gap of the
              sequence and how much of the air was forecast wrongly
    station, cascade, equal, trim   what was compared
    forecast  mae_m3_per_min, last_week_mae_m3_per_min, coverage of the band from p10 to p90, all of the judged weeks
    shown     way → simulation of the first week; sequence: its planned machines [machine, interval]
    """

    weeks: pd.DataFrame
    station: CompressorStation
    cascade: Cascade
    equal: EqualShares
    trim: Trim
    forecast: Mapping[str, float]
    shown: Mapping[str, Simulated]
    demand: Demand
    planned: BoolArray = field(repr=False)

    @property
    def first(self) -> Week:
        """The first week that is judged."""
        return self.demand.weeks[self.demand.learn]

    def saving(self, way: str, beside: str = CASCADE) -> pd.Series:
        """Share of energy that a way saves beside another, by week."""
        return 1.0 - self.weeks[f"{way} mwh"] / self.weeks[f"{beside} mwh"]

    def facts(self) -> dict[str, object]:
        """The figures as plain values."""
        found: dict[str, object] = {"weeks": len(self.weeks), **self.demand.facts()}
        for way in WAYS:
            name = way.replace(" ", "_")
            found[f"{name}_mwh"] = float(self.weeks[f"{way} mwh"].sum())
            found[f"{name}_outside_s"] = float(self.weeks[f"{way} outside_s"].sum())
            found[f"{name}_low_bar"] = float(self.weeks[f"{way} low_bar"].min())
            found[f"{name}_high_bar"] = float(self.weeks[f"{way} high_bar"].max())
            found[f"{name}_starts"] = int(self.weeks[f"{way} starts"].sum())
            if way != CASCADE:
                saved = self.saving(way)
                found[f"{name}_saving_pct"] = 100.0 * float(saved.mean())
                found[f"{name}_saving_by_week_pct"] = [round(100.0 * float(s), 2) for s in saved]
        found["largest_gap_pct"] = 100.0 * float(self.weeks["gap"].max())
        return found | dict(self.forecast)


def study(
    weeks: int = 10,
    *,
    seed: int = 0,
    station: CompressorStation | None = None,
    demand: Demand | None = None,
    tune_weeks: int = TUNE_WEEKS,
    told: Callable[[str], None] = lambda text: None,
) -> CompressorStudy:
    """Judge the ways over so many synthetic weeks, or over those of a recording, after weeks that do not count.

    station  None: `demo_station`; its demand is not looked at
    demand   instead of so many synthetic weeks of this seed
    tune_weeks  the last ones of those before, on which rules are tuned; as many as there are where they are fewer
    told     hears what is done now

    Raises `OutOfRange` where there is no week, the station is too small, or no cascade keeps its band.
    """
    if weeks < 1 or not 1 <= tune_weeks <= LEARN_WEEKS:
        raise OutOfRange(
            f"weeks is {weeks} and tune_weeks {tune_weeks}; at least one of each is needed, and {LEARN_WEEKS} for "
            "tuning at most."
        )
    station = demo_station() if station is None else station
    demand = Demand.synthetic(weeks, seed=seed) if demand is None else demand
    demand.check(station)
    if not searchable(station, np.full(1, HOURS)):
        raise OutOfRange(
            f"{len(station.machines)} machines with these least times are too many to be searched: 8 machines at most, "
            f"and {MOST_STATES:,} states of all together, min_on_h + min_off_h in quarters of an hour multiplied over "
            "the machines. Give shorter ones."
        )
    past, judged = demand.weeks[: demand.learn][-tune_weeks:], demand.weeks[demand.learn :]
    told("Tuning cascade and equal shares on weeks before")
    used = [week.used for week in past]
    cascade, equal = tune_cascade(station, used, STEP_S), tune_equal(station, used, STEP_S)
    told("Settings of the sequence, on the same weeks")
    trim = tune_trim(station, past)
    told("Learning the use of air from the production plan")
    plan = pd.concat([week.plan for week in demand.weeks])
    air = pd.concat([week.mean for week in demand.weeks]).to_frame("air")
    forecaster = GuardedForecaster(AirForecaster(plan, zone=demand.zone, seed=seed, threads=1))
    forecaster.fit(air, until=judged[0].start)
    rows, errors, planned = [], [], np.zeros((0, 0), dtype=bool)
    shown: dict[str, Simulated] = {}
    for k, week in enumerate(judged):
        told(f"Week {k + 1} of {len(judged)}")
        truth = best_sequence(
            trim.station(station, week.mean.to_numpy(), trim.reserve_m3_per_min), np.full(len(week.mean), FLAT_PRICE),
            np.full(len(week.mean), HOURS), gap=0.001,
        )  # fmt: skip
        if truth is None:
            raise OutOfRange(f"Week {k + 1}: no sequence meets the use of air; the station is too small for it.")
        rolled, wrong = _rolled(station, trim, week, air, forecaster)
        runs = {
            CASCADE: simulate(station, week.used, STEP_S, cascade),
            EQUAL: simulate(station, week.used, STEP_S, equal),
            TRUTH: simulate(station, week.used, STEP_S, trim.rule(truth.on, station.min_bar)),
            FORECAST: rolled,
        }
        row: dict[str, float] = {"gap": truth.gap, "air_m3": float(week.used.sum() * STEP_S / 60.0)}
        for way, run in runs.items():
            row |= {
                f"{way} mwh": run.energy_mwh, f"{way} starts": run.starts, f"{way} outside_s": run.outside_s,
                f"{way} low_bar": float(run.pressure_bar.min()), f"{way} high_bar": float(run.pressure_bar.max()),
            }  # fmt: skip
        rows.append(row)
        errors.append(wrong)
        if not shown:
            shown, planned = runs, truth.on
    table = pd.DataFrame(rows, index=pd.DatetimeIndex([w.start for w in judged], name="week"))
    wrong = pd.concat(errors)
    told_by = {
        "mae_m3_per_min": float(wrong["error"].abs().mean()),
        "last_week_mae_m3_per_min": float(wrong["last_week"].abs().mean()),
        "coverage_10_90": float(wrong["inside"].mean()),
    }
    return CompressorStudy(table, station, cascade, equal, trim, told_by, shown, demand, planned)


def tune_trim(station: CompressorStation, weeks: Sequence[Week]) -> Trim:
    """The target that takes least energy over some weeks among those that keep the band in all, with the same margin.

    Raises `OutOfRange` where there is none.
    """
    # Sequences hardly depend on the target: one for each week does for all.
    lowest, planned = Trim(station.min_bar + TARGETS_BAR[0], RESERVE_M3_PER_MIN), []
    for week in weeks:
        hours = np.full(len(week.mean), HOURS)
        here = lowest.station(station, week.mean.to_numpy(), RESERVE_M3_PER_MIN)
        found = best_sequence(here, np.full(hours.size, FLAT_PRICE), hours, gap=None)
        if found is None:
            raise OutOfRange("No sequence meets the use of air in the weeks before: the station is too small for it.")
        planned.append(found.on)
    best: tuple[float, Trim] | None = None
    for over in TARGETS_BAR:
        trim = replace(lowest, target_bar=station.min_bar + over)
        runs = [
            simulate(station, week.used, STEP_S, trim.rule(on, station.min_bar))
            for week, on in zip(weeks, planned, strict=True)
        ]
        energy = sum(run.energy_mwh for run in runs)
        if all(run.keeps(MARGIN_BAR) for run in runs) and (best is None or energy < best[0]):
            best = energy, trim
    if best is None:
        raise OutOfRange(
            f"No sequence keeps {station.min_bar:g} … {station.max_bar:g} bar in the weeks before: give a wider band, "
            "a larger receiver, or more machines."
        )
    return best[1]


def _rolled(
    station: CompressorStation, trim: Trim, week: Week, air: pd.DataFrame, forecaster: GuardedForecaster
) -> tuple[Simulated, pd.DataFrame]:
    """A week on forecasts: planned again every `REPLAN_H` for `AHEAD_H` from the state as it is."""
    per, every, ahead = round(INTERVAL_S / STEP_S), round(REPLAN_H / HOURS), round(AHEAD_H / HOURS)
    runner = Simulator(station, STEP_S)
    index = pd.DatetimeIndex(week.mean.index)
    parts, wrong = [], []
    for t in range(0, len(index), every):
        valid = pd.date_range(index[t], periods=ahead, freq=pd.Timedelta(seconds=INTERVAL_S))
        # The plan of the coming week may not be out yet: what is not, is not planned.
        valid = valid[valid <= air.index[-1]]
        forecast = forecaster.predict(air[air.index < index[t]], index[t], valid).quantiles.loc["air"]
        middle, high = (forecast[name].to_numpy(dtype=float) for name in ("p50", "p90"))
        now = min(every, len(index) - t)
        came = air["air"].reindex(valid[:now])
        before = air["air"].reindex(valid[:now] - pd.Timedelta(days=7)).to_numpy()
        inside = (came >= forecast["p10"].iloc[:now]) & (came <= forecast["p90"].iloc[:now])
        wrong.append(pd.DataFrame({"error": came - middle[:now], "last_week": came - before, "inside": inside}))
        machines = [
            replace(m, on_before=on, since_h=max(float(since), 1e-3))
            for m, on, since in zip(station.machines, runner.on, runner.since_h, strict=True)
        ]
        reserve = np.maximum(trim.reserve_m3_per_min, high - middle)
        here = trim.station(replace(station, machines=machines), middle, reserve)
        hours = np.full(len(valid), HOURS)
        found = best_sequence(here, np.full(len(valid), FLAT_PRICE), hours, gap=None)
        # Where no sequence meets the forecast all that there is runs.
        on = np.ones((len(machines), len(valid)), dtype=bool) if found is None else found.on
        parts.append(runner.run(week.used[t * per : (t + now) * per], trim.rule(on, station.min_bar)))
    return joined(parts), pd.concat(wrong)


def joined(parts: list[Simulated]) -> Simulated:
    """Simulations one after the other as one."""
    series: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("used", "pressure_bar", "flow_m3_per_min", "p_kw", "phase")
    }
    return replace(parts[0], **series, starts=sum(part.starts for part in parts))
