"""What a generating unit costs at least while it runs, from any hour to any other, against hourly prices: exactly.

On from hour h to hour e the unit has convex costs and ramps, so that the least cost up to hour t as a function of the
output at t is convex and piecewise linear. It is carried forward by its corners:

    F_h,t(p) = cost(p) − λ_t p − reserve + min { F_h,t−1(q) : p − ramp_up ≤ q ≤ p + ramp_down }

The minimum over an interval moves the falling corners left by ramp_down and the rising ones right by ramp_up. Reserve
at price μ_t > 0 is worth giving to its limit, min(cap, q + ramp_up) − p, which is a part in q and a part in p; both
keep F convex. Method: Frangioni and Gentile, "Solving nonlinear single-unit commitment problems with ramping
constraints", Operations Research 54 (2006).
"""

from __future__ import annotations

import numpy as np

from gridloop.kernel.compiled import inner
from gridloop.kernel.unit_columns import (
    HOURS_BEFORE,
    ON_BEFORE,
    P_BEFORE,
    P_MAX,
    P_MIN,
    RAMP_DOWN,
    RAMP_UP,
    START_MAX,
    STOP_CAP,
    STOP_MAX,
    UP_MIN,
)

# Corners that an hour adds to a cost-to-come beside those of the cost curve: limits, the price of reserve, the shift.
MORE_CORNERS = 6
_INF = np.inf
# Corners closer than this, MW, are one: outputs are given to a watt at best.
_SAME = 1e-9


@inner
def _add_corner(x, y, n, at):
    """Insert a corner at `at` on the line between its neighbours; returns how many there are. x, y [corner]"""
    if at <= x[0] + _SAME or at >= x[n - 1] - _SAME:
        return n
    k = 1
    while x[k] < at - _SAME:
        k += 1
    if x[k] <= at + _SAME:
        return n
    for j in range(n, k, -1):
        x[j] = x[j - 1]
        y[j] = y[j - 1]
    # x[k − 1] < at < x[k + 1]
    share = (at - x[k - 1]) / (x[k + 1] - x[k - 1])
    y[k] = y[k - 1] + share * (y[k + 1] - y[k - 1])
    x[k] = at
    return n + 1


@inner
def _clip(x, y, n, low, high):
    """Keep the corners between low and high; returns how many there are, 0 where the domain is empty."""
    if n == 0 or x[0] > high + _SAME or x[n - 1] < low - _SAME:
        return 0
    n = _add_corner(x, y, n, low)
    n = _add_corner(x, y, n, high)
    first = 0
    while first < n - 1 and x[first] < low - _SAME:
        first += 1
    last = n - 1
    while last > first and x[last] > high + _SAME:
        last -= 1
    for j in range(first, last + 1):
        x[j - first] = x[j]
        y[j - first] = y[j]
    return last - first + 1


@inner
def _simplify(x, y, n):
    """Drop corners that lie on the line between their neighbours; returns how many are left."""
    if n <= 2:
        return n
    kept = 1
    for j in range(1, n - 1):
        left = (y[j] - y[kept - 1]) * (x[j + 1] - x[j])
        right = (y[j + 1] - y[j]) * (x[j] - x[kept - 1])
        size = abs(y[j]) + abs(y[kept - 1]) + abs(y[j + 1]) + 1.0
        if abs(right - left) > 1e-13 * size * (x[j + 1] - x[kept - 1]):  # beyond rounding of the three values
            x[kept] = x[j]
            y[kept] = y[j]
            kept += 1
    x[kept] = x[n - 1]
    y[kept] = y[n - 1]
    return kept + 1


@inner
def _step(x, y, n, zx, zy, mu, cap, ramp_up, ramp_down, low, high, points, costs, slope):
    """Carry a cost-to-come one hour on: from corners x, y (n) to zx, zy; returns how many.

    mu         price of reserve in the new hour, ≥ 0
    cap        most output and reserve in the new hour, MW
    low, high  least and most output in the new hour
    points, costs  [point]  cost curve of an hour
    slope      price per MW of output added to the curve: mu − lambda
    """
    for j in range(n):
        zx[j] = x[j]
        zy[j] = y[j]
    if mu > 0.0:
        n = _add_corner(zx, zy, n, cap - ramp_up)
        for j in range(n):
            zy[j] -= mu * min(cap, zx[j] + ramp_up)
    # the interval: falling corners go left, rising ones right, the lowest one both ways
    m = 0
    while m < n - 1 and zy[m + 1] < zy[m]:
        m += 1
    for j in range(n - 1, m - 1, -1):
        zx[j + 1] = zx[j] + ramp_up
        zy[j + 1] = zy[j]
    for j in range(m + 1):
        zx[j] -= ramp_down
    n = _clip(zx, zy, n + 1, low, high)
    return _add_curve(zx, zy, n, points, costs, slope)


@inner
def _add_curve(x, y, n, points, costs, slope):
    """Add the cost curve and a price per MW to a function given by its corners; returns how many there are."""
    if n == 0:
        return 0
    for k in range(1, points.size - 1):
        n = _add_corner(x, y, n, points[k])
    k = 0
    for j in range(n):
        while k < points.size - 2 and x[j] > points[k + 1]:
            k += 1
        width = points[k + 1] - points[k] if points.size > 1 else 0.0
        share = (x[j] - points[k]) / width if width > 0.0 else 0.0
        rise = costs[k + 1] - costs[k] if points.size > 1 else 0.0
        y[j] += costs[k] + share * rise + slope * x[j]
    return _simplify(x, y, n)


