"""Economic dispatch: by pencil, laws, and what is said about bad input and demands that cannot be met."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import BadInput, GapInSeries, MissingColumn, OutOfRange
from gridloop.io.read import read_network
from gridloop.optimize.case import Moment
from gridloop.optimize.losses import BCoefficients
from gridloop.optimize.physics.dc_model import consumption, grid_of
from gridloop.optimize.problems.dispatch import Problem, dispatch

# The interior point ends at a gap of 1e-9, outputs where marginal costs meet at its square root.
MW = 1e-4


def hours(values, start="2026-01-01"):
    return pd.Series([float(v) for v in values], pd.date_range(start, periods=len(values), freq="h", tz="UTC"))


def test_the_four_units_of_the_reference_text(four_units, forecast):
    """Sun and wind give 135 of 360 MW. 0.1 p₁ + 20 = 0.14 p₂ + 15 with p₁ + p₂ = 225: p₁ = 110.4167, λ = 31.0417.

    In proportion to capacity (530 MW) every unit gives 360/530 of it, 67.9 %: 7,394.70 per hour.
    """
    found = dispatch(four_units, 360.0, available_mw=forecast)
    assert found.status == "optimal" and found.cost == approx(6955.73, abs=0.005)
    assert found.p_mw.iloc[0].to_dict() == approx({"G1": 110.41667, "G2": 114.58333, "G3": 75, "G4": 60}, abs=MW)
    assert found.price.iloc[0] == approx(31.0416667, abs=1e-6)
    share = four_units["p_max_mw"] * 360 / 530
    assert found.unit["baseline_mw"].to_numpy() == approx(share.to_numpy())
    by_hand = 0.05 * share["G1"] ** 2 + 20 * share["G1"] + 1000 + 0.07 * share["G2"] ** 2 + 15 * share["G2"] + 500
    assert found.baseline_cost == approx(by_hand)
    assert (
        found.savings_per_h == approx(by_hand - 6955.7291667) and found.savings_per_year == 8760 * found.savings_per_h
    )
    assert found.emissions_t == approx(0.9 * 110.4166667 + 0.4 * 114.5833333, abs=MW)
    assert found.renewable_share == approx(135 / 360, abs=1e-6)
    assert found.unit["reason"].to_list() == ["marginal", "marginal", "available", "available"]
    assert found.unit["binding"].to_list() == ["", "", "forecast:G3", "forecast:G4"]
    assert found.unit["shadow_price"].to_list() == approx([0, 0, 31.0416667, 31.0416667], abs=1e-6)
    assert found.unit.loc[(0, "G3"), ["next_best"]].item() in ("G1", "G2")
    assert found.unit.loc[(0, "G3"), "next_best_per_mwh"] == approx(31.0416667, abs=1e-4)


def test_merit_order_and_next_best(two_lines):
    found = dispatch(two_lines, 60.0)
    assert found.p_mw.iloc[0].to_list() == approx([60, 0], abs=MW) and found.price.iloc[0] == approx(10)
    assert found.unit["reason"].to_list() == ["marginal", "at_p_min"]
    assert found.unit.loc[(0, "cheap"), ["next_best", "next_best_per_mwh"]].to_list() == ["dear", approx(20)]
    full = dispatch(two_lines, 150.0)
    assert full.price.iloc[0] == approx(30) and full.unit["shadow_price"].to_list() == approx([20, 0], abs=MW)
    assert full.unit["reason"].to_list() == ["at_p_max", "marginal"]


def test_prices_are_per_mwh_whatever_the_step(two_lines):
    quarter = dispatch(two_lines.assign(reserve_max_mw=[np.nan, 20.0]), 150.0, reserve_mw=40.0, hours=0.25)
    assert quarter.price.iloc[0] == approx(30) and quarter.step["reserve_price_per_mwh"].iloc[0] == approx(20)
    assert quarter.cost == approx(0.25 * (80 * 10 + 70 * 30)) and quarter.savings_per_h == approx(4 * quarter.savings)


def test_a_curve_by_hand():
    """G1 costs 20 up to 100 MW and 30 beyond; G2 costs 15: full, G1 at the rest, cost from the points."""
    units = pd.DataFrame(
        {"p_max_mw": [200.0, 150.0], "cost_points": ["0:100;100:2100;200:5100", "0:0;150:2250"]}, index=["G1", "G2"]
    )
    found = dispatch(units, 300.0)
    assert found.p_mw.iloc[0].to_list() == approx([150, 150], abs=MW)
    assert found.cost == approx(2100 + 50 * 30 + 2250) and found.price.iloc[0] == approx(30)
    assert dispatch(units, 200.0).price.iloc[0] == approx(20)
    assert found.unit["marginal_per_mwh"].to_list() == approx([30, 15])


def test_a_ramp_makes_the_dear_unit_start_early(two_lines):
    """dear may rise by 20 MW per hour, and 140 MW at the end need 40 of it: it gives 20 an hour before."""
    units = two_lines.assign(ramp_mw_per_h=[np.nan, 20.0], p_before_mw=[50.0, 0.0])
    found = dispatch(units, hours([50, 80, 140]))
    assert found.p_mw["dear"].to_list() == approx([0, 20, 40], abs=MW)
    assert found.cost == approx(50 * 10 + 60 * 10 + 20 * 30 + 100 * 10 + 40 * 30)
    assert found.unit["reason"].xs("dear", level="unit").to_list()[2] == "ramp_up"
    # Within half hours it rises by half as much: 140 MW cannot be reached.
    assert dispatch(units, hours([50, 80, 140]), hours=0.5).status == "infeasible"


def test_ramps_into_the_first_step(two_lines):
    units = two_lines.assign(ramp_mw_per_h=[30.0, np.nan], p_before_mw=[20.0, np.nan])
    found = dispatch(units, 90.0)
    assert found.p_mw.iloc[0].to_list() == approx([50, 40], abs=MW)
    assert found.unit["reason"].to_list() == ["ramp_up", "marginal"]
    assert found.unit.loc[(0, "cheap"), "shadow_price"] == approx(20)


def test_reserve_holds_the_cheap_unit_back(two_lines):
    """150 MW and 40 MW of reserve, of which dear may hold 20: cheap keeps 20 free and gives 80."""
    found = dispatch(two_lines.assign(reserve_max_mw=[np.nan, 20.0]), 150.0, reserve_mw=40.0)
    assert found.p_mw.iloc[0].to_list() == approx([80, 70], abs=MW)
    assert found.unit["reserve_mw"].to_list() == approx([20, 20], abs=MW)
    assert found.step["reserve_price_per_mwh"].iloc[0] == approx(20)
    assert found.unit.loc[(0, "cheap"), ["reason", "binding"]].to_list() == ["reserve", "reserve:cheap"]
    paid = dispatch(two_lines.assign(reserve_cost_per_mwh=[5.0, 1.0]), 50.0, reserve_mw=40.0)
    assert paid.unit["reserve_mw"].to_list() == approx([0, 40], abs=MW) and paid.cost == approx(540)


def test_the_weather_gives_no_reserve(four_units, forecast):
    found = dispatch(four_units, 360.0, available_mw=forecast, reserve_mw=120.0)
    assert found.unit["reserve_mw"].to_list()[2:] == [0, 0]
    assert found.unit["reserve_mw"].sum() >= 120 - MW


def test_losses_of_one_unit():
    """p − 0.001 p² = 90: p = 100 at a loss of 10 MW; the next MWh costs 10 / (1 − 0.2)."""
    units = pd.DataFrame({"p_max_mw": [200.0], "cost_linear_per_mwh": [10.0]}, index=["G"])
    found = dispatch(units, 90.0, losses=BCoefficients(np.array([[0.001]])))
    assert found.p_mw.iloc[0, 0] == approx(100, abs=MW) and found.step["losses_mw"].iloc[0] == approx(10, abs=MW)
    assert found.price.iloc[0] == approx(12.5, abs=1e-4)
    assert found.baseline_cost == approx(found.cost, rel=1e-6)


def test_losses_of_two_units_meet_the_conditions_of_an_optimum(four_units):
    """Marginal cost · penalty factor is one price: 0.1 p₁ + 20 = λ (1 − 2·10⁻⁴ p₁), likewise the second."""
    units = four_units.iloc[:2]
    found = dispatch(units, 300.0, losses=BCoefficients(np.diag([1e-4, 2e-4])))
    p1, p2 = found.p_mw.iloc[0]
    price = found.price.iloc[0]
    assert p1 + p2 - 1e-4 * p1**2 - 2e-4 * p2**2 == approx(300, abs=MW)
    # Prices converge with the square root of the gap of 1e-9.
    assert 0.1 * p1 + 20 == approx(price * (1 - 2e-4 * p1), rel=1e-5)
    assert 0.14 * p2 + 15 == approx(price * (1 - 4e-4 * p2), rel=1e-5)


@pytest.mark.parametrize("case", ["case14", "case24_ieee_rts"])
def test_losses_of_a_network(matpower_dir, case):
    """Σ r f² of the DC flows that these outputs make, and no dispatch nearby is cheaper."""
    net = read_network(matpower_dir / f"{case}.m")
    found = dispatch(net, losses="network")
    m = Moment.of(net)
    injection = np.bincount(m.gen_node, found.p_mw.iloc[0].to_numpy() / 100, m.n) - consumption(m)
    flow = grid_of(m, "ratio").flows(injection)
    assert found.step["losses_mw"].iloc[0] == approx(100 * (m.r @ flow**2), abs=1e-3)
    given = found.p_mw.iloc[0].sum()
    assert given == approx(found.step["demand_mw"].iloc[0] + found.step["losses_mw"].iloc[0], abs=MW)
    assert found.cost > dispatch(net).cost


def test_a_network_is_a_table_of_its_generators(matpower_dir):
    net = read_network(matpower_dir / "case30.m")
    found = dispatch(net)
    table = net.generator.assign(p_min_mw=net.generator["p_min_mw"])
    again = dispatch(table, float(net.load["p_mw"].sum() + net.shunt["g_mw"].sum()))
    assert again.cost == approx(found.cost) and list(found.p_mw.columns) == list(net.generator.index)
    assert np.isnan(found.renewable_share) and np.isnan(found.emissions_t)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6))
def test_laws(seed):
    """Balance and limits hold, the baseline is never cheaper, prices are between neighbours' marginal costs."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    units = pd.DataFrame(
        {
            "p_min_mw": rng.uniform(0, 20, n),
            "p_max_mw": rng.uniform(20, 200, n),
            "cost_linear_per_mwh": rng.uniform(0, 50, n),
            "cost_quadratic_per_mw2h": rng.uniform(0, 0.2, n) * (rng.random(n) < 0.6),
            "cost_fixed_per_h": rng.uniform(0, 100, n),
        },
        index=[f"U{k}" for k in range(n)],
    )
    demand = rng.uniform(units["p_min_mw"].sum(), units["p_max_mw"].sum(), 3)
    found = dispatch(units, hours(demand))
    assert found.status == "optimal"
    p = found.p_mw[units.index]
    assert (p.sum(axis=1).to_numpy() - demand) == approx(0, abs=MW)
    assert (p >= units["p_min_mw"] - 1e-9).all(axis=None) and (p <= units["p_max_mw"] + 1e-9).all(axis=None)
    assert found.cost <= found.baseline_cost * (1 + 1e-7)
    room = np.minimum(p - units["p_min_mw"], units["p_max_mw"] - p)
    marginal = found.unit["marginal_per_mwh"].unstack("unit")[units.index]
    apart = marginal.sub(found.price, axis=0).abs()
    assert not ((apart > 1e-3) & (room > 1.0)).any(axis=None)
    # Near a bound a small error of the solver is a large one of the price: what it costs is what counts.
    assert (apart * room).to_numpy().max() <= 1e-7 * found.cost


