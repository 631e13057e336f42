"""A compressor station over weeks of air: a planned sequence beside a tuned cascade and equal shares.

Every week is judged by the same simulation of the same machines and the same use of air:

- cascade, equal shares  rules of today, tuned on weeks before
- true demand            a sequence planned for the week on the mean of every quarter of an hour as it came
- forecast               a sequence planned again and again on what was known then: forecast of the air from the
                         production plan, state of the machines as it was

Both sequences are followed by the same rule in real time, with settings found on the weeks before. Nothing is tuned on
the weeks that count. The weeks are synthetic, or a plant's recording (`compressor_weeks`). Where there are prices the
sequences are planned on them, air in the receiver included; rules of today do not know them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.air import AirForecaster
from gridloop.forecast.operation.guard import GuardedForecaster
from gridloop.operate.studies.compressor_prices import over_weeks
from gridloop.operate.studies.compressor_result import (
    CASCADE,
    EQUAL,
    FORECAST,
    TRUTH,
    WAYS,
    CompressorStudy,
)
from gridloop.operate.studies.compressor_trim import FLAT_PRICE, HOURS, Trim, plan_of, tune_trim
from gridloop.operate.studies.compressor_weeks import LEARN_WEEKS, Demand
from gridloop.optimize.compressors.demand import INTERVAL_S, STEP_S, Week, demo_station
from gridloop.optimize.compressors.rules import tune_cascade, tune_equal
from gridloop.optimize.compressors.sequence import MOST_STATES, searchable
from gridloop.optimize.compressors.sequence import Sequence as Found
from gridloop.optimize.compressors.simulation import Simulated, Simulator, simulate
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.units import FloatArray

__all__ = ["CASCADE", "EQUAL", "FORECAST", "TRUTH", "TUNE_WEEKS", "WAYS", "CompressorStudy", "study"]

TUNE_WEEKS = 4
AHEAD_H, REPLAN_H = 12.0, 1.0


def study(
    weeks: int = 10,
    *,
    seed: int = 0,
    station: CompressorStation | None = None,
    demand: Demand | None = None,
    prices: pd.Series | None = None,
    tune_weeks: int = TUNE_WEEKS,
    told: Callable[[str], None] = lambda text: None,
) -> CompressorStudy:
    """Judge the ways over so many synthetic weeks, or over those of a recording, after weeks that do not count.

    station  None: `demo_station`; its demand is not looked at
    demand   instead of so many synthetic weeks of this seed
    prices   money per MWh, UTC, on any regular clock, over the judged weeks (made-up ones: see `over_weeks`); known a
             horizon ahead. None: the same at all times, and no money
    tune_weeks  the last ones of those before, on which rules are tuned; as many as there are where they are fewer
    told     hears what is done now

    Raises `OutOfRange` where there is no week, the station is too small, or no cascade keeps its band; `OutsideData`
    where prices do not cover the weeks.
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
    quarters = pd.DatetimeIndex(np.concatenate([week.mean.index for week in judged]), name="valid_at")
    priced = None if prices is None else over_weeks(prices, quarters, demand)
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
    price = pd.Series(FLAT_PRICE, index=quarters) if priced is None else priced
    rows, errors, powers, planned = [], [], [], np.zeros((0, 0), dtype=bool)
    shown: dict[str, Simulated] = {}
    for k, week in enumerate(judged):
        told(f"Week {k + 1} of {len(judged)}")
        here = np.asarray(price.reindex(week.mean.index), dtype=float)
        truth = plan_of(station, trim, week.mean.to_numpy(dtype=float), here, gap=0.001)
        if truth is None:
            raise OutOfRange(f"Week {k + 1}: no sequence meets the use of air; the station is too small for it.")
        rolled, wrong = _rolled(station, trim, week, air, forecaster, price)
        runs = {
            CASCADE: simulate(station, week.used, STEP_S, cascade),
            EQUAL: simulate(station, week.used, STEP_S, equal),
            TRUTH: simulate(station, week.used, STEP_S, trim.rule(truth.on, station.min_bar, _targets(trim, truth))),
            FORECAST: rolled,
        }
        mean = pd.DataFrame({way: run.means(INTERVAL_S, week.start)["p_kw"] / 1000.0 for way, run in runs.items()})
        row: dict[str, float] = {"gap": truth.gap, "air_m3": float(week.used.sum() * STEP_S / 60.0)}
        for way, run in runs.items():
            row |= {
                f"{way} mwh": run.energy_mwh, f"{way} starts": run.starts, f"{way} outside_s": run.outside_s,
                f"{way} low_bar": float(run.pressure_bar.min()), f"{way} high_bar": float(run.pressure_bar.max()),
            }  # fmt: skip
            if priced is not None:
                row[f"{way} cost"] = float(mean[way].to_numpy() @ here) * HOURS
        rows.append(row)
        powers.append(mean)
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
    return CompressorStudy(
        table, pd.concat(powers), priced, station, cascade, equal, trim, told_by, shown, demand, planned
    )  # fmt: skip


def _targets(trim: Trim, found: Found) -> FloatArray:
    """Pressures that a plan holds on average, interval by interval: above the target where it stores air."""
    begin = np.concatenate([[trim.target_bar], found.pressure_bar[:-1]])
    return np.asarray(np.maximum(trim.target_bar, 0.5 * (begin + found.pressure_bar)))


def _rolled(
    station: CompressorStation, trim: Trim, week: Week, air: pd.DataFrame, forecaster: GuardedForecaster,
    price: pd.Series,
) -> tuple[Simulated, pd.DataFrame]:  # fmt: skip
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
        found = plan_of(
            replace(station, machines=machines), trim, middle, price.reindex(valid).to_numpy(),
            reserve=np.maximum(trim.reserve_m3_per_min, high - middle),
        )  # fmt: skip
        # Where no sequence meets the forecast all that there is runs.
        on = np.ones((len(machines), len(valid)), dtype=bool) if found is None else found.on
        targets = None if found is None else _targets(trim, found)
        rule = trim.rule(on, station.min_bar, targets)
        parts.append(runner.run(week.used[t * per : (t + now) * per], rule))
    return joined(parts), pd.concat(wrong)


def joined(parts: list[Simulated]) -> Simulated:
    """Simulations one after the other as one."""
    series: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("used", "pressure_bar", "flow_m3_per_min", "p_kw", "phase")
    }
    return replace(parts[0], **series, starts=sum(part.starts for part in parts))
