"""Scenarios: margins and dependence are those that went in; reduction; scores; bad inputs."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from scipy.stats import kstest, spearmanr

from gridloop.errors import OutOfRange
from gridloop.forecast.scenarios.dependence import Dependence, positive
from gridloop.forecast.scenarios.margins import Margins
from gridloop.forecast.scenarios.model import ScenarioModel
from gridloop.forecast.scenarios.reduction import forward_selection
from gridloop.forecast.scenarios.scores import energy_score, variogram_score
from gridloop.forecast.value import Forecast

LEVELS = np.array([0.1, 0.5, 0.9])
FREE = np.array([-np.inf]), np.array([np.inf])


def margins(*values: float, low: float = -np.inf, high: float = np.inf, tail: float = 1.0) -> Margins:
    return Margins(LEVELS, np.array(values)[:, None], np.array([low]), np.array([high]), tail)


def world(
    issues: int, *, reach: float = 0.9, together: float = 0.8, seed: int = 0
) -> tuple[list[Forecast], pd.DataFrame]:
    """Two farms, six hours: normal errors of 1 and 2 MW around 20 MW, that fade by `reach` and are shared."""
    rng = np.random.default_rng(seed)
    step = np.arange(6)
    time = reach ** np.abs(step[:, None] - step)
    place = np.array([[1.0, together], [together, 1.0]])
    z = np.linalg.cholesky(np.kron(place, time)) @ rng.standard_normal((12, issues))
    spread = np.repeat([1.0, 2.0], 6)
    forecasts, came = [], []
    for k in range(issues):
        issue = pd.Timestamp("2021-01-01", tz="UTC") + pd.Timedelta(days=k)
        valid = pd.date_range(issue, periods=6, freq="h", name="valid_at")
        quantiles = (20.0 + ndtri(LEVELS)[:, None] * spread).reshape(3, 2, 6).transpose(0, 2, 1)
        forecasts.append(Forecast.from_arrays(issue, ["a", "b"], valid, quantiles, {"a": "m", "b": "m"}))
        values = (20.0 + z[:, k] * spread).reshape(2, 6).T
        came.append(pd.DataFrame(values, index=valid, columns=["a", "b"]))
    return forecasts, pd.concat(came)


@pytest.fixture(scope="module")
def learned() -> tuple[ScenarioModel, list[Forecast], pd.DataFrame]:
    forecasts, came = world(300)
    return ScenarioModel.learn(forecasts, came), forecasts, came


# ------------------------------------------------------------------ margins


def test_three_quantiles_of_a_normal_give_it_back():
    """P10, P50, P90 of N(5, 2): any other quantile follows, in the middle as in the tails."""
    normal = margins(*(5.0 + 2.0 * ndtri(LEVELS)))
    scores = np.array([[-3.0, -1.0, 0.0, 0.4, 2.5]])
    assert normal.value(scores)[0] == pytest.approx(5.0 + 2.0 * scores[0], abs=1e-12)


def test_tails_are_cut_at_the_bounds_or_left_out():
    assert margins(1.0, 2.0, 3.0, low=0.5, high=3.2).value(np.array([[-5.0, 5.0]]))[0].tolist() == [0.5, 3.2]
    assert margins(1.0, 2.0, 3.0, tail=0.0).value(np.array([[-5.0, 5.0]]))[0] == pytest.approx([1.0, 3.0])


def test_a_value_with_a_probability_of_its_own_has_many_scores():
    """P10 = P50 = 0, P90 = 1: zero has at least half of the probability; its score is drawn from that half."""
    dark = margins(0.0, 0.0, 1.0, low=0.0)
    rng = np.random.default_rng(0)
    drawn = ndtr([float(dark.score(np.array([0.0]), rng)[0]) for _ in range(2000)])
    assert kstest(drawn / 0.5, "uniform").pvalue > 0.01
    assert ndtr(dark.score(np.array([0.0]))[0]) == pytest.approx(0.25)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-50.0, 50.0), min_size=3, max_size=3, unique=True),
    st.floats(-3.0, 3.0),
)
def test_score_and_value_are_inverse(values: list[float], score: float):
    """Where quantiles are apart; 1e-3 MW apart a score is known to about 1e-10 / 1e-3."""
    q = np.sort(values)
    if np.diff(q).min() < 1e-3:
        return
    one = margins(*q)
    assert one.score(one.value(np.array([[score]]))[:, 0])[0] == pytest.approx(score, abs=1e-6)


def test_margins_refuse_what_cannot_be():
    with pytest.raises(OutOfRange, match="cross"):
        margins(2.0, 1.0, 3.0)
    with pytest.raises(OutOfRange, match="cross"):
        margins(1.0, np.nan, 3.0)
    with pytest.raises(OutOfRange, match="lower bounds"):
        margins(1.0, 2.0, 3.0, low=4.0, high=3.0)
    with pytest.raises(OutOfRange, match="levels"):
        Margins(np.array([0.5, 0.1]), np.array([[1.0], [2.0]]), *FREE)


# --------------------------------------------------------------- dependence


def test_scores_that_are_the_same_are_drawn_the_same():
    z = np.random.default_rng(0).standard_normal(200)
    learned = Dependence.learn(np.column_stack([z, z]))
    drawn = learned.draw(1000, np.random.default_rng(1))
    assert learned.correlation[0, 1] > 0.999
    assert np.abs(drawn[0] - drawn[1]).max() < 0.2


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(0, 1000))
def test_any_scores_make_a_correlation_matrix(places: int, times: int, seed: int):
    """Few issues, many gaps: ones on the diagonal, symmetric, and Cholesky's factor exists."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((30, places * times)) @ rng.standard_normal((places * times, places * times))
    scores[rng.random(scores.shape) < 0.4] = np.nan
    c = Dependence.learn(scores, places).correlation
    assert np.diag(c) == pytest.approx(1.0)
    assert np.abs(c - c.T).max() < 1e-12  # rounding
    np.linalg.cholesky(c)


