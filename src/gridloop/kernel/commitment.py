"""One generating unit against hourly prices: its cheapest schedule, and what every other choice would cost, exactly.

On from hour h to hour e the unit has convex costs and ramps, so that the least cost up to hour t as a function of the
output at t is convex and piecewise linear. It is carried forward by its corners:

    F_h,t(p) = cost(p) − λ_t p − reserve + min { F_h,t−1(q) : p − ramp_up ≤ q ≤ p + ramp_down }

The minimum over an interval moves the falling corners left by ramp_down and the rising ones right by ramp_up. Reserve
at price μ_t > 0 is worth giving to its limit, min(cap, q + ramp_up) − p, which is a part in q and a part in p; both
keep F convex. The costs of all on-intervals are then arcs of a path through the hours (on-interval, off-interval, …),
whose shortest length forwards and backwards gives the best schedule and the least cost through every arc. Method:
Frangioni and Gentile, "Solving nonlinear single-unit commitment problems with ramping constraints", Operations
Research 54 (2006).
"""

from __future__ import annotations

import numpy as np

from gridloop.kernel.compiled import inner, outer

# Corners that an hour adds to a cost-to-come beside those of the cost curve: limits, the price of reserve, the shift.
_MORE = 6
_INF = np.inf
# Corners closer than this, MW, are one: outputs are given to a watt at best.
_SAME = 1e-9

# Columns of the table of units.
P_MIN, P_MAX, RAMP_UP, RAMP_DOWN = 0, 1, 2, 3
START_MAX, STOP_MAX, STOP_CAP = (
    4,
    5,
    6,
)  # most in the first hour, most output in the last, most with reserve in the last
UP_MIN, DOWN_MIN = 7, 8
ON_BEFORE, HOURS_BEFORE, P_BEFORE = 9, 10, 11
COLUMNS = 12


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
    """`_interval_costs` of a unit that no ramp holds: every hour is alone, the first and last with own limits."""
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
    """`_interval_costs` of a unit with ramps; x, y, zx, zy [corner] are room to work in."""
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
def _interval_costs(unit, points, costs, price, reserve, may_on, x, y, zx, zy, cost):
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


@inner
def _start_cost(g, b, off, ways):
    """Cost of a start in hour b after `off` hours off, all within the horizon."""
    _, anyway, by_off, counts_from = ways
    cost = anyway[g, b]
    if b >= counts_from[g, off]:
        cost = min(cost, by_off[g, off])
    return cost


@inner
def _paths(g, unit, cost, ways, may_off, come, gone, left, stay, last_on, last_off):
    """Shortest paths through on- and off-intervals, forwards and backwards; returns the least cost.

    cost   [hour + 1, hour + 1]  of on-intervals, as `_interval_costs` writes it
    ways   first, anyway, by_off, counts_from, as `solve_units` has them
    come   [hour]  least cost up to a start in this hour, with the start
    left   [hour + 1]  least cost up to off from hour a on, a = e + 1
    stay   [hour]  least cost from a start in this hour on, without the start
    gone   [hour + 1]  least cost from off in hour a on
    last_on [hour + 1]  start of the on-interval before a, −1: on before; last_off [hour]  begin of the off-interval
    before a start, −1: off before
    """
    hours = come.size
    first = ways[0]
    down = int(unit[DOWN_MIN])
    was_off = unit[ON_BEFORE] == 0.0
    ready = down - int(unit[HOURS_BEFORE]) if was_off else 0
    come[:] = _INF
    left[:] = _INF
    last_on[:] = -2
    last_off[:] = -2
    best = _INF
    # off from the beginning: how far that may last
    free = True
    for b in range(hours):
        if was_off and free and b >= ready:
            come[b] = first[g, b]
            last_off[b] = -1
        # a ≤ b − down: the off-interval a … b − 1
        allowed = True
        for a in range(b - 1, -1, -1):
            if not may_off[a]:
                allowed = False
            if not allowed:
                break
            if b - a >= down and left[a] < _INF:
                path = left[a] + _start_cost(g, b, b - a, ways)
                if path < come[b]:
                    come[b] = path
                    last_off[b] = a
        # intervals that end in hour e = b − 1 were closed before; now those that end in b
        if b == 0:
            left[0] = cost[0, 0]
            last_on[0] = -1
            # a start in the first hour after being off before has been taken; a stop in it may start again later
        for h in range(-1, b + 1):
            if cost[h + 1, b + 1] < _INF:
                base = 0.0 if h == -1 else come[h]
                path = base + cost[h + 1, b + 1]
                if b < hours - 1:
                    if path < left[b + 1]:
                        left[b + 1] = path
                        last_on[b + 1] = h
                elif path < best:
                    best = path
                    last_on[hours] = h
        free = free and may_off[b]
    # off to the end
    gone[hours] = _INF
    ending = -2
    allowed = True
    for a in range(hours - 1, -1, -1):
        allowed = allowed and may_off[a]
        if allowed and left[a] < best:
            best = left[a]
            ending = a
    if was_off and free and best > 0.0:
        best = 0.0
        ending = -1
    last_off_end = ending
    # backwards
    for a in range(hours - 1, -1, -1):
        # on-intervals that start in hour a
        stay[a] = cost[a + 1, hours]
        for e in range(a, hours - 1):
            if cost[a + 1, e + 1] < _INF and gone[e + 1] < _INF:
                stay[a] = min(stay[a], cost[a + 1, e + 1] + gone[e + 1])
        # off from hour a on
        gone[a] = _INF
        allowed = True
        for b in range(a + 1, hours + 1):
            if not may_off[b - 1]:
                allowed = False
                break
            if b < hours and b - a >= down and stay[b] < _INF:
                path = stay[b] + _start_cost(g, b, b - a, ways)
                gone[a] = min(gone[a], path)
        if allowed:
            gone[a] = min(gone[a], 0.0)
    return best, last_off_end


