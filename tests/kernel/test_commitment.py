"""The kernel of single units against every schedule tried, each with a small linear program of its own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from gridloop.kernel import unit_columns as kernel
from gridloop.kernel.commitment import solve_units


def _solve(unit, points, costs, price, reserve, start, hours):
    n = len(unit)
    best, u = np.empty(n), np.empty((n, hours), dtype=bool)
    on, off, begin, end = (np.empty((n, hours)) for _ in range(4))
    none = np.zeros((n, hours))
    solve_units(
        unit, points, costs, np.array([0, len(points)]), price[:, None].copy(), reserve[:, None].copy(), np.ones(1),
        none, none, none, start["first"], start["anyway"], start["by_off"], start["from"],
        np.ones((n, hours), dtype=bool), np.ones((n, hours), dtype=bool), best, on, off, begin, end, u,
    )  # fmt: skip
    return best[0], on[0], off[0], begin[0], end[0], u[0]


def _plain(unit, points, costs, price, reserve, start, runs):
    """The least cost of one on/off pattern, infinite where it is not allowed: rules and output one by one."""
    hours = len(runs)
    p_min, p_max = unit[kernel.P_MIN], unit[kernel.P_MAX]
    state, age = bool(unit[kernel.ON_BEFORE]), int(unit[kernel.HOURS_BEFORE])
    was_on_within, total = state, 0.0
    for t, on in enumerate(runs):
        if on == state:
            age += 1
            continue
        if (state and age < unit[kernel.UP_MIN]) or (not state and age < unit[kernel.DOWN_MIN]):
            return np.inf
        if on:
            within = was_on_within or any(runs[:t])
            if within:
                cost = start["anyway"][0, t]
                if t >= start["from"][0, min(age, hours)]:
                    cost = min(cost, start["by_off"][0, min(age, hours)])
                total += cost
            else:
                total += start["first"][0, t]
        state, age = bool(on), 1
    # output: p_t, r_t, cost_t as a linear program
    n = 3 * hours
    c = np.concatenate([-price, -reserve, np.ones(hours)])
    a, b, bounds = [], [], [(0, None)] * n

    def row(terms, right):
        line = np.zeros(n)
        for k, v in terms:
            line[k] += v
        a.append(line)
        b.append(right)

    before = unit[kernel.P_BEFORE] if unit[kernel.ON_BEFORE] else 0.0
    for t, on in enumerate(runs):
        if not on:
            bounds[t] = bounds[hours + t] = bounds[2 * hours + t] = (0, 0)
        was = runs[t - 1] if t else bool(unit[kernel.ON_BEFORE])
        after = runs[t + 1] if t + 1 < hours else on
        if on:
            row([(t, -1)], -p_min)
            cap = min(p_max if was else unit[kernel.START_MAX], p_max if after else unit[kernel.STOP_CAP])
            row([(t, 1), (hours + t, 1)], cap)
            if not after:
                row([(t, 1)], unit[kernel.STOP_MAX])
            for k in range(len(points) - 1):
                slope = (costs[k + 1] - costs[k]) / (points[k + 1] - points[k])
                row([(t, slope), (2 * hours + t, -1)], slope * points[k] - costs[k])
            if was:
                past = [] if t == 0 else [(t - 1, 1.0)]
                own = before if t == 0 else 0.0
                row([(t, 1), (hours + t, 1), *((k, -v) for k, v in past)], unit[kernel.RAMP_UP] + own)
                row([*past, (t, -1)], unit[kernel.RAMP_DOWN] - own)
        elif was and t == 0 and before > unit[kernel.STOP_MAX]:
            return np.inf
    found = linprog(c, A_ub=np.array(a) if a else None, b_ub=b if a else None, bounds=bounds)
    return total + found.fun if found.status == 0 else np.inf


@pytest.mark.parametrize("seed", range(30))
def test_every_choice_costs_what_trying_all_schedules_says(seed):
    """Eight hours have 256 patterns: the least over those with a choice is what the kernel calls its cost."""
    rng = np.random.default_rng(seed)
    hours = 7
    p_min, p_max = 20.0, 100.0
    unit = np.zeros((1, kernel.COLUMNS))
    up, down = rng.choice([12.0, 25.0, 33.0, 90.0], 2)
    stop_cap = rng.choice([20.0, 45.0, 100.0])
    on = bool(rng.random() < 0.5)
    unit[0, [kernel.P_MIN, kernel.P_MAX, kernel.RAMP_UP, kernel.RAMP_DOWN]] = p_min, p_max, up, down
    unit[0, kernel.START_MAX] = min(rng.choice([20.0, 60.0, 100.0]), p_min + up)
    unit[0, kernel.STOP_CAP] = stop_cap
    unit[0, kernel.STOP_MAX] = min(stop_cap, p_min + down)
    unit[0, [kernel.UP_MIN, kernel.DOWN_MIN]] = rng.integers(1, 4, 2)
    unit[0, [kernel.ON_BEFORE, kernel.HOURS_BEFORE]] = on, rng.integers(1, 5)
    unit[0, kernel.P_BEFORE] = rng.choice([20.0, 50.0, 97.0]) if on else 0.0
    points = np.array([20.0, 50.0, 80.0, 100.0])
    costs = 300.0 + np.concatenate([[0.0], np.cumsum(np.sort(rng.uniform(10, 40, 3)) * np.diff(points))])
    price = rng.uniform(0, 60, hours)
    reserve = rng.uniform(0, 15, hours) * (rng.random(hours) < 0.6)
    start = {
        "first": rng.uniform(100, 400, (1, hours)),
        "anyway": np.full((1, hours), 500.0),
        "by_off": np.sort(rng.uniform(50, 500, (1, hours + 1))),
        "from": rng.integers(0, 4, (1, hours + 1)),
    }
    best, with_on, with_off, with_start, with_stop, u = _solve(unit, points, costs, price, reserve, start, hours)
    every = {
        runs: _plain(unit[0], points, costs, price, reserve, start, runs)
        for runs in itertools.product((False, True), repeat=hours)
    }
    # linprog's tolerance of 1e-7 on costs of a few thousand
    assert best == pytest.approx(min(every.values()), abs=1e-4)
    if np.isfinite(best):
        assert every[tuple(bool(x) for x in u)] == pytest.approx(best, abs=1e-4)
    for t in range(hours):

        def least(where, t=t):
            return min((cost for runs, cost in every.items() if where(runs)), default=np.inf)

        was = (lambda runs, t=t: runs[t - 1]) if t else (lambda runs: on)
        for got, expected in (
            (with_on[t], least(lambda runs, t=t: runs[t])),
            (with_off[t], least(lambda runs, t=t: not runs[t])),
            (with_start[t], least(lambda runs, t=t, was=was: runs[t] and not was(runs))),
            (with_stop[t], least(lambda runs, t=t, was=was: not runs[t] and was(runs))),
        ):
            if np.isinf(expected):
                assert np.isinf(got)
            else:
                assert got == pytest.approx(expected, abs=1e-4)
