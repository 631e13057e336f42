"""Models of buildings: what a pencil can check, and what must always hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import BadInput, GapInSeries, MissingColumn, OutOfRange
from gridloop.optimize.building.ahead import Ahead
from gridloop.optimize.building.discrete import Modes, noise_of, step_of
from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.building.residuals import whiteness
from gridloop.optimize.building.structure import HEAT, OUTDOOR, Structure

HALF = np.log(2.0)


def test_one_mass_halves_its_difference():
    """C = 1 MWh/K, K = ln 2 MW/K: half of the difference to the outside is left after an hour."""
    kept, gained = BuildingModel.of(indoor_mwh_per_k=1.0, indoor_outdoor_mw_per_k=HALF).step(1.0)
    assert kept[0, 0] == approx(0.5, abs=1e-12)
    assert gained[0, OUTDOOR] == approx(0.5, abs=1e-12)
    assert gained[0, HEAT] == approx(0.5 / HALF, abs=1e-12)  # (1 − e^{−Kh/C}) / K


def test_steady_heat_holds_a_kelvin_per_loss():
    """0.5 MW/K to the outside beside 1 and 1 MW/K in a row through a wall: 1 MW/K in all."""
    model = BuildingModel.of(
        indoor_mwh_per_k=0.1, indoor_outdoor_mw_per_k=0.5, envelope_mwh_per_k=5.0, indoor_envelope_mw_per_k=1.0,
        envelope_outdoor_mw_per_k=1.0, heater_mwh_per_k=0.01, heater_indoor_mw_per_k=0.3,
    )  # fmt: skip
    assert model.loss_mw_per_k == approx(1.0, abs=1e-9)
    assert len(model.time_constants_h) == 3


@given(
    st.floats(0.01, 10), st.floats(0.01, 50), st.floats(0.0, 2), st.floats(0.01, 5), st.floats(0.1, 24),
    st.floats(-20, 40),
)  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_in_balance_nothing_moves(air: float, mass: float, loss: float, between: float, hours: float, t: float):
    """Inside and outside alike, without heat: everything stays as it is."""
    model = BuildingModel.of(
        indoor_mwh_per_k=air, mass_mwh_per_k=mass, indoor_outdoor_mw_per_k=loss, indoor_mass_mw_per_k=between
    )
    kept, gained = model.step(hours)
    assert kept @ [t, t] + gained[:, OUTDOOR] * t == approx([t, t], abs=1e-9)
    assert (kept >= -1e-12).all()  # more warmth at first is never less warmth later


@given(st.floats(0.1, 5), st.floats(0.1, 12))
@settings(max_examples=30, deadline=None)
def test_two_steps_are_one_of_twice_the_length(loss: float, hours: float):
    a, b = BuildingModel.of(
        indoor_mwh_per_k=1.0, mass_mwh_per_k=9.0, indoor_outdoor_mw_per_k=loss, indoor_mass_mw_per_k=3.0
    ).equations()
    kept, gained = step_of(a, b, hours)
    once, both = step_of(a, b, 2 * hours)
    assert kept @ kept == approx(once, abs=1e-10)
    assert kept @ gained + gained == approx(both, abs=1e-10)


def test_noise_of_a_fast_state_is_finite():
    """Loss of 5000 per hour: e^{5000} overflows, its noise does not: it is σ² / (2 · 5000)."""
    found = noise_of(np.array([[-5000.0]]), np.array([1.0]), 1.0)
    assert found[0, 0] == approx(1e-4, rel=1e-6)


@given(
    states=st.sampled_from([("indoor",), ("indoor", "mass"), ("indoor", "envelope", "heater")]),
    seed=st.integers(0, 999), hours=st.sampled_from([0.25, 1.0, 6.0]),
)  # fmt: skip
def test_modes_are_the_exponential(states, seed, hours):
    """Sums over eigenvalues and Van Loan's blocks: two ways to the same integrals, an insulated room among them."""
    rng, structure = np.random.default_rng(seed), Structure(states, sun=True, habit=True)
    values = {name: float(np.exp(rng.normal(0.0, 1.0))) for name in structure.parameters}
    if seed % 3 == 0:
        values["indoor_outdoor_mw_per_k"] = 0.0
    a, b = structure.equations(values)
    modes = Modes.of(a, np.array([values[name] for name in structure.capacities]))
    for found, right in zip(modes.step(b, hours), step_of(a, b, hours), strict=True):
        assert found == approx(right, rel=1e-9, abs=1e-10)
    power = rng.uniform(0.0, 1.0, (2, len(a)))
    both = noise_of(a, power, hours)
    assert modes.noise(power, hours) == approx(both, rel=1e-9, abs=1e-10)
    assert both[1] == approx(noise_of(a, power[1], hours), rel=1e-12)


