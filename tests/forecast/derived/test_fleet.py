"""Fleets and ramps: sums of plants that err together or apart, and ramps that a pencil can count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.forecast import Forecast
from gridloop.forecast.derived.fleet import Fleet, ranks_of
from gridloop.forecast.derived.ramps import draw_paths, ramp_events, ramp_probability

AT = pd.Timestamp("2021-06-01", tz="UTC")
AHEAD = pd.date_range(AT, periods=4, freq="h")
LEVELS = np.arange(1, 100) / 100.0


def uniform_plants(points: tuple[str, ...], top: float = 10.0) -> Forecast:
    """Every plant is uniform between 0 and `top` MW: quantile t is t · top."""
    values = np.broadcast_to((top * LEVELS)[:, None, None], (99, len(AHEAD), len(points)))
    return Forecast.from_arrays(AT, points, AHEAD, values, dict.fromkeys(points, "x"), levels=LEVELS.tolist())


def test_plants_that_err_together_add_their_quantiles():
    fleet = Fleet(("a", "b"), np.ones((2, 2)))
    total = fleet.total(uniform_plants(("a", "b")), name="both", rng=np.random.default_rng(0), draws=20_000)
    # 20 000 draws: the standard error of the 0.9 quantile of 0 … 20 MW is 20 · sqrt(0.09 / 20 000) = 0.04 MW
    assert total.wide("p90")["both"].to_numpy() == pytest.approx(18.0, abs=0.2)
    assert total.wide("p10")["both"].to_numpy() == pytest.approx(2.0, abs=0.2)
    assert total.model["both"] == "fleet"


def test_independent_plants_even_out():
    """The sum of two uniforms is triangular: P10 is 10 · sqrt(0.2) = 4.47 MW of 20."""
    fleet = Fleet(("a", "b"), np.eye(2))
    total = fleet.total(uniform_plants(("a", "b")), name="both", rng=np.random.default_rng(0), draws=20_000)
    assert total.wide("p10")["both"].to_numpy() == pytest.approx(10.0 * np.sqrt(0.2), abs=0.2)
    assert total.wide("p50")["both"].to_numpy() == pytest.approx(10.0, abs=0.2)


def test_the_correlation_is_learned_from_ranks():
    from scipy.special import ndtr

    rng = np.random.default_rng(3)
    common = rng.standard_normal((4000, 1))
    score = np.sqrt(0.6) * common + np.sqrt(0.4) * rng.standard_normal((4000, 3))
    ranks = pd.DataFrame(ndtr(score), columns=["a", "b", "c"])
    ranks.iloc[:1000, 0] = np.nan
    fleet = Fleet.learned(ranks)
    # standard error of a correlation of 0.6 from 3000 pairs: (1 − 0.36) / sqrt(3000) = 0.012
    assert fleet.correlation[np.triu_indices(3, 1)] == pytest.approx(0.6, abs=0.05)
    again = np.corrcoef(fleet.draw(20_000, np.random.default_rng(0)))[0, 1]
    # ranks are uniform: their plain correlation is 6/π · asin(0.6 / 2) = 0.582
    assert again == pytest.approx(0.582, abs=0.05)


def test_few_ranks_are_believed_less():
    """Thirty ranks that agree, and ten without correlation believed in advance: 30 / 40."""
    ranks = np.random.default_rng(0).random(30)
    fleet = Fleet.learned(pd.DataFrame({"a": ranks, "b": ranks}))
    assert fleet.correlation[0, 1] == pytest.approx(0.75, rel=1e-9)


def test_ranks_say_where_what_came_lies():
    actual = pd.DataFrame({"a": [1.0, 5.0, 9.9, np.nan]}, index=AHEAD)
    ranks = ranks_of([uniform_plants(("a",))], actual)
    assert ranks["a"].to_numpy() == pytest.approx([0.1, 0.5, 0.99, np.nan], abs=0.006, nan_ok=True)


def test_too_few_ranks_and_impossible_correlations_are_refused():
    with pytest.raises(GapInSeries, match="a, b have fewer than 30"):
        Fleet.learned(pd.DataFrame(np.full((20, 2), 0.5), columns=["a", "b"]))
    for wrong in (np.array([[1.0, 2.0], [2.0, 1.0]]), np.eye(3), np.array([[1.0, 0.5], [0.4, 1.0]])):
        with pytest.raises(OutOfRange, match="2 × 2"):
            Fleet(("a", "b"), wrong)
    with pytest.raises(OutOfRange, match="c have no forecast"):
        Fleet(("a", "c"), np.eye(2)).total(uniform_plants(("a", "b")), name="x", rng=np.random.default_rng(0))


def test_ramps_are_counted():
    """Of four scenarios one rises by 5 at once, one by 5 in two hours, two fall by 5."""
    paths = np.array([[0.0, 0.0, 5.0, 6.0], [5.0, 2.5, 0.0, 1.0], [5.0, 5.0, 0.0, 1.0]])
    times = AHEAD[:3]
    one = ramp_probability(paths, times, change_mw=5.0, within="1h", way="up")
    two = ramp_probability(paths, times, change_mw=5.0, within="2h", way="up")
    down = ramp_probability(paths, times, change_mw=5.0, within="1h", way="down")
    assert one.tolist() == [0.25, 0.0, 0.0]
    assert two.tolist() == [0.5, 0.0, 0.0]
    assert down.tolist() == [0.5, 0.0, 0.0]
    events = ramp_events(two, least=0.3)
    assert events[["start", "end", "probability"]].iloc[0].tolist() == [AHEAD[0], AHEAD[1], 0.5]
    assert len(events) == 1


def test_paths_have_the_forecasts_quantiles_and_its_memory():
    paths = draw_paths(uniform_plants(("a",)), "a", np.random.default_rng(0), draws=20_000, fades_h=2.0)
    assert np.quantile(paths, 0.9, axis=1) == pytest.approx(9.0, abs=0.1)
    near, far = np.corrcoef(paths)[0, 1], np.corrcoef(paths)[0, 3]
    assert near == pytest.approx(np.exp(-0.5), abs=0.05)
    assert far == pytest.approx(np.exp(-1.5), abs=0.05)


def test_senseless_ramps_are_refused():
    paths = np.zeros((3, 2))
    with pytest.raises(OutOfRange, match="above zero"):
        ramp_probability(paths, AHEAD[:3], change_mw=0.0, within="1h", way="up")
    with pytest.raises(OutOfRange, match="shorter than a step"):
        ramp_probability(paths, AHEAD[:3], change_mw=1.0, within="30min", way="up")