def test_what_cannot_be_met_is_said_plainly(four_units, two_lines):
    over = dispatch(four_units, hours([300, 600, 540]))
    assert over.status == "infeasible" and np.isnan(over.cost)
    assert "in 2 steps, most at 2026-01-01 01:00:00+00:00, by 70 MW" in str(over.diagnosis)
    assert over.diagnosis.facts["demand_above_capacity"]["2026-01-01 02:00:00+00:00"] == approx(10)
    assert "more than the demand by 60 MW" in str(dispatch(four_units, 20.0).diagnosis)
    assert "reserve exceed what all units can give by 20 MW" in str(
        dispatch(two_lines, 150.0, reserve_mw=70.0).diagnosis
    )
    steep = dispatch(two_lines.assign(ramp_mw_per_h=[5.0, 5.0]), hours([100, 150]))
    assert steep.status == "infeasible" and "the ramp of cheap into 2026-01-01 01:00" in str(steep.diagnosis)
    assert steep.to_dict()["objective"] is None and steep.unit["p_mw"].isna().all()


def test_less_wind_than_its_minimum_is_a_fact(four_units):
    found = dispatch(four_units.assign(p_min_mw=[50, 30, 10, 10]), 300.0, available_mw={"G3": 0.0, "G4": 4.0})
    assert found.status == "optimal" and found.p_mw.iloc[0, 2:].to_list() == approx([0, 4])