def test_a_habit_of_the_day_is_found():
    """One state, three weeks, people at noon and a tenth of the heat not as read: the habit's peak and the share."""
    rng = np.random.default_rng(2)
    index = pd.date_range("2026-01-01", periods=24 * 21, freq="h", tz="UTC")
    hour = np.asarray(index.hour, dtype=float)
    heat = np.where((hour > 4) & (hour < 16), rng.uniform(0.0, 0.02, len(index)), 0.0)
    outdoor = 5.0 + 3.0 * np.sin(hour / 24 * 2 * np.pi) + np.cumsum(rng.normal(0, 0.2, len(index)))
    true = BuildingModel(Structure(("indoor",), habit=True), {
        "indoor_mwh_per_k": 0.02, "indoor_outdoor_mw_per_k": 0.0008, "habit_cos_mw": -0.002, "habit_sin_mw": 0.001,
        "habit_cos_2_mw": 0.0005, "habit_sin_2_mw": 0.0})  # fmt: skip
    data = pd.DataFrame({"outdoor_c": outdoor, "heat_mw": heat}, index=index)
    read = true.simulate(data.assign(heat_mw=heat * (1 + rng.normal(0, 0.1, len(index)))), [19.0])["indoor"]
    model = BuildingModel.fit(
        data.assign(indoor_c=read + rng.normal(0, 0.01, len(index))), states=("indoor",), starts=1, habit=None
    )
    assert model.structure.name == "indoor + habit"
    assert model.habit_mw(index) == approx(true.habit_mw(index), abs=2e-4)
    assert 0.05 < model.noises["heat_noise_share"] < 0.2
    assert model.habit_mw(index[:24]).sum() == approx(0.0, abs=1e-12)
    plain = BuildingModel.fit(data.assign(indoor_c=read), states=("indoor",), starts=1)
    assert plain.habit_mw(index).tolist() == [0.0] * len(index)
    assert plain.fitted.validation.rmse_k > model.fitted.validation.rmse_k


def test_simulated_numbers_are_found_again():
    """Two weeks of a simulated house with a heater: loss and slow capacity come back within their intervals."""
    rng = np.random.default_rng(3)
    index = pd.date_range("2026-01-01", periods=24 * 14, freq="h", tz="UTC")
    hour = np.asarray(index.hour)
    data = pd.DataFrame(
        {
            "outdoor_c": 4 + 4 * np.sin(hour / 24 * 2 * np.pi) + np.cumsum(rng.normal(0, 0.2, len(index))),
            "heat_mw": np.where((hour > 4) & (hour < 16), rng.uniform(0.02, 0.08, len(index)), 0.0),
        },
        index=index,
    )
    true = BuildingModel.of(
        indoor_mwh_per_k=0.1, mass_mwh_per_k=0.5, indoor_mass_mw_per_k=0.02, indoor_outdoor_mw_per_k=0.0015
    )
    kept, gained = true.step(1.0)
    x, read = np.array([19.0, 19.0]), []
    for t in range(len(index)):
        read.append(x[0] + rng.normal(0, 0.02))
        u = np.array([data["outdoor_c"].iloc[t], data["heat_mw"].iloc[t], 0, 0, 1, 0, 0, 0, 0, 0])
        x = kept @ x + gained @ u + rng.normal(0, 0.01, 2)
    model = BuildingModel.fit(data.assign(indoor_c=read), states=("indoor", "mass"), starts=1)
    table = model.fitted.parameters
    for name in ("mass_mwh_per_k", "indoor_outdoor_mw_per_k"):
        assert table.loc[name, "low"] < true.values[name] < table.loc[name, "high"]
    assert model.fitted.whiteness.white
    assert model.fitted.validation.rmse_k < 0.15  # an hour's noise of 0.01 K, a day of it: 0.05 K
    gone = data.assign(indoor_c=np.where(hour == 3, np.nan, read))
    assert np.isfinite(model.states(gone).to_numpy()).all()  # readings may be missing