@inner
def _through(g, unit, cost, ways, may_off, come, gone, left, stay, on, off, start, stop):
    """Least cost with this unit on, off, started or stopped in every hour; writes on … stop [unit, hour]."""
    hours = come.size
    first = ways[0]
    down = int(unit[DOWN_MIN])
    was_off = unit[ON_BEFORE] == 0.0
    on[g, :] = _INF
    off[g, :] = _INF
    for h in range(-1, hours):
        base = 0.0 if h == -1 else come[h]
        if base == _INF:
            continue
        least = _INF
        for e in range(hours - 1, max(h, 0) - 1, -1):
            after = 0.0 if e == hours - 1 else gone[e + 1]
            least = min(least, base + cost[h + 1, e + 1] + after)
            on[g, e] = min(on[g, e], least)
    for a in range(-1, hours):
        if a == -1 and not was_off:
            continue
        base = 0.0 if a == -1 else left[a]
        if base == _INF:
            continue
        ready = down - int(unit[HOURS_BEFORE]) if a == -1 else a + down
        end = max(a, 0)
        while end < hours and may_off[end]:
            end += 1
        least = base if end == hours else _INF
        for t in range(min(end, hours - 1), max(a, 0) - 1, -1):
            # off-intervals that reach hour t: those that end with a start in b > t
            b = t + 1
            if b < hours and b <= end and b >= ready:
                begin = first[g, b] if a == -1 else _start_cost(g, b, b - a, ways)
                least = min(least, base + begin + stay[b])
            if t < end:
                off[g, t] = min(off[g, t], least)
    for t in range(hours):
        start[g, t] = come[t] + stay[t]
        stop[g, t] = left[t] + gone[t]


@outer
def solve_units(
    unit, points, costs, point_of, price, reserve, weight, hour_cost, start_more, stop_more,
    first, anyway, by_off, counts_from, may_on, may_off, best, on, off, start, stop, u,
):  # fmt: skip
    """Cheapest schedule of every unit against prices, and the least cost of every other choice.

    unit         [unit, COLUMNS]  limits, hours and the state before the first hour; hours in whole numbers
    points       [point]  outputs of the cost curves in MW, one after another; costs [point] what an hour costs there
    point_of     [unit + 1]  where the curve of a unit begins
    price        [hour, scenario]  paid per MW of output; reserve [hour, scenario] per MW of reserve, 0 or more
    weight       [scenario]  of what output costs; on and off are the same in all scenarios
    hour_cost    [unit, hour]  of being on; start_more, stop_more [unit, hour] of a start or stop, beside the rest
    first        [unit, hour]  cost of a start in this hour for a unit that was off all the time before
    anyway       [unit, hour]  most that any other start in this hour costs
    by_off       [unit, hour + 1]  cost of a start after so many hours off
    counts_from  [unit, hour + 1]  the first hour in which `by_off` counts
    may_on, may_off  [unit, hour]  what is allowed
    Written: best [unit] least cost minus what output and reserve are paid; on, off, start, stop [unit, hour] the same
    where this unit has to be on, off, started, stopped in this hour, infinite where it cannot; u [unit, hour] whether
    it is on in its best schedule. A start is the first hour on, a stop the first hour off.
    """
    hours, scenarios = price.shape
    cost, part = np.empty((hours + 1, hours + 1)), np.empty((hours + 1, hours + 1))
    come, stay = np.empty(hours), np.empty(hours)
    left, gone = np.empty(hours + 1), np.empty(hours + 1)
    last_on, last_off = np.empty(hours + 1, np.int64), np.empty(hours, np.int64)
    most = (hours + 1) * (np.max(np.diff(point_of)) + _MORE)
    x, y, zx, zy = np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    for g in range(unit.shape[0]):
        mine = points[point_of[g] : point_of[g + 1]]
        cost[:] = 0.0
        for s in range(scenarios):
            curve = costs[point_of[g] : point_of[g + 1]] * weight[s]
            paid, held = price[:, s].copy(), reserve[:, s].copy()
            _interval_costs(unit[g], mine, curve, paid, held, may_on[g], x, y, zx, zy, part)
            cost += part
        _add_costs(hour_cost[g], start_more[g], stop_more[g], cost)
        ways = (first, anyway, by_off, counts_from)
        best[g], ending = _paths(g, unit[g], cost, ways, may_off[g], come, gone, left, stay, last_on, last_off)
        _through(g, unit[g], cost, ways, may_off[g], come, gone, left, stay, on, off, start, stop)
        u[g, :] = False
        if best[g] == _INF:
            continue
        a = hours if ending == -2 else ending
        while a >= 0:
            h = last_on[a]
            for t in range(max(h, 0), a):
                u[g, t] = True
            if h == -1:
                break
            a = last_off[h]


@inner
def _add_costs(hour_cost, start_more, stop_more, cost):
    """Add what the hours [hour], the start and the stop of every on-interval cost to cost [hour + 1, hour + 1]."""
    hours = hour_cost.size
    if cost[0, 0] < _INF:
        cost[0, 0] += stop_more[0]
    for h in range(-1, hours):
        total = 0.0 if h == -1 else start_more[h]
        for e in range(max(h, 0), hours):
            total += hour_cost[e]
            cost[h + 1, e + 1] += total + (stop_more[e + 1] if e < hours - 1 else 0.0)
