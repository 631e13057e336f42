"""Samplers: every block stands alone, values have the distributions asked for, and nonsense is refused by name."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from studies import SeededByBlock, TwoBus, check_draws

from gridloop.errors import BadInput, GapInSeries, OutOfRange
from gridloop.powerflow.study.plain_solver import PlainSolver
from gridloop.powerflow.study.samplers import Adoption, GaussianCopula, Independent, LogNormal, Normal, Uniform
from gridloop.testing import village

SOLVER = TwoBus(3)
IDS = SOLVER.elements("load.p_mw")
HOURS = 48
SUN = np.clip(np.sin(np.arange(HOURS) / 24 * 6.28), 0, 1)


def normal_table(mean=20.0, sd=4.0):
    p = np.array([0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999])
    return pd.DataFrame(np.tile(stats.norm.ppf(p, mean, sd)[:, None], (1, 3)), index=p, columns=IDS)


R = np.array([[1.0, 0.8, 0.3], [0.8, 1.0, 0.5], [0.3, 0.5, 1.0]])
ADOPTION = Adoption(cases=40, profile=np.ones(HOURS), sun=SUN, pv_share=[0.1, 0.6], ev_share=0.5, noise_sd=0.1)
SAMPLERS = {
    "uniform": Independent({"load.p_mw": Uniform(0.5, 1.5)}, tied={"load.q_mvar": "load.p_mw"}),
    "normal": Independent({"load.p_mw": Normal(0.2), "load.q_mvar": Normal(0.1, 2.0)}),
    "lognormal": Independent({"load.p_mw": LogNormal(0.5, 1.1)}),
    "copula": GaussianCopula("load.p_mw", normal_table(), R),
    "adoption": ADOPTION,
    "adoption apart": Adoption(cases=40, profile=np.ones(HOURS), sun=SUN, pv_share=0.5, devices="device.p_mw"),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_any_block_of_a_sampler_stands_alone(name):
    draws = SAMPLERS[name].bind(SOLVER, 7)
    check_draws(draws, SAMPLERS[name].size or 2**40)
    again = pickle.loads(pickle.dumps(draws)).draw(100, 50)
    assert all(again[key].tobytes() == value.tobytes() for key, value in draws.draw(100, 50).items())
    other = SAMPLERS[name].bind(SOLVER, 8).draw(100, 50)
    assert any(not np.array_equal(other[key], again[key]) for key in again)


def test_a_sampler_that_depends_on_its_blocks_is_caught():
    with pytest.raises(AssertionError):
        check_draws(SeededByBlock().bind(SOLVER, 7), 2**40)


@pytest.mark.parametrize(
    ("factor", "law"),
    [
        (Uniform(0.5, 1.5), stats.uniform(10, 20)),
        (Normal(0.2, 1.1), stats.norm(22, 4)),
        (LogNormal(0.5, 1.1), stats.lognorm(0.5, scale=22)),
    ],
)
def test_factors_follow_their_law(factor, law):
    """Kolmogorov–Smirnov on 30,000 values: one in a million."""
    values = Independent({"load.p_mw": factor}).bind(SOLVER, 1).draw(0, 10_000)["load.p_mw"]
    assert stats.kstest(values.ravel(), law.cdf).pvalue > 1e-6


def test_tied_keys_share_their_factors_and_others_do_not():
    net = village()
    solver = PlainSolver(net)
    factor = Uniform(0.5, 1.5)
    tied = Independent({"load.p_mw": factor}, tied={"load.q_mvar": "load.p_mw"}).bind(solver, 1).draw(0, 20)
    power_factor = net.load["q_mvar"] / net.load["p_mw"]
    assert tied["load.q_mvar"] == pytest.approx(tied["load.p_mw"] * power_factor.to_numpy()[:, None])
    free = Independent({"load.q_mvar": factor, "load.p_mw": factor}).bind(solver, 1).draw(0, 20)
    assert free["load.p_mw"].tobytes() == tied["load.p_mw"].tobytes(), "another key changes no numbers of the first"
    assert not np.allclose(free["load.q_mvar"], tied["load.q_mvar"])


def test_limits_of_factors_may_differ_by_element():
    low = pd.Series([0.9, 0.1, 0.5], index=["load 2", "load 0", "load 1"])
    values = Independent({"load.p_mw": Uniform(low, 1.0)}).bind(SOLVER, 1).draw(0, 5000)["load.p_mw"] / 20.0
    assert values.min(axis=1) == pytest.approx([0.1, 0.5, 0.9], abs=1e-2)


def test_copula_has_its_marginals_and_its_correlation():
    """Errors of 100,000 draws: five of them; the marginal is normal between the 0.001 and 0.999 quantiles."""
    x = GaussianCopula("load.p_mw", normal_table(), R).bind(SOLVER, 3).draw(0, 100_000)["load.p_mw"]
    error = 5 / np.sqrt(x.shape[1])
    assert np.abs(np.corrcoef(x) - R).max() < error + 0.002  # the cut tails take 0.001 of the correlation
    for share in (0.01, 0.3, 0.5, 0.9):
        assert (x < stats.norm.ppf(share, 20, 4)).mean(axis=1) == pytest.approx(share, abs=error / 2)
    assert x.min() >= normal_table().min().min() and x.max() <= normal_table().max().max()


def test_copula_from_data_gives_data_like_it():
    rng = np.random.default_rng(0)
    z = rng.multivariate_normal(np.zeros(3), R, 5000)
    data = pd.DataFrame(np.column_stack([np.exp(z[:, 0]), z[:, 1] ** 3, z[:, 2]]), columns=IDS)
    drawn = GaussianCopula.from_data("load.p_mw", data).bind(SOLVER, 0).draw(0, 50_000)["load.p_mw"].T
    assert stats.spearmanr(drawn).statistic == pytest.approx(stats.spearmanr(data).statistic, abs=0.03)
    for k in range(3):
        # Five standard errors of a quantile of z³ where it is widest: 8.1 · 0.0097 of a spread of 3.9.
        assert np.quantile(drawn[:, k], [0.05, 0.5, 0.95]) == pytest.approx(
            np.quantile(data.iloc[:, k], [0.05, 0.5, 0.95]), abs=0.1 * data.iloc[:, k].std()
        )


def test_copula_leaves_others_nominal_and_takes_further_keys_along():
    some = normal_table().iloc[:, [2]]
    solver = PlainSolver(village())
    table = pd.DataFrame({"mill load": [1.0, 3.0]}, index=[0.1, 0.9])
    drawn = GaussianCopula("load.p_mw", table, [[1.0]], factors_of=["load.q_mvar"]).bind(solver, 0).draw(0, 9)
    assert (drawn["load.p_mw"][1] == 0.5).all() and (drawn["load.q_mvar"][1] == 0.1).all()
    assert drawn["load.q_mvar"][0] == pytest.approx(drawn["load.p_mw"][0] * 0.6 / 2.0)
    assert (GaussianCopula("load.p_mw", some, [[1.0]]).bind(SOLVER, 0).draw(0, 9)["load.p_mw"][:2] == 20.0).all()


def test_perfectly_correlated_data_are_no_obstacle():
    data = pd.DataFrame(np.outer(np.arange(1.0, 50.0), [1, 1, 1]), columns=IDS)
    x = GaussianCopula.from_data("load.p_mw", data).bind(SOLVER, 0).draw(0, 100)["load.p_mw"]
    assert np.abs(x[0] - x[1]).max() < 0.5  # up to 1e-6 on the diagonal: 1e-3 of a score, 0.05 of a value; ten times


def test_adoption_counts_cases_levels_and_hours():
    assert ADOPTION.size == 40 * HOURS and list(ADOPTION.levels.table["pv_share"]) == [0.1, 0.6]
    assert list(ADOPTION.levels.level_of_case()[:4]) == [0, 1, 0, 1]
    draws = ADOPTION.bind(SOLVER, 1)
    few, many = draws.devices_of_case(6), draws.devices_of_case(7)
    assert list(few.index) == list(IDS) and ((few["pv_mw"] == 0) | (few["pv_mw"] == many["pv_mw"])).all()


def test_cars_are_plugged_in_when_the_weights_say():
    """Weights 3 : 1 for 7 and 18 o'clock, of 900 cars; five standard errors."""
    weights = np.zeros(24)
    weights[[7, 18]] = 3.0, 1.0
    draws = Adoption(300, np.ones(HOURS), SUN, ev_share=1.0, plug_in=weights).bind(SOLVER, 1)
    hours = np.concatenate([draws.devices_of_case(case)["plug_in_hour"] for case in range(300)])
    assert set(hours) == {7.0, 18.0} and (hours == 7).mean() == pytest.approx(0.75, abs=5 * 0.433 / 30)


