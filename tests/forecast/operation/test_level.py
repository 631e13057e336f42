"""Levels by a plain twin, histories too short to judge, and the few odd values that a training may have."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from gridloop.forecast.known.past import Past
from gridloop.forecast.operation.level import LEAST_DAYS, Level, _highest
from gridloop.forecast.operation.verdict import but_few

HOUR_NS = 3_600_000_000_000


def past_of(values: np.ndarray) -> Past:
    return Past(tuple(f"p{k}" for k in range(values.shape[1])), values, 0, HOUR_NS)


@pytest.mark.parametrize("steps", [1, 2, 7, 10, 24, 30])
def test_the_highest_of_each_window_is_that_of_a_plain_twin(steps: int):
    rng = np.random.default_rng(steps)
    x = np.where(rng.random(60) < 0.05, np.nan, rng.random(60))
    window = sliding_window_view(x, steps)
    gaps = np.isnan(window).sum(axis=1)
    highest = np.array([np.nanmax(w) if np.isfinite(w).any() else -np.inf for w in window])
    np.testing.assert_array_equal(_highest(x, steps), np.where(gaps <= steps // 10, highest, np.nan))


def test_a_short_history_judges_nothing():
    shape = 5.0 + np.sin(np.arange(24 * LEAST_DAYS) * np.pi / 12)
    for days, blind in ((LEAST_DAYS, ()), (LEAST_DAYS - 1, ("p0",))):
        level = Level("UTC").fit(past_of(shape[: 24 * days, None]))
        assert level.blind == blind
        assert level.rows(past_of(1000.0 * shape[:48, None])).all() == (not blind)


def test_few_odd_values_of_a_training_stay():
    """1,000 rows, the newest 100 aside: of 900 one may be odd, two may not; none of the newest."""
    past = past_of(np.ones((1000, 3)))

    def left(*rows: tuple[int, int]) -> list[int]:
        believed = past.values.copy()
        for row in rows:
            believed[row] = np.nan
        return np.isnan(but_few(past, past_of(believed), 100).values).sum(axis=0).tolist()

    assert left((5, 0)) == [0, 0, 0]
    assert left((5, 0), (5, 1), (6, 1)) == [0, 2, 0]
    assert left((5, 0), (950, 2)) == [0, 0, 1]
