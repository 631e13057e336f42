"""The study: one synthetic week, its figures, and its page."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gridloop.cli.study_compressors_words import comparison
from gridloop.errors import OutOfRange
from gridloop.operate.plots.study_compressors import build_compressor_page
from gridloop.operate.studies.compressor_trim import plan_of, tune_trim
from gridloop.operate.studies.compressor_weeks import Demand
from gridloop.operate.studies.compressors import CASCADE, FORECAST, TRUTH, WAYS, study
from gridloop.optimize.compressors.demand import STEP_S, demo_station
from gridloop.optimize.compressors.machine import Compressor
from gridloop.optimize.compressors.rules import tune_cascade
from gridloop.optimize.compressors.simulation import simulate
from gridloop.optimize.devices.compressor_station import CompressorStation


@pytest.fixture(scope="module")
def found():
    return study(1, seed=1, tune_weeks=1)


@pytest.mark.slow
def test_a_week_saves_and_keeps_its_band(found):
    assert found.weeks["gap"].max() <= 0.005
    for way in (TRUTH, FORECAST):
        assert found.saving(way).iloc[0] > 0.03
        assert found.weeks[f"{way} low_bar"].min() > found.station.min_bar - 0.1
    assert found.weeks[f"{TRUTH} mwh"].iloc[0] < found.weeks[f"{CASCADE} mwh"].iloc[0]
    assert found.forecast["mae_m3_per_min"] < found.forecast["last_week_mae_m3_per_min"]


@pytest.mark.slow
def test_facts_are_plain_and_the_page_has_its_parts(found):
    facts = json.loads(json.dumps(found.facts()))
    assert facts["synthetic"] is True and facts["weeks"] == 1
    assert facts["forecast_saving_interval_pct"] is None and "forecast_cost" not in facts
    saved = facts["savings"]["true_demand"]["energy_mwh"]["saved"]
    assert saved == pytest.approx(facts["cascade_mwh"] - facts["true_demand_mwh"], rel=1e-6)
    page = build_compressor_page(found, comparison(found, "EUR"), ["Synthetic."], "EUR")
    assert page.count("chart-cascade") and page.count("chart-sequence") and page.count("chart-weeks")
    assert "synthetic" in page and len(comparison(found, "EUR").ways) == len(WAYS)


@pytest.mark.slow
def test_a_small_station_takes_less_than_its_cascade_and_keeps_its_band():
    """Three machines: flows to spare are as small as their factory's swings."""
    machines = [
        Compressor.fixed_speed("F1", 15.5, 97.0),
        Compressor.fixed_speed("F2", 9.5, 61.0),
        Compressor("V", "variable", [2.4, 4.8, 9.6], [18.0, 31.0, 62.0], 11.0),
    ]
    station = CompressorStation(machines, np.zeros(1), 12.0, 6.2, 7.2, start_bar=6.6)
    demand = Demand.synthetic(1, seed=5, scale=0.3)
    past, week = demand.weeks[demand.learn - 1 : demand.learn], demand.weeks[demand.learn]
    trim, cascade = tune_trim(station, past), tune_cascade(station, [w.used for w in past], STEP_S)
    assert trim.spare_m3_per_min < 1.5 and trim.reserve_m3_per_min < 1.0
    air = week.mean.to_numpy()
    plan = plan_of(station, trim, air, np.full(air.size, 100.0))
    run = simulate(station, week.used, STEP_S, trim.rule(plan.on, station.min_bar))
    assert run.outside_s == 0.0
    assert run.energy_mwh < 0.97 * simulate(station, week.used, STEP_S, cascade).energy_mwh


@pytest.mark.slow
def test_a_station_that_is_too_small_says_so():
    with pytest.raises(OutOfRange, match=r"keeps 6\.2 … 7\.2 bar in these weeks"):
        study(1, tune_weeks=1, station=demo_station(volume_m3=0.5))
    with pytest.raises(OutOfRange, match="weeks is 0"):
        study(0)