def test_what_is_not_definite_is_lifted():
    c = positive(np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]))
    assert np.linalg.eigvalsh(c).min() > 0.0
    assert np.diag(c).tolist() == [1.0, 1.0, 1.0]


def test_too_few_issues_say_how_many_are_needed():
    with pytest.raises(OutOfRange, match="29 past issues; correlations need 30"):
        Dependence.learn(np.zeros((29, 2)))


# ---------------------------------------------------------------- scenarios


def test_margins_of_scenarios_are_those_of_the_forecast(learned):
    """Kolmogorov–Smirnov of 4000 draws against the normal that the quantiles are of, for each of 12 values."""
    model, forecasts, _ = learned
    drawn = model.draw(forecasts[0], 4000, np.random.default_rng(3))
    for p, t in itertools.product(range(2), range(6)):
        assert kstest(drawn.values[t, p], "norm", args=(20.0, 1.0 + p)).pvalue > 1e-3  # 12 tests: one in a hundred runs


def test_ranks_go_together_as_they_did(learned):
    """Spearman of draws against that of 300 errors: both within sampling, 0.06 and 0.02, times three."""
    model, forecasts, came = learned
    drawn = model.draw(forecasts[0], 4000, np.random.default_rng(4)).values
    past = came.to_numpy().reshape(300, 6, 2)
    for (t, p), (s, q) in [((0, 0), (1, 0)), ((0, 0), (5, 0)), ((2, 0), (2, 1)), ((0, 0), (5, 1))]:
        there = spearmanr(past[:, t, p], past[:, s, q]).statistic
        assert spearmanr(drawn[t, p], drawn[s, q]).statistic == pytest.approx(there, abs=0.18)


def test_the_same_generator_gives_the_same_scenarios(learned):
    model, forecasts, _ = learned
    one, two = (model.draw(forecasts[0], 10, np.random.default_rng(5)).values for _ in range(2))
    assert np.array_equal(one, two)


def test_bounds_hold_and_dependence_scores_better(learned):
    """A variogram score sees that neighbours move together: draws without dependence are worse on what came."""
    model, forecasts, came = learned
    bare = ScenarioModel(model.points, model.leads, model.step, Dependence(np.eye(12), 1.0), {}, {}, 1.0)
    loss = {"copula": 0.0, "bare": 0.0}
    for k in range(0, 300, 10):
        seen = came.loc[forecasts[k].valid_at].to_numpy().T.ravel()
        for name, m in (("copula", model), ("bare", bare)):
            drawn = m.draw(forecasts[k], 200, np.random.default_rng(k)).values
            loss[name] += variogram_score(drawn.transpose(1, 0, 2).reshape(12, -1), seen)
    assert loss["copula"] < 0.8 * loss["bare"]
    tight = ScenarioModel.learn(forecasts, came, low={"a": 19.5}, high={"a": 20.5})
    drawn = tight.draw(forecasts[0], 500, np.random.default_rng(0)).at("a")
    assert drawn.to_numpy().min() == 19.5
    assert drawn.to_numpy().max() == 20.5