def test_adoption_by_class_and_by_load():
    profile = pd.DataFrame({"home": np.linspace(0, 1, HOURS), "shop": np.ones(HOURS), "unused": np.nan})
    by_class = Adoption(
        cases=1, profile=profile, sun=SUN, class_of={"load 0": "shop", "load 1": "home", "load 2": "shop"}
    )
    p = by_class.bind(SOLVER, 1).draw(0, HOURS)["load.p_mw"]
    assert np.array_equal(p[1], 20 * profile["home"]) and (p[[0, 2]] == 20).all()
    own = pd.DataFrame(np.eye(HOURS, 3), columns=IDS[::-1])
    assert Adoption(cases=1, profile=own, sun=SUN).bind(SOLVER, 1).draw(0, 3)["load.p_mw"].tolist() == [
        [0, 0, 20], [0, 20, 0], [20, 0, 0],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sampler", "error", "says"),
    [
        (Independent({}), BadInput, "Nothing varies"),
        (Independent({"load.p_mw": 3}), BadInput, "is no factor"),
        (Independent({"load.p_mw": Uniform(2, 1)}), OutOfRange, "3 elements have a low above"),
        (Independent({"load.p_mw": Normal(-1)}), OutOfRange, "negative"),
        (Independent({"load.p_mw": LogNormal(1, 0)}), OutOfRange, "above zero"),
        (Independent({"load.p_mw": Uniform(np.nan, 1)}), OutOfRange, "load.p_mw low: 1 of 1"),
        (Independent({"load.p_mw": Uniform([1, 2], 3)}), BadInput, "shape"),
        (Independent({"load.p_mw": Uniform("a", 3)}), BadInput, "must be a number"),
        (Independent({"load.p_mw": Uniform(pd.Series({"load 1": 1.0}), 3)}), BadInput, "no value for 2 of 3"),
        (Independent({"load.p_mw": Uniform(0, 1)}, tied={"load.p_mw": "load.p_mw"}), BadInput, "tie a key"),
        (GaussianCopula("load.p_mw", normal_table().add_suffix("?"), R), BadInput, "unknown: load 0?"),
        (GaussianCopula("load.p_mw", normal_table(), R[:2]), BadInput, "symmetric matrix of 3 × 3"),
        (GaussianCopula("load.p_mw", normal_table(), 0.5 * R), OutOfRange, "with itself"),
        (GaussianCopula("load.p_mw", normal_table(), [[1, 1, 0], [1, 1, 1], [0, 1, 1]]), OutOfRange, "eigenvalue -0.4"),
        (GaussianCopula("load.p_mw", normal_table()[::-1], R), OutOfRange, "must rise"),
        (GaussianCopula("load.p_mw", -normal_table(), R), OutOfRange, "must not fall"),
        (Adoption(0, np.ones(9), SUN), OutOfRange, "0 × 48"),
        (Adoption(1, np.ones(9), SUN), BadInput, "profile has 9 hours and sun 48"),
        (Adoption(1, np.ones((3, HOURS)), SUN), BadInput, "needs names"),
        (Adoption(1, pd.DataFrame({"load 0": SUN}), SUN), BadInput, "2 of 3 loads have no column"),
        (Adoption(1, SUN, SUN, pv_share=1.2), OutOfRange, "pv_share: 1 of 1"),
        (Adoption(1, SUN, SUN, pv_share=[0.5, 0.2]), OutOfRange, "rise from level to level"),
        (Adoption(1, SUN, SUN, pv_share=[0, 1], ev_share=[0, 0.5, 1]), BadInput, "2 levels and ev_share 3"),
        (Adoption(1, SUN, SUN, pv_mw=(2, 1)), OutOfRange, "pv_mw"),
        (Adoption(1, SUN, SUN, plug_in=[1, 2]), BadInput, "24 weights"),
        (Adoption(1, SUN, SUN, charger_mw=[]), BadInput, "charger_mw"),
        (Adoption(1, SUN, SUN, energy_mwh=(0.01, 0.5)), OutOfRange, "0.0888 MWh"),
        (Adoption(1, SUN, SUN, clock=np.arange(HOURS)), OutOfRange, "clock: 24 of 48"),
        (Adoption(1, np.full(HOURS, np.nan), SUN), OutOfRange, "profile: 48 of 48"),
    ],
)
def test_nonsense_is_refused_by_name(sampler, error, says):
    with pytest.raises(error, match=says.replace("?", r"\?")):
        sampler.bind(SOLVER, 0)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, None, True])
def test_a_seed_is_a_whole_number_of_64_bits(seed):
    with pytest.raises(OutOfRange, match="seed"):
        SAMPLERS["uniform"].bind(SOLVER, seed)


def test_a_copula_needs_data_without_gaps():
    data = pd.DataFrame(np.ones((5, 3)), columns=IDS)
    with pytest.raises(GapInSeries, match="1 of 15"):
        GaussianCopula.from_data("load.p_mw", data.mask(data.index.to_numpy()[:, None] * [0, 0, 1] == 4))
    with pytest.raises(BadInput, match="at least 3"):
        GaussianCopula.from_data("load.p_mw", data[:2])
