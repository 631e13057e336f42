"""DayAheadForecaster on recorded load: Victoria in April 2014, with Easter, a holiday and a clock change."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.forecast_data import MELBOURNE, victoria

from gridloop.forecast import DayAheadForecaster, Record, backtest


@pytest.mark.data
@pytest.mark.slow
def test_easter_in_a_state(data_dir: Path):
    """A quarter of the usual trees, so that it is quick. Skill was 0.60 and MAPE 2.3 % when the bounds were set."""
    load, air, holidays = victoria(data_dir)

    def make() -> DayAheadForecaster:
        return DayAheadForecaster(zone=MELBOURNE, holidays=holidays, trees=100)

    result = backtest(
        make, Record.measured(load), first="2014-04-01", last="2014-04-26", weather=Record.foreseen(air, "37h")
    )
    scores = result.scores()
    assert scores["skill"] > 0.5
    assert scores["mape_pct"] < 3.0
    assert (result.rows["model"] == "experts").all()
    assert len(result.rows) == 26 * 48 + 2, "the hour that came twice on 6 April"
