"""A month of recorded charging: the tariff, what is hidden from the plan, and the promises on a part of the month."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import OutsideData
from gridloop.optimize.studies.ev_month import DEMAND_CHARGE_PER_MW, ev_month, read_month, time_of_use


def test_the_tariff_by_clock_season_and_weekend():
    local = ["2019-09-02 07:45", "2019-09-02 08:00", "2019-09-02 12:00", "2019-09-02 18:00", "2019-09-02 23:00",
             "2019-09-01 13:00", "2019-11-04 13:00"]  # fmt: skip
    starts = pd.DatetimeIndex(local).tz_localize("America/Los_Angeles").tz_convert("UTC")
    assert time_of_use(starts).tolist() == [56.23, 92.50, 266.68, 92.50, 56.23, 56.23, 86.90]


@pytest.fixture(scope="module")
def sessions(data_dir: Path) -> pd.DataFrame:
    return read_month(data_dir / "ev" / "acn" / "caltech")


@pytest.mark.data
def test_nobody_who_said_nothing_is_quoted(sessions: pd.DataFrame):
    """Where a session was not claimed the file repeats the truth as the driver's words."""
    silent = sessions["user_departure"].isna()
    assert 0.1 < silent.mean() < 0.25
    assert sessions.loc[silent, "user_energy_mwh"].isna().all()
    assert (sessions.loc[~silent, "user_departure"] == sessions.loc[~silent, "departure"]).mean() < 0.05


@pytest.mark.data
def test_a_week_is_served_with_a_lower_peak_and_bill(sessions: pd.DataFrame):
    found = ev_month(sessions, "2019-09", days=6)
    facts = found.facts()
    assert facts["served_share"] > 0.99
    assert facts["peak_lower_pct"] > 25.0
    assert facts["money_lower_pct"] > 10.0
    # Who knows everything pays least, and cannot serve more than there is.
    assert found.money(found.foresight) <= found.money(found.planned)
    assert found.foresight.served_share == pytest.approx(1.0, abs=1e-6)
    by_hand = found.uncontrolled.site_mw.max() * DEMAND_CHARGE_PER_MW + float(
        (found.uncontrolled.site_mw.to_numpy() * found.prices.to_numpy()).sum() / 4
    )
    assert found.money(found.uncontrolled) == pytest.approx(by_hand)
    assert list(found.table().index) == ["uncontrolled", "least_laxity", "believing", "planned", "foresight"]


@pytest.mark.data
def test_the_plan_does_not_look_at_the_truth(sessions: pd.DataFrame):
    """Whoever leaves on the third day leaves a day later, or takes more: the first two days are charged as before."""
    later = sessions.copy()
    begin = pd.Timestamp("2019-09-03", tz="America/Los_Angeles")
    changed = (later["departure"] > begin) & (later["departure"] < begin + pd.Timedelta(days=3))
    later.loc[changed, "departure"] += pd.Timedelta(hours=5)
    first, second = (ev_month(table, "2019-09", days=3).planned.p_mw for table in (sessions, later))
    both = first.index.intersection(second.index)
    both = both[both < begin.tz_convert("UTC")]
    assert len(both) == 2 * 96
    np.testing.assert_array_equal(first.loc[both].to_numpy(), second.loc[both].to_numpy())


@pytest.mark.data
def test_a_month_that_is_not_there_is_refused(sessions: pd.DataFrame):
    with pytest.raises(OutsideData, match="No session begins between 2021-03-01"):
        ev_month(sessions, "2021-03")