def test_too_short_says_how_much_is_needed():
    data = _data(hours=100)
    with pytest.raises(BadInput, match=r"100 h .* too short .* at least 168 h are needed, 68 h more"):
        BuildingModel.fit(data)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda d: d.assign(heat_mw=0.02), BadInput, "heat_mw is 0.02 in all"),
        (lambda d: d.assign(indoor_c=20.0), BadInput, "at least 0.5 K"),
        (lambda d: d.drop(columns="heat_mw"), MissingColumn, "boiler_c"),
        (lambda d: d.assign(outdoor_c=np.nan), GapInSeries, "outdoor_c are missing"),
        (lambda d: d.assign(indoor_c=d["indoor_c"] + 273.15), OutOfRange, "Is it in °C"),
        (lambda d: d.drop(index=d.index[5]), OutOfRange, "not regular"),
        (lambda d: d.tz_localize(None), OutOfRange, "zone"),
    ],
)
def test_bad_data_is_told(change, error, words):
    with pytest.raises(error, match=words):
        BuildingModel.fit(change(_data(hours=200)))


def test_numbers_that_no_building_has():
    with pytest.raises(OutOfRange, match="indoor_mwh_per_k is 0"):
        BuildingModel.of(indoor_mwh_per_k=0.0, indoor_outdoor_mw_per_k=1.0)
    with pytest.raises(OutOfRange, match="indoor_mass_mw_per_k belong to no state"):
        BuildingModel.of(indoor_mwh_per_k=1.0, indoor_outdoor_mw_per_k=1.0, indoor_mass_mw_per_k=1.0)
    with pytest.raises(BadInput, match="not identified"):
        BuildingModel.of(indoor_mwh_per_k=1.0, indoor_outdoor_mw_per_k=1.0).ahead(_data(hours=200))


def test_white_is_white_and_a_habit_is_not():
    rng = np.random.default_rng(0)
    white = rng.normal(size=1000)
    assert whiteness(white).white
    daily = white + np.sin(np.arange(1000) / 24 * 2 * np.pi)
    assert not whiteness(daily).white
    assert 24 in whiteness(daily).beyond


def test_ljung_box_as_in_statsmodels():
    from statsmodels.stats.diagnostic import acorr_ljungbox

    values = np.random.default_rng(1).normal(size=300)
    peer = acorr_ljungbox(values, lags=[24])
    ours = whiteness(values)
    assert ours.statistic == approx(float(peer["lb_stat"].iloc[0]), rel=1e-9)
    assert ours.p_value == approx(float(peer["lb_pvalue"].iloc[0]), rel=1e-9)


def test_an_interval_by_days_holds_the_error():
    index = pd.date_range("2026-01-01", periods=240, freq="h", tz="UTC")
    errors = pd.DataFrame({24.0: np.random.default_rng(0).normal(size=240)}, index=index)
    found = Ahead(errors)
    low, high = found.interval()
    assert low < found.rmse_k < high


def _data(hours: int) -> pd.DataFrame:
    index = pd.date_range("2026-01-01", periods=hours, freq="h", tz="UTC")
    hour = np.asarray(index.hour, dtype=float)
    return pd.DataFrame(
        {"indoor_c": 20 + np.sin(hour / 4), "outdoor_c": 5 + hour / 10, "heat_mw": np.where(hour > 12, 0.02, 0.0)},
        index=index,
    )
