"""Whether the probability to survive is true: told by scenarios, against new futures that are lived through plainly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gridloop.optimize.microgrid.former import GridFormer
from gridloop.optimize.microgrid.survival import survival
from gridloop.units import FloatArray

SOURCE = GridFormer(2.0, 2.0, 2.0, 6.0, min_soc=0.05, headroom_mw=0.1, id="source")
STEPS, HOURS = 48, 0.25
CASES, SCENARIOS, FUTURES = 60, 200, 200
LEVELS = np.linspace(0.0, 1.0, 6)


def weather(rng: np.random.Generator, case: int, count: int) -> tuple[FloatArray, FloatArray]:
    """Futures of one case: load and sun that err together over hours (an AR(1) of 0.95 a quarter). [step, future]"""
    own = np.random.default_rng([5, case])
    level, cloud = own.uniform(0.3, 1.2), own.uniform(0.2, 1.0)
    bell = np.clip(np.sin((np.arange(STEPS) * HOURS + own.uniform(0, 24) - 6) / 12 * np.pi), 0, None)[:, None]
    drift = np.zeros((2, STEPS, count))
    for k in range(STEPS):
        noise = rng.normal(0, 1, (2, count)) * np.sqrt(1 - 0.95**2)
        drift[:, k] = (0.95 * drift[:, k - 1] + noise) if k else rng.normal(0, 1, (2, count))
    return level * np.exp(0.3 * drift[0]), 1.5 * bell * np.clip(cloud + 0.3 * drift[1], 0, 1.2)


def lived_h(need: FloatArray, sun: FloatArray, soc: float) -> FloatArray:
    """Hours that a future is lived through, step by step and one after the other: the plain twin. [future]"""
    most, empty, full = 2.0 - 0.1, 0.05 * 6.0, 6.0
    found = []
    for future_need, future_sun in zip(need.T.tolist(), sun.T.tolist(), strict=True):
        energy, hours = soc * 6.0, 0.0
        for wants, shines in zip(future_need, future_sun, strict=True):
            gap = wants - shines
            if gap > 0:
                there = max(0.0, energy - empty) * 0.95 / HOURS
                if gap > most + 1e-9 or gap > there + 1e-9:
                    hours += 0.0 if gap > most + 1e-9 else HOURS * there / gap
                    break
                energy -= gap * HOURS / 0.95
            else:
                energy = min(full, energy + min(-gap, most) * HOURS * 0.95)
            hours += HOURS
        found.append(hours)
    return np.array(found)


def told_and_came(rng: np.random.Generator, share_of_spread: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Probability told to live 2 … 10 h, and the share of futures drawn anew that does. [case · hours]

    share_of_spread  1: scenarios are as wide as the truth; below, the mean takes part of it
    """
    told, came = [], []
    for case in range(CASES):
        soc = float(np.random.default_rng([6, case]).uniform(0.1, 1.0))
        need, sun = weather(rng, case, SCENARIOS)
        narrow = [m.mean(axis=1, keepdims=True) * (1 - share_of_spread) + share_of_spread * m for m in (need, sun)]
        foreseen = survival(SOURCE, narrow[0], narrow[1], hours=HOURS, initial_soc=soc)
        lived = lived_h(*weather(rng, case, FUTURES), soc)
        for hours in (2.0, 4.0, 6.0, 10.0):
            told.append(foreseen.probability(hours))
            came.append(float((lived >= hours - 1e-9).mean()))
    return np.array(told), np.array(came)


def test_the_share_that_survives_is_the_probability_that_was_told():
    """Two draws of 200 differ by √(2 p (1 − p)/200), at most 0.05: each within four of them, and without a bias."""
    told, came = told_and_came(np.random.default_rng(1))
    between = (told > 0.02) & (told < 0.98)
    assert between.sum() > 50  # else there is nothing to be seen
    assert np.abs(told - came).max() <= 4 * np.sqrt(2 * 0.25 / 200)
    assert abs(float((told - came)[between].mean())) < 0.01
    for low, high in pairwise(LEVELS):
        mine = between & (told >= low) & (told < high)
        if mine.sum() >= 5:
            assert came[mine].mean() == pytest.approx(told[mine].mean(), abs=0.03), (low, high)


def test_scenarios_that_are_too_narrow_are_seen():
    """The twin: scenarios of a third of the true width say too much or too little, and the same comparison shows it."""
    told, came = told_and_came(np.random.default_rng(1), share_of_spread=0.3)
    assert np.abs(told - came).max() > 4 * np.sqrt(2 * 0.25 / 200)


def test_quantiles_of_the_time_hold_on_futures_drawn_anew():
    """Nine of ten futures outlive the tenth percentile of the scenarios, one of ten the ninetieth."""
    rng = np.random.default_rng(2)
    outlived: dict[float, list[float]] = {0.1: [], 0.5: [], 0.9: []}
    for case in range(CASES):
        soc = float(np.random.default_rng([6, case]).uniform(0.1, 0.6))
        foreseen = survival(SOURCE, *weather(rng, case, SCENARIOS), hours=HOURS, initial_soc=soc)
        lived = lived_h(*weather(rng, case, FUTURES), soc)
        for share, found in outlived.items():
            at = foreseen.quantile(share)
            if 0 < at < foreseen.length_h:  # where all live through, or none begins, there is no such time
                found.append(float((lived <= at).mean()))
    for share, found in outlived.items():
        assert len(found) > 10
        assert np.mean(found) == pytest.approx(share, abs=0.02)
