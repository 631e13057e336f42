"""Survival: hours by pencil, laws over random forecasts, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.microgrid.former import GridFormer
from gridloop.optimize.microgrid.survival import survival

STORE = GridFormer(2.0, 2.0, 2.0, 4.0, charge_efficiency=0.9, discharge_efficiency=0.8, id="store")


def test_it_lives_as_long_as_its_energy_by_pencil():
    """4 MWh · 0.8 = 3.2 MWh at 1 MW: three hours and a fifth of the fourth."""
    found = survival(STORE, np.ones(6), np.zeros(6), hours=1.0)
    assert found.hours.tolist() == pytest.approx([3.2])
    assert not found.lived[0]
    assert found.probability(3.0) == 1.0
    assert found.probability(3.5) == 0.0


def test_the_sun_charges_it_by_pencil():
    """Empty, an hour with 1 MW of surplus brings 0.9 MWh, which give 0.72 MWh."""
    found = survival(STORE, np.ones(3), np.array([2.0, 0.0, 0.0]), hours=1.0, initial_soc=0.0)
    assert found.hours.tolist() == pytest.approx([1.72])
    assert found.soc[0, 0] == pytest.approx(0.9 / 4)


def test_too_little_power_ends_it_at_once():
    found = survival(STORE, np.array([1.0, 3.0]), np.zeros(2), hours=0.5)
    assert found.hours.tolist() == pytest.approx([0.5])


def test_fuel_lasts():
    engine = GridFormer(2.0, 2.0, id="engine")
    assert survival(engine, np.ones(200), np.zeros(200), hours=1.0).hours.tolist() == [200.0]


def test_scenarios_give_a_distribution():
    need = np.array([[0.5, 1.0, 2.0]] * 8)
    found = survival(STORE, need, np.zeros((8, 1)), hours=1.0)
    assert found.hours.tolist() == pytest.approx([6.4, 3.2, 1.6])
    assert found.probability(2.0) == pytest.approx(2 / 3)
    assert found.quantile(0.5) == pytest.approx(3.2)
    curve = found.curve()
    assert curve.iloc[0] == 1.0
    assert curve.is_monotonic_decreasing
    with pytest.raises(OutOfRange, match="longer forecast"):
        found.probability(9.0)


def test_others_get_only_what_would_be_thrown_away():
    """Full: 1 MW of surplus serves others, and never costs a minute."""
    alone = survival(STORE, np.ones(8), np.array([2.0] + [0.0] * 7), hours=1.0)
    crowd = survival(STORE, np.ones(8), np.array([2.0] + [0.0] * 7), hours=1.0, other_mw=3.0)
    assert crowd.hours.tolist() == alone.hours.tolist()
    assert alone.curtailed_mwh[0] == pytest.approx(1.0)
    assert crowd.curtailed_mwh[0] == pytest.approx(0.0)


series = st.integers(0, 10_000).map(
    lambda seed: (lambda rng: (rng.uniform(0, 1.8, (24, 5)), rng.uniform(0, 3, (24, 5)) * rng.integers(0, 2, (24, 1))))(
        np.random.default_rng(seed)
    )
)


@settings(max_examples=40, deadline=None)
@given(both=series, soc=st.floats(0, 1), more=st.floats(1, 3))
def test_more_storage_never_shortens_survival(both: tuple[np.ndarray, np.ndarray], soc: float, more: float):
    need, sun = both
    few = survival(STORE, need, sun, initial_soc=soc)
    for larger in (
        replace(STORE, capacity_mwh=more * STORE.capacity_mwh),
        replace(STORE, s_mva=more * 2, discharge_mw=more * 2),
        replace(STORE, s_mva=more * 2, charge_mw=more * 2),
        replace(STORE, discharge_efficiency=min(1.0, 0.8 * more)),
    ):
        assert (survival(larger, need, sun, initial_soc=soc).hours >= few.hours - 1e-9).all()
    assert (survival(STORE, need, sun, initial_soc=soc, followers=(STORE,)).hours >= few.hours - 1e-9).all()
    assert (survival(STORE, need, sun + 0.3, initial_soc=soc).hours >= few.hours - 1e-9).all()


@settings(max_examples=20, deadline=None)
@given(both=series, soc=st.floats(0, 1))
def test_scenarios_do_not_touch_each_other(both: tuple[np.ndarray, np.ndarray], soc: float):
    need, sun = both
    together = survival(STORE, need, sun, initial_soc=soc).hours
    alone = [survival(STORE, need[:, k], sun[:, k], initial_soc=soc).hours[0] for k in range(need.shape[1])]
    assert together.tolist() == alone


def test_an_island_without_a_grid_forming_source_is_refused():
    with pytest.raises(OutOfRange, match="an island without a grid-forming source"):
        survival(None, np.ones(3), np.zeros(3))


def test_bad_series_are_refused():
    with pytest.raises(GapInSeries, match="1 of 3 values of priority_mw"):
        survival(STORE, np.array([1.0, np.nan, 1.0]), np.zeros(3))
    with pytest.raises(OutOfRange, match="below zero"):
        survival(STORE, np.ones(3), -np.ones(3))
    with pytest.raises(OutOfRange, match="differ in shape"):
        survival(STORE, np.ones(3), np.zeros(4))
    with pytest.raises(OutOfRange, match="nothing is left to serve with"):
        GridFormer(2.0, 2.0, headroom_mw=2.0)
