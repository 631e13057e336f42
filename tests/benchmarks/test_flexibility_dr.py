"""What is said of placebo trials: a bad baseline is told, however well its own interval covers it."""

from __future__ import annotations

import pandas as pd
from benchmarks.flexibility_dr import PAID_BY, judged

from gridloop.market.demand_response.trial import Trial


def trial(bias_share: float, coverage: float = 0.9) -> Trial:
    total = {
        "load_mw": 2.0, "bias_mw": 2.0 * bias_share, "bias_share": bias_share, "corrected_bias_mw": 0.0,
        "coverage": coverage, "events": 400.0,
    }  # fmt: skip
    return Trial(pd.DataFrame(), pd.Series(total), 0.9)


def test_a_baseline_of_zero_is_missed_though_its_interval_covers():
    said = judged(PAID_BY, trial(-1.0), quick=False)
    assert said.startswith("MISSED: 10 of 10") and "-100.0% of load" in said and "interval alone: Kept" in said
    assert judged(PAID_BY, trial(0.051), quick=False).startswith("MISSED")
    assert judged(PAID_BY, trial(-0.044), quick=False).startswith("Kept")
    assert judged(PAID_BY, trial(-1.0), quick=True).startswith("Not judged")


def test_what_nobody_is_paid_by_is_not_promised():
    assert judged("5 of 10", trial(0.28), quick=False).startswith("Not promised: 5 of 10: bias +28.0% of load")


def test_an_interval_that_holds_too_seldom_is_told():
    assert "interval alone: MISSED" in judged(PAID_BY, trial(0.0, coverage=0.8), quick=False)
