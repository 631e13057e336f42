"""RollingBand: coverage follows the last weeks and forgets what is older."""

from __future__ import annotations

import numpy as np
import pytest

from gridloop.forecast.bands.conformal import WINDOW_DAYS, RollingBand, part_of_day
from gridloop.forecast.known.leads import BUCKETS

DAY = 96
SLOT = np.arange(DAY)


def taught(band: RollingBand, days: int, spread: float, seed: int) -> float:
    """Coverage over days of normal errors around 1, of a band that says ± 0.01 before it learns."""
    rng, inside = np.random.default_rng(seed), []
    values = np.stack([np.full(DAY, 0.99), np.ones(DAY), np.full(DAY, 1.01)])
    part = part_of_day(SLOT, DAY)
    for _ in range(days):
        came = 1.0 + spread * rng.standard_normal(DAY)
        low, _, high = band.adjust(values, part)
        inside.append(((came >= low) & (came <= high)).mean())
        band.learn(values, came, part)
    return float(np.mean(inside))


def test_parts_of_the_day_are_equal():
    assert np.bincount(part_of_day(SLOT, DAY)).tolist() == [DAY // BUCKETS] * BUCKETS
    assert part_of_day(np.array([0, 23]), 24).tolist() == [0, BUCKETS - 1]


def test_coverage_is_held_and_held_again_after_a_change():
    """Eight of ten within, give or take 0.02: 90 days of 96 values have a standard error of 0.004, the parts 0.01."""
    band = RollingBand()
    taught(band, WINDOW_DAYS, 0.02, 0)
    assert taught(band, WINDOW_DAYS, 0.02, 1) == pytest.approx(0.8, abs=0.02)
    assert taught(band, WINDOW_DAYS, 0.01, 2) > 0.82, "calmer days: the band is too wide at first"
    assert taught(band, WINDOW_DAYS, 0.01, 3) == pytest.approx(0.8, abs=0.02)


def test_gaps_teach_nothing():
    band = RollingBand()
    taught(band, 30, 0.02, 0)
    values = np.stack([np.full(DAY, 0.99), np.ones(DAY), np.full(DAY, 1.01)])
    before = band.adjust(values, part_of_day(SLOT, DAY))
    band.learn(values, np.full(DAY, np.nan), part_of_day(SLOT, DAY))
    np.testing.assert_array_equal(before, band.adjust(values, part_of_day(SLOT, DAY)))


def test_with_a_speed_it_follows_sooner():
    """Errors double: over the next 40 days the band that aims again covers more than the one that waits."""
    slow, fast = RollingBand(), RollingBand(speed=0.02)
    covered = []
    for band in (slow, fast):
        taught(band, WINDOW_DAYS, 0.02, 0)
        covered.append(taught(band, 40, 0.04, 1))
    assert covered[0] + 0.02 < covered[1] < 0.82
