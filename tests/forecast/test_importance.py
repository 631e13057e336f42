"""Importance: what the trees of a fitted forecaster hang on, and hooks that a kind may turn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import OutOfRange
from gridloop.forecast.load import LoadForecaster


class FewRows(LoadForecaster):
    """On fewer rows than the closed loop's: it takes a second instead of twenty."""

    least_issues = 400
    most_rows = 3000


class Alone(FewRows):
    """Without persistence in the average."""

    def _averages(self) -> bool:
        return False


def test_gains_add_up_and_a_load_hangs_on_its_own_days(loads: pd.DataFrame):
    table = FewRows(threads=1).fit(loads, until=loads.index[-1]).importance()
    assert table["boosting"].sum() == pytest.approx(1.0)
    assert table.loc[["mean_type", "mean_weeks", "week", "week_smooth", "middle", "mean_7"], "boosting"].sum() > 0.3
    with pytest.raises(OutOfRange, match="no model was learned"):
        FewRows(threads=1).fit(loads.iloc[:200], until=loads.index[200]).importance()


def test_a_kind_may_leave_persistence_out(loads: pd.DataFrame):
    fitted = Alone(threads=1).fit(loads, until=loads.index[-1])
    assert fitted._learned is not None
    np.testing.assert_array_equal(fitted._learned.ensemble.share, 0.0)