@inner
def _least(y, n):
    best = _INF
    for j in range(n):
        best = min(best, y[j])
    return best


@inner
def _hour_alone(points, costs, slope, high, base):
    """Least of cost(p) + slope p + base over p_min ≤ p ≤ high; infinite where high is below. points, costs [point]"""
    if high < points[0] - _SAME:
        return _INF
    best = costs[0] + slope * points[0]
    for k in range(1, points.size):
        if points[k] <= high:
            best = min(best, costs[k] + slope * points[k])
        else:
            share = (high - points[k - 1]) / (points[k] - points[k - 1])
            at_high = costs[k - 1] + share * (costs[k] - costs[k - 1])
            best = min(best, at_high + slope * high)
            break
    return best + base


@inner
def _free_intervals(unit, points, costs, price, reserve, may_on, cost):
    """`interval_costs` of a unit that no ramp holds: every hour is alone, the first and last with own limits."""
    hours = price.size
    p_max, start_max, stop_max, stop_cap = unit[P_MAX], unit[START_MAX], unit[STOP_MAX], unit[STOP_CAP]
    up_min = int(unit[UP_MIN])
    for h in range(-1, hours):
        total = 0.0
        if h == -1 and unit[ON_BEFORE] == 0.0:
            continue
        for e in range(max(h, 0), hours):
            if not may_on[e]:
                break
            mu, slope = reserve[e], reserve[e] - price[e]
            first = e == h
            age = e - h + 1 if h >= 0 else e + 1 + int(unit[HOURS_BEFORE])
            high = start_max if first else p_max
            if e == hours - 1:
                cost[h + 1, e + 1] = total + _hour_alone(points, costs, slope, high, -mu * high)
            elif age >= up_min:
                top, cap = min(high, stop_max), min(high, stop_cap)
                cost[h + 1, e + 1] = total + _hour_alone(points, costs, slope, top, -mu * cap)
            total += _hour_alone(points, costs, slope, high, -mu * high)


@inner
def _ramped_intervals(unit, points, costs, price, reserve, may_on, x, y, zx, zy, cost):
    """`interval_costs` of a unit with ramps; x, y, zx, zy [corner] are room to work in."""
    hours = price.size
    p_min, p_max = unit[P_MIN], unit[P_MAX]
    up, down = unit[RAMP_UP], unit[RAMP_DOWN]
    start_max, stop_max, stop_cap = unit[START_MAX], unit[STOP_MAX], unit[STOP_CAP]
    up_min = int(unit[UP_MIN])
    for h in range(-1, hours):
        n = 0
        if h == -1:
            if unit[ON_BEFORE] == 0.0:
                continue
            x[0], y[0], n = unit[P_BEFORE], 0.0, 1
        for e in range(max(h, 0), hours):
            if not may_on[e]:
                break
            mu, slope = reserve[e], reserve[e] - price[e]
            age = e - h + 1 if h >= 0 else e + 1 + int(unit[HOURS_BEFORE])
            closes = e < hours - 1 and age >= up_min
            if e == h:
                if closes:
                    top, cap = min(start_max, stop_max), min(start_max, stop_cap)
                    cost[h + 1, e + 1] = _hour_alone(points, costs, slope, top, -mu * cap)
                x[0], x[1] = p_min, max(start_max, p_min)
                y[0] = y[1] = -mu * start_max
                n = _add_curve(x, y, 2 if start_max > p_min + _SAME else 1, points, costs, slope)
            else:
                if closes:
                    m = _step(x, y, n, zx, zy, mu, stop_cap, up, down, p_min, stop_max, points, costs, slope)
                    cost[h + 1, e + 1] = _least(zy, m)
                n = _step(x, y, n, zx, zy, mu, p_max, up, down, p_min, p_max, points, costs, slope)
                for j in range(n):
                    x[j] = zx[j]
                    y[j] = zy[j]
            if n == 0:
                break
            if e == hours - 1:
                cost[h + 1, e + 1] = _least(y, n)


@inner
def interval_costs(unit, points, costs, price, reserve, may_on, x, y, zx, zy, cost):
    """Cost of every on-interval; writes cost [h + 1, e + 1]: on from hour h to hour e, then off.

    h = −1  on since before the first hour; e = −1 then: off from the first hour on
    e = last hour  whatever comes after
    """
    cost[:] = _INF
    if unit[ON_BEFORE] != 0.0 and unit[HOURS_BEFORE] >= unit[UP_MIN] and unit[P_BEFORE] <= unit[STOP_MAX] + _SAME:
        cost[0, 0] = 0.0
    span = unit[P_MAX] - unit[P_MIN]
    if unit[RAMP_UP] >= span - _SAME and unit[RAMP_DOWN] >= span - _SAME:
        before = unit[P_BEFORE]
        inside = before >= unit[P_MIN] - _SAME and before <= unit[P_MAX] + _SAME
        if unit[ON_BEFORE] == 0.0 or inside:
            _free_intervals(unit, points, costs, price, reserve, may_on, cost)
            return
    _ramped_intervals(unit, points, costs, price, reserve, may_on, x, y, zx, zy, cost)
