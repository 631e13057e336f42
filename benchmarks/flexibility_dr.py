"""Demand response on recorded homes: placebo events that should find nothing, and a programme through a year.

Placebo: every working day of the 17 homes of Fontana (hourly, a year) and of 5 Australian customers (half-hourly, two
years) counts as an event from 16 to 20 o'clock that nobody answered. The bias of the baseline that is paid by (10 of
10), as it is and with nothing taken off, is to stay within 5 % of the load; the others are tried and not promised. The
90 % interval of the sum is to hold zero on 90 % of the days, within what their number lets it wander (two standard
errors). That checks the interval alone: it is made of the baseline's own errors, and covers a bad baseline as well.

Programme: 15 events a year at most, called the evening before a day like a busy one, answered as `Response` assumes and
planned by `schedule`. Beside it the same year without a programme; what was truly delivered is known here. The same
calls answered by nobody show the error of the baseline on such days: they are called because they will be busy, and the
ten days before them were less so, so that baselines are too low and what was delivered is undervalued.
"""

from __future__ import annotations

import math
import time
from typing import Any

import pandas as pd

from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.market.demand_response.baseline import FIVE_OF_TEN, TEN_OF_TEN, BaselineMethod
from gridloop.market.demand_response.program import DRProgram
from gridloop.market.demand_response.records import AUSTRALIA_ZONE, FONTANA_ZONE, australia, fontana
from gridloop.market.demand_response.response import Response
from gridloop.market.demand_response.study import DRStudy, study_program
from gridloop.market.demand_response.trial import Trial, placebo_trial

NAME = "flexibility"
PLACEBO = "demand response: placebo events, {}"
PROGRAM = "demand response: programme, fontana"
CASES = (PLACEBO.format("fontana"), PLACEBO.format("australia"), PROGRAM)
LEVEL = 0.9
MOST_BIAS = 0.05
PAID_BY = "10 of 10"
METHODS = {PAID_BY: TEN_OF_TEN, "5 of 10": FIVE_OF_TEN, "10 of 10, additive": BaselineMethod(adjustment="additive")}
# Days before which there are no baselines and no placebos: the programme begins after them.
FIRST_DAY = pd.Timestamp("2016-12-01")


def rows(bench: Bench) -> list[Row]:
    """One row per record for the placebos, one for the programme."""
    found = []
    if bench.asks_for(CASES[0]) or bench.asks_for(CASES[2]):
        load, price = fontana(bench.data_folder / "homes" / "fontana")
        if bench.asks_for(CASES[0]):
            found.append(_placebo(bench, "fontana", load, FONTANA_ZONE))
        if bench.asks_for(CASES[2]):
            found.append(_program(bench, load, price))
    if bench.asks_for(CASES[1]):
        load = australia(bench.data_folder / "meters" / "australia" / "half_hourly_5_customers.csv")
        found.append(_placebo(bench, "australia", load, AUSTRALIA_ZONE))
    return found


def _placebo(bench: Bench, name: str, load: pd.DataFrame, zone: str) -> Row:
    case = PLACEBO.format(name)
    bench.say(case)
    if bench.quick:
        load = load.iloc[-(len(load) // 2) :]
    facts: dict[str, Any] = {"customers": load.shape[1], "missing_share": float(load.isna().to_numpy().mean())}
    started = time.process_time()
    trials = {
        method: placebo_trial(load, begin_h=16, hours=4, zone=zone, method=how, level=LEVEL)
        for method, how in METHODS.items()
    }
    took = time.process_time() - started
    notes = []
    for method, trial in trials.items():
        facts[method] = _of_trial(trial)
        notes.append(judged(method, trial, quick=bench.quick))
    return Row(NAME, case, 1, ours=Rates((len(METHODS) / took,), "trials per second"), facts=facts, notes=tuple(notes))


def _of_trial(trial: Trial) -> dict[str, Any]:
    each = trial.customer
    return {
        **{name: float(value) for name, value in trial.total.items()},
        "customer_coverage_median": float(each["coverage"].median()),
        "customer_coverage_least": float(each["coverage"].min()),
        "customer_sd_share_median": float((each["sd_mw"] / each["load_mw"]).median()),
    }


def judged(method: str, trial: Trial, *, quick: bool) -> str:
    """What is said of a trial: of the bias, which is promised of the method that is paid by, and of the interval."""
    total = trial.total
    wander = 2 * math.sqrt(LEVEL * (1 - LEVEL) / max(float(total["events"]), 1.0))
    corrected = float(total["corrected_bias_mw"] / total["load_mw"])
    part = "half of the record"
    bias = verdict(abs(float(total["bias_share"])) <= MOST_BIAS, quick=quick, part=part)
    holds = verdict(float(total["coverage"]) >= LEVEL - wander, quick=quick, part=part)
    promised = f", promised within {MOST_BIAS:.0%}" if method == PAID_BY else ""
    return (
        f"{bias if promised else 'Not promised'}: {method}: bias {total['bias_share']:+.1%} of load{promised} "
        f"({corrected:+.1%} with the mean of the days before taken off). Of the interval alone: {holds}: {LEVEL:.0%} "
        f"holds on {total['coverage']:.1%} of {total['events']:.0f} days, promised {LEVEL - wander:.1%} or more."
    )


def program() -> DRProgram:
    """The programme of the study."""
    return DRProgram(
        max_events=15, max_calls=10, begin_h=14, end_h=21, payment_per_mwh=1000.0, zone=FONTANA_ZONE, id="evening peaks"
    )


def _program(bench: Bench, load: pd.DataFrame, price: pd.Series) -> Row:
    bench.say(PROGRAM)
    first = pd.Timestamp("2017-06-01") if bench.quick else FIRST_DAY
    started = time.process_time()
    study = study_program(load, price, program(), begin_h=16, hours=4, first_day=first, seed=bench.seed)
    took = time.process_time() - started
    nobody = study_program(
        load, price, program(), begin_h=16, hours=4, first_day=first, seed=bench.seed, response=Response(answers=0.0)
    ).facts()
    return Row(
        NAME, PROGRAM, 1, ours=Rates((1 / took,), "studies per second"),
        facts={**study.facts(), "nobody_answers": nobody},
        notes=(
            _told(study),
            f"Where nobody answers, {nobody['measured_mwh']:.3f} MWh are measured in {nobody['events']} events: on "
            "busy days the baseline is too low.",
            f"Took {took:.1f} s of one core.",
        ),
    )  # fmt: skip


def _told(study: DRStudy) -> str:
    f = study.facts()
    return (
        f"{f['events']} events: truly delivered {f['true_mwh']:.3f} MWh, measured {f['measured_mwh']:.3f}, corrected "
        f"{f['corrected_mwh']:.3f} MWh; its "
        f"interval of 90 % held it in {f['held']} of them; paid {f['paid']:.2f}, energy {f['energy_cost']:.2f} for "
        f"{f['energy_cost_without']:.2f} without."
    )
