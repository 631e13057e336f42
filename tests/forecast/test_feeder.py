"""FeederForecaster: all kinds together, fast enough for a tick."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.forecast import FeederForecaster, Place, score
from gridloop.forecast.direct.forecaster import MODEL, DirectForecaster

UNTIL = pd.Timestamp("2021-04-10", tz="UTC")
PLACE = Place(0.0, 0.0, "UTC")
KINDS = {
    "load 0": "load",
    "load 1": "load",
    "roof": "solar",
    "field": "solar",
    "hill": "wind",
    "load 2": "other",
}
CAPACITIES = {"roof": 2.0, "field": 5.0, "hill": 10.0, "load 2": 30.0}


@pytest.fixture(scope="module")
def history(loads: pd.DataFrame, plants: pd.DataFrame, farms: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([loads, plants, farms], axis=1)


@pytest.fixture(scope="module")
def feeder(history: pd.DataFrame) -> FeederForecaster:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectForecaster, "least_issues", 400)
        patch.setattr(DirectForecaster, "most_rows", 3000)
        return FeederForecaster(KINDS, CAPACITIES, PLACE).fit(history, until=UNTIL)  # type: ignore[arg-type]


def ahead(at: pd.Timestamp) -> pd.DatetimeIndex:
    return pd.date_range(at, periods=96, freq="15min")


def test_all_points_of_all_kinds(feeder: FeederForecaster, history: pd.DataFrame):
    made = feeder.predict(history, UNTIL, ahead(UNTIL))
    assert made.points == sorted(KINDS)
    assert (made.model == MODEL).all()
    assert set(feeder.backtests) == {"load", "solar", "wind", "other"}
    assert set(feeder.memories) == set(KINDS)


def test_the_members_say_the_same_alone(feeder: FeederForecaster, history: pd.DataFrame):
    together = feeder.predict(history, UNTIL, ahead(UNTIL))
    for member in feeder.members.values():
        alone = member.predict(history, UNTIL, ahead(UNTIL))
        for point in alone.points:
            pd.testing.assert_frame_equal(alone.at(point), together.at(point), check_exact=True)


def test_a_copy_from_disk_forecasts_the_same(feeder: FeederForecaster, history: pd.DataFrame):
    copy = pickle.loads(pickle.dumps(feeder))
    first, second = (f.predict(history, UNTIL, ahead(UNTIL)) for f in (feeder, copy))
    pd.testing.assert_frame_equal(first.quantiles, second.quantiles, check_exact=True)


def test_what_is_missing_is_named(feeder: FeederForecaster, history: pd.DataFrame):
    with pytest.raises(OutOfRange, match=r"1 points are of no known kind \(x\)"):
        FeederForecaster({"x": "geyser"}, {}, PLACE)  # type: ignore[dict-item]
    with pytest.raises(OutOfRange, match=r"1 plants have none \(roof\)"):
        FeederForecaster({"roof": "solar"}, {}, PLACE)
    with pytest.raises(OutOfRange, match="not fitted yet"):
        FeederForecaster({"a": "load"}, {}, PLACE).predict(history, UNTIL, ahead(UNTIL))
    with pytest.raises(MissingColumn, match=r"1 of 6 points have no column \(roof\)"):
        feeder.fit(history.drop(columns="roof"), until=UNTIL)


def test_scores_compare_the_same_moments(feeder: FeederForecaster, history: pd.DataFrame):
    """Two issues; the second one's horizon ends beyond the data, and only what came counts."""
    issues = [UNTIL, UNTIL + pd.Timedelta("12h")]
    made = [feeder.predict(history, at, ahead(at)) for at in issues]
    actual = history[history.index < UNTIL + pd.Timedelta("1D")]
    scores = score(made, actual, KINDS, CAPACITIES)
    plain = []
    for at, forecast in zip(issues, made, strict=True):
        for valid_at in ahead(at):
            if valid_at < UNTIL + pd.Timedelta("1D"):
                came = history.loc[valid_at, "hill"]
                plain.append(
                    (
                        abs(came - forecast.at("hill").loc[valid_at, "p50"]),
                        abs(came - history.loc[at - pd.Timedelta("15min"), "hill"]),
                    )
                )
    ours, persistence = 100.0 * np.mean(plain, axis=0) / 10.0
    assert scores.summary["wind_nmae_pct"] == pytest.approx(ours)
    assert scores.summary["persistence_wind_nmae_pct"] == pytest.approx(persistence)
    assert scores.summary["wind_skill"] == pytest.approx(1.0 - ours / persistence)
    assert scores.by_lead.loc["wind"].index.tolist() == [k / 4.0 for k in range(96)]
    assert np.isfinite(scores.by_lead.loc["wind", "nmae_pct"]).all()


def test_no_forecast_no_score(history: pd.DataFrame):
    with pytest.raises(OutOfRange, match="no forecast"):
        score([], history, KINDS, CAPACITIES)