def test_forecasts_by_time(four_units):
    demand = hours([300, 300])
    available = pd.DataFrame({"G3": [0.0, 100.0], "G4": [80.0, 0.0]}, index=demand.index)
    found = dispatch(four_units, demand, available_mw=available)
    assert found.p_mw["G3"].to_list() == approx([0, 100], abs=MW)
    assert found.step["curtailed_mw"].to_list() == approx([0, 0], abs=2 * MW)
    with pytest.raises(GapInSeries, match="1 of 2 steps"):
        dispatch(four_units, demand, available_mw=available.iloc[:1])
    with pytest.raises(GapInSeries, match="missing in 1 steps"):
        dispatch(four_units, demand, available_mw=available.assign(G3=[np.nan, 1.0]))


def test_energy_that_is_worth_nothing_is_curtailed(four_units):
    """80 MW from coal and gas at their minimum, 20 MW left for sun and wind."""
    found = dispatch(four_units, 100.0, available_mw={"G3": 75.0, "G4": 60.0})
    assert found.price.iloc[0] == approx(0, abs=1e-5) and found.step["curtailed_mw"].iloc[0] == approx(115, abs=MW)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"p_min_mw": [250.0, 30, 0, 0]}, OutOfRange, "1 units have p_min_mw above p_max_mw: G1"),
        ({"cost_linear_per_mwh": [np.nan, 1, 0, 0]}, GapInSeries, "1 units have no cost_linear_per_mwh: G1"),
        ({"cost_quadratic_per_mw2h": [-1.0, 1, 0, 0]}, OutOfRange, "falls faster and faster: G1"),
        ({"cost_points": ["0:0;50:900;100:1000", "", "", ""]}, OutOfRange, "no convex curve: G1"),
        ({"cost_points": ["cheap", "", "", ""]}, OutOfRange, "no convex curve: G1"),
        ({"p_max_mw": ["many", 1, 1, 1]}, BadInput, "p_max_mw that is no number: G1"),
        ({"ramp_mw_per_h": [-1.0, 1, 1, 1]}, OutOfRange, "negative ramp"),
    ],
)
def test_bad_tables_are_named(four_units, change, error, words):
    with pytest.raises(error, match=words):
        dispatch(four_units.assign(**change), 360.0)


