"""The study: one synthetic week, its figures, and its page."""

from __future__ import annotations

import json

import pytest

from gridloop.cli.study_compressors import comparison
from gridloop.errors import OutOfRange
from gridloop.operate.plots.study_compressors import build_compressor_page
from gridloop.operate.studies.compressors import CASCADE, FORECAST, TRUTH, WAYS, study
from gridloop.optimize.compressors.demand import demo_station


@pytest.fixture(scope="module")
def found():
    return study(1, tune_weeks=1)


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
    page = build_compressor_page(found, comparison(found), ["Synthetic."])
    assert page.count("chart-cascade") and page.count("chart-sequence") and page.count("chart-weeks")
    assert "synthetic" in page and len(comparison(found).ways) == len(WAYS)


@pytest.mark.slow
def test_a_station_that_is_too_small_says_so():
    with pytest.raises(OutOfRange, match=r"keeps 6\.2 … 7\.2 bar in these weeks"):
        study(1, tune_weeks=1, station=demo_station(volume_m3=0.5))
    with pytest.raises(OutOfRange, match="weeks is 0"):
        study(0)