@pytest.mark.parametrize("begins", [0, -1])
def test_a_day_that_is_an_hour_longer_is_drawn(learned, begins: int):
    """As autumn has one each year: a seventh hour has the margins it was given, and goes with its neighbours as
    neighbours do; hours reach 0.9 in what was learned, of 300 issues: within 0.05."""
    model, forecasts, _ = learned
    issue = forecasts[0].issued_at + pd.Timedelta("1h")
    if begins < 0:
        model = replace(model, leads=model.leads + 1)
    valid = pd.date_range(issue, periods=7, freq="h", name="valid_at")
    quantiles = np.repeat((20.0 + ndtri(LEVELS))[:, None, None], 7, axis=1).repeat(2, axis=2)
    longer = Forecast.from_arrays(issue, ["a", "b"], valid, quantiles, {"a": "m", "b": "m"})
    drawn = model.draw(longer, 4000, np.random.default_rng(6))
    assert drawn.values.shape == (7, 2, 4000)
    new, next_to = (0, 1) if begins < 0 else (6, 5)
    assert kstest(drawn.values[new, 0], "norm", args=(20.0, 1.0)).pvalue > 1e-3
    for p in range(2):
        assert np.corrcoef(drawn.values[new, p], drawn.values[next_to, p])[0, 1] == pytest.approx(0.9, abs=0.05)
    assert np.corrcoef(drawn.values[new])[0, 1] == pytest.approx(0.8, abs=0.05)


def test_bad_scenarios_are_refused(learned):
    model, forecasts, came = learned
    rng = np.random.default_rng(0)
    with pytest.raises(OutOfRange, match="0 asked for"):
        model.draw(forecasts[0], 0, rng)
    late = Forecast(forecasts[0].issued_at - pd.Timedelta("3h"), forecasts[0].quantiles, forecasts[0].model)
    with pytest.raises(OutOfRange, match="3 of 6 leads were not learned, first 6"):
        model.draw(late, 5, rng)
    with pytest.raises(OutOfRange, match="nothing is known of what came at b"):
        ScenarioModel.learn(forecasts, came[["a"]])
    with pytest.raises(OutOfRange, match="no past forecast"):
        ScenarioModel.learn([], came)
    with pytest.raises(OutOfRange, match="no point 'c'"):
        model.draw(forecasts[0], 5, rng).at("c")


# ---------------------------------------------------------------- reduction


def test_three_of_four_stand_for_all():
    """0, 1, 10, 11, equally likely: two stay, one of each pair, with half of the probability each."""
    kept, probability = forward_selection(np.array([[0.0], [1.0], [10.0], [11.0]]), np.full(4, 0.25), 2)
    assert (kept[0] in (0, 1), kept[1] in (2, 3)) == (True, True)
    assert probability.tolist() == [0.5, 0.5]


def plain_selection(points: np.ndarray, probability: np.ndarray, count: int) -> list[int]:
    taken: list[int] = []
    for _ in range(count):
        costs = {}
        for candidate in range(len(points)):
            if candidate not in taken:
                costs[candidate] = sum(
                    p * min(float(np.linalg.norm(x - points[k])) for k in [*taken, candidate])
                    for p, x in zip(probability, points, strict=True)
                )
        taken.append(min(costs, key=lambda k: costs[k]))
    return sorted(taken)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_selection_is_that_of_plain_loops(seed: int, count: int):
    rng = np.random.default_rng(seed)
    points, weight = rng.standard_normal((9, 3)), rng.random(9) + 0.1
    kept, probability = forward_selection(points, weight / weight.sum(), count)
    assert kept.tolist() == plain_selection(points, weight / weight.sum(), count)
    assert probability.sum() == pytest.approx(1.0)
    assert (probability > 0.0).all()


def test_reduced_scenarios_fit_two_stage_commitment(learned):
    """Probabilities above zero that sum to one, and a table of hours × points for each."""
    model, forecasts, _ = learned
    drawn = model.draw(forecasts[0], 200, np.random.default_rng(0))
    few = drawn.reduce(5)
    frames = few.frames()
    assert len(few) == len(frames) == 5
    assert sum(p for p, _ in frames) == pytest.approx(1.0)
    assert list(frames[0][1].columns) == ["a", "b"]
    expected = sum(p * frame["b"].to_numpy() for p, frame in frames)
    assert expected == pytest.approx(drawn.at("b").mean(axis=1).to_numpy(), abs=1.0)  # half a deviation
    with pytest.raises(OutOfRange, match="201 of 200"):
        drawn.reduce(201)


# ------------------------------------------------------------------- scores


def test_energy_score_of_one_value_by_hand():
    """Draws 0 and 2, 1 came: mean distance 1, half the mean distance of two draws 0.5."""
    assert energy_score(np.array([[0.0, 2.0]]), np.array([1.0])) == pytest.approx(0.5)


def test_variogram_score_by_hand():
    """One draw (0, 4) and (0, 1) came: twice (√1 − √4)²."""
    assert variogram_score(np.array([[0.0], [4.0]]), np.array([0.0, 1.0])) == pytest.approx(2.0)