def test_other_bad_input(four_units, forecast):
    for wrong, error, words in (
        ({"system": four_units.iloc[:0]}, BadInput, "table is empty"),
        ({"system": four_units.drop(columns="p_max_mw")}, MissingColumn, "p_max_mw"),
        ({"system": four_units.rename(index={"G2": "G1"})}, BadInput, "same id as another: G1"),
        ({"demand_mw": None}, BadInput, "demand_mw is needed"),
        ({"demand_mw": np.nan}, GapInSeries, "missing or infinite in 1 of 1"),
        ({"demand_mw": hours([1, 2]).iloc[:0]}, BadInput, "at least one"),
        ({"reserve_mw": -1.0}, OutOfRange, "reserve is negative"),
        ({"hours": 0.0}, OutOfRange, "step of 0 h"),
        ({"losses": "network"}, BadInput, "need a network"),
        ({"losses": BCoefficients(np.eye(2))}, BadInput, "do not fit 4 units"),
        ({"available_mw": {"G9": 1.0}}, BadInput, "1 units with a forecast are not in the table: G9"),
        ({"available_mw": {"G3": -1.0}}, OutOfRange, "negative in places"),
        ({"demand_mw": hours([1, 2]), "reserve_mw": hours([1])}, GapInSeries, "reserve_mw is missing in 1 steps"),
    ):
        with pytest.raises(error, match=words):
            dispatch(**({"system": four_units, "demand_mw": 360.0} | wrong))


def test_what_the_checker_refuses_is_not_optimal(two_lines, monkeypatch):
    """A solver that calls an answer optimal in which one unit gives 5 MW less than it was told."""
    right = Problem.solve

    def wrong(self, *given):
        found = right(self, *given)
        found.unit.loc[(0, "cheap"), "p_mw"] -= 5.0
        return found

    monkeypatch.setattr(Problem, "solve", wrong)
    found = dispatch(two_lines, 60.0)
    assert found.status == "refused" and not found.solved and "balance" in str(found.diagnosis)


def test_no_proportional_share_no_savings():
    """A unit that cannot do less than 80 and one of unlimited, unknown capacity: no share of capacities is 100 MW."""
    units = pd.DataFrame(
        {"p_min_mw": [0.0, 0.0], "p_max_mw": [50.0, np.nan], "cost_linear_per_mwh": [1.0, 2.0]}, index=["a", "b"]
    )
    found = dispatch(units, 100.0)
    assert found.cost == approx(150) and np.isnan(found.baseline_cost) and found.to_dict()["savings"] is None
