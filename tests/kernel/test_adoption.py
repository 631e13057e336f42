"""Adoption hour by hour: a plain twin, and what a level of adoption means."""

import numpy as np
import pytest

from gridloop.kernel.adoption import DEVICE_STREAMS, NOISE_STREAM, adoption_block, devices_of
from gridloop.kernel.random import normal_block, philox

U = np.uint64
HOURS, LOADS = 50, 4
RNG = np.random.default_rng(0)
P, Q = RNG.uniform(0.01, 0.04, LOADS), RNG.uniform(0, 0.01, LOADS)
PROFILE, PROFILE_OF = RNG.uniform(0.2, 1, (2, HOURS)), np.array([0, 1, 1, 0])
SUN, CLOCK = np.clip(np.sin(np.arange(HOURS) / 24 * 6.28), 0, 1), np.arange(HOURS) % 24.0
PV_SHARE, EV_SHARE = np.array([0.0, 0.5, 1.0]), np.array([0.2, 0.5, 1.0])
PV_MW = np.stack([np.full(LOADS, 0.003), np.linspace(0.004, 0.02, LOADS)], axis=1)
CHARGER, PLUG_IN, ENERGY = np.array([0.0037, 0.011]), np.cumsum(np.full(24, 1 / 24)), np.array([0.004, 0.03])


def filled(first, count, noise_sd=0.0, apart=False):
    p, q = np.empty((LOADS, count)), np.empty((LOADS, count))
    device = np.empty((LOADS if apart else 0, count))
    adoption_block(
        U(5), U(first), P, Q, PROFILE, PROFILE_OF, SUN, CLOCK, PV_SHARE, EV_SHARE, PV_MW, CHARGER, PLUG_IN, ENERGY,
        noise_sd, p, q, device,
    )  # fmt: skip
    return p, q, device


def devices(draw, load, level):
    return devices_of(U(5), U(draw), load, PV_SHARE[level], EV_SHARE[level], PV_MW, CHARGER, PLUG_IN, ENERGY)


def plain(scenario, load, noise_sd):
    """One load in one scenario, as the head of the module says it: load, reactive load, roof and car."""
    case, hour = divmod(scenario, HOURS)
    draw, level = divmod(case, PV_SHARE.size)
    key = (U(5), U(0))
    has_pv, size, has_ev, charger = (
        (float(w) + 0.5) / 2**32 for w in philox(U(draw), U(0), U(load), DEVICE_STREAMS[0], *key)
    )
    at, needed, _, _ = ((float(w) + 0.5) / 2**32 for w in philox(U(draw), U(0), U(load), DEVICE_STREAMS[1], *key))
    z = np.empty((1, 1), np.float32)
    normal_block(U(5), NOISE_STREAM, U(load), U(scenario), z)
    factor = PROFILE[PROFILE_OF[load], hour] * max(0.0, 1 + noise_sd * float(z[0, 0]))
    device = 0.0
    if has_pv < PV_SHARE[level]:
        device -= (PV_MW[load, 0] + np.ptp(PV_MW[load]) * size) * SUN[hour]
    if has_ev < EV_SHARE[level]:
        power = CHARGER[int(charger * 2)]
        plugged = int(np.searchsorted(PLUG_IN, at, side="right"))
        energy = ENERGY[0] + np.ptp(ENERGY) * needed
        left = energy
        for _ in range(int((CLOCK[hour] - plugged) % 24)):
            left -= min(power, left)
        device += min(power, left)
    return P[load] * factor, Q[load] * factor, device


@pytest.mark.parametrize("noise_sd", [0.0, 0.4])
def test_a_plain_twin_says_the_same(noise_sd):
    """Rounding of sums of a few hundredths of a MW: far below 1e-15."""
    first, count = 2 * HOURS + 41, 3 * HOURS
    p, q, device = filled(first, count, noise_sd, apart=True)
    for load in range(LOADS):
        for k in range(count):
            wanted = plain(first + k, load, noise_sd)
            assert (p[load, k], q[load, k], device[load, k]) == pytest.approx(wanted, abs=1e-15)
    assert (p >= 0).all()


def test_devices_apart_or_in_the_load_are_the_same_devices():
    p, q, device = filled(7, 200, 0.1, apart=True)
    together, same_q, _ = filled(7, 200, 0.1)
    assert together == pytest.approx(p + device, abs=1e-16) and np.array_equal(q, same_q)


def test_a_higher_level_keeps_what_a_lower_one_has():
    for draw in range(50):
        for load in range(LOADS):
            low, middle, high = (devices(draw, load, level) for level in range(3))
            for a, b in ((low, middle), (middle, high)):
                assert a[0] in (0.0, b[0]) and a[1] in (0.0, b[1])
            assert low[0] == 0.0 and high[0] > 0.0 and high[1] > 0.0


def test_shares_and_sizes_are_those_asked_for():
    """20,000 draws: five standard errors."""
    drawn = np.array([devices(draw, 3, 1) for draw in range(20_000)])
    error = 5 / np.sqrt(len(drawn))
    has_pv, has_ev = drawn[:, 0] > 0, drawn[:, 1] > 0
    assert abs(has_pv.mean() - 0.5) < error and abs(has_ev.mean() - 0.5) < error
    assert abs(np.corrcoef(has_pv, has_ev)[0, 1]) < error
    roofs, cars = drawn[has_pv, 0], drawn[has_ev]
    assert abs(roofs.mean() - PV_MW[3].mean()) < 2 * error * np.ptp(PV_MW[3])
    assert abs((cars[:, 1] == 0.011).mean() - 0.5) < 2 * error
    assert np.bincount(cars[:, 2].astype(int), minlength=24).min() > 300
    assert abs(cars[:, 3].mean() - ENERGY.mean()) < 2 * error * np.ptp(ENERGY)


def test_a_car_takes_its_energy_every_day():
    """Level 1.0 for all: over 24 hours the chargers give what the cars need."""
    _, _, device = filled(2 * HOURS, HOURS, apart=True)
    roof, charger, _, energy = np.array([devices(0, load, 2) for load in range(LOADS)]).T
    drawn = device + roof[:, None] * SUN
    assert drawn[:, 24:48].sum(axis=1) == pytest.approx(energy, abs=1e-15)
    assert (drawn <= charger[:, None] + 1e-15).all() and (drawn >= -1e-15).all()
