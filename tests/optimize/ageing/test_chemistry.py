"""Laws of cells by pencil: rates at one temperature and one depth, and how they move."""

from __future__ import annotations

import numpy as np
import pytest
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.optimize.ageing.chemistry import ZERO_CELSIUS_K, Stress
from gridloop.optimize.ageing.graphite import anode_potential
from gridloop.optimize.ageing.models import CHEMISTRIES, chemistry_of

ROOM_K = 298.15
EVERY = sorted(CHEMISTRIES)


def stress(depth: float, middle: float = 0.5, temperature_k: float = ROOM_K, c_rate: float = 0.25) -> Stress:
    return Stress(*(np.array([value]) for value in (depth, middle, temperature_k, c_rate)))


def test_the_small_phosphate_cell_at_rest():
    """Naumann 2018 at 25 °C and half full: 1.2571e-5 · 0.60225 of the capacity per √s.

    Ten years are 3.156e8 s, their root 17765: 1.2571e-5 · 0.60225 · 17765 = 13.4 %.
    """
    cell = CHEMISTRIES["lfp_26650"]
    rate = cell.calendar(np.array([ROOM_K]), np.array([0.5]))[0]
    assert rate * np.sqrt(3652.5) == approx(1.2571e-5 * 0.60225 * np.sqrt(3652.5 * 86400.0))
    assert rate * np.sqrt(3652.5) == approx(0.1345, abs=5e-5)


def test_the_small_phosphate_cell_in_cycles():
    """Naumann 2020, whole cycles at half a C: (0.063 · 0.5 + 0.0971) · (4.0253 · 0.4³ + 1.0923) = 0.1736 % per √cycle.

    After 4,000 full cycles 10.98 %.
    """
    rate = CHEMISTRIES["lfp_26650"].cycling(stress(1.0, c_rate=0.5))[0]
    assert rate == approx(0.1286 * 1.3499192 / 100.0)
    assert rate * np.sqrt(4000.0) == approx(0.1098, abs=5e-5)


def test_the_small_nmc_cell_at_rest():
    """Schmalstieg 2014 at 50 °C and 3.697 V: (7.543 · 3.697 − 23.75) · 1e6 · exp(−6976 / 323.15) a day^¾."""
    rate = CHEMISTRIES["nmc_18650"].calendar(np.array([323.15]), np.array([0.5]))[0]
    assert rate == approx((7.543 * 3.697 - 23.75) * 1e6 * np.exp(-6976.0 / 323.15))
    assert rate == approx(1.729e-3, rel=1e-2)


def test_the_small_nmc_cell_in_cycles_of_no_depth():
    """Where the voltage stays at 3.697 V, 0.03 V beyond its best: 7.348e-3 · 0.03² + 7.6e-4, times √4.3."""
    rate = CHEMISTRIES["nmc_18650"].cycling(stress(0.0))[0]
    assert rate == approx((7.348e-3 * 0.030**2 + 7.6e-4) * np.sqrt(4.3))


def test_the_mean_voltage_of_a_cycle_is_that_of_its_range():
    """Against ten thousand points between a tenth and nine tenths."""
    from gridloop.optimize.ageing import nmc

    fine = np.interp(np.linspace(0.1, 0.9, 10_001), nmc._SOC, nmc._VOLTAGE)
    assert nmc._mean_voltage(np.array([0.5]), np.array([0.8]))[0] == approx(np.sqrt((fine**2).mean()), rel=1e-5)


def test_graphite_falls_from_empty_to_full():
    """0.55 V where hardly any lithium is in it, about 0.12 V on its plateau, below 0.1 V when full."""
    soc = np.linspace(0.0, 1.0, 101)
    volts = anode_potential(soc)
    assert (np.diff(volts) < 0.0).all()
    assert volts[0] > 0.4
    assert volts[50] == approx(0.123, abs=0.01)
    assert volts[-1] < 0.1


@pytest.mark.parametrize("name", EVERY)
def test_heat_ages_at_rest(name):
    low, high = CHEMISTRIES[name].tested.temperature_c
    kelvin = np.linspace(low, high, 20) + ZERO_CELSIUS_K
    assert (np.diff(CHEMISTRIES[name].calendar(kelvin, np.full(20, 0.5))) > 0.0).all()


@pytest.mark.parametrize("name", EVERY)
def test_a_full_cell_ages_faster_at_rest_than_an_empty_one(name):
    rates = CHEMISTRIES[name].calendar(np.full(3, ROOM_K), np.array([0.1, 0.5, 0.9]))
    assert (np.diff(rates) > 0.0).all()


@pytest.mark.parametrize("name", EVERY)
def test_deeper_cycles_around_the_same_middle_age_more_per_full_cycle(name):
    cell = CHEMISTRIES[name]
    depth = np.linspace(0.05, 1.0, 20)
    rates = cell.cycling(Stress(depth, np.full(20, 0.5), np.full(20, ROOM_K), np.full(20, 0.25)))
    assert (np.diff(rates) > 0.0).all()
    if cell.knee is not None:
        last = cell.knee.full_cycles(Stress(depth, np.full(20, 0.5), np.full(20, ROOM_K), np.full(20, 0.25)))
        assert (np.diff(last) < 0.0).all()


def test_faster_cycles_age_phosphate_cells_more():
    for name in ("lfp", "lfp_26650"):
        slow, fast = (CHEMISTRIES[name].cycling(stress(0.8, c_rate=c))[0] for c in (0.25, 0.5))
        assert fast > slow


def test_names_of_models():
    assert chemistry_of("lithium_ion_nmc") is chemistry_of("NMC") is CHEMISTRIES["nmc"]
    assert chemistry_of(CHEMISTRIES["lfp"]) is CHEMISTRIES["lfp"]
    with pytest.raises(OutOfRange, match=r"lead_acid.*known are nmc, nmc_18650, lfp, lfp_26650"):
        chemistry_of("lead_acid")
