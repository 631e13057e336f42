"""One generating unit against hourly prices: its cheapest schedule, and what every other choice would cost, exactly.

The costs of all on-intervals (`on_intervals`) are arcs of a path through the hours: on-interval, off-interval, …, with
least times and start costs on the off-intervals. Its shortest lengths forwards and backwards give the best schedule,
and the least cost through every arc: what it would cost at least to have the unit on, off, started or stopped then.
"""

from __future__ import annotations

import numpy as np

from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.on_intervals import MORE_CORNERS, interval_costs
from gridloop.kernel.unit_columns import DOWN_MIN, HOURS_BEFORE, ON_BEFORE

_INF = np.inf


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

    cost   [hour + 1, hour + 1]  of on-intervals, as `interval_costs` writes it
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
    for t in range(hours):
        on[g, t] = off[g, t] = _INF
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
    longest = 0
    for g in range(unit.shape[0]):
        longest = max(longest, point_of[g + 1] - point_of[g])
    most = (hours + 1) * (longest + MORE_CORNERS)
    x, y, zx, zy = np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    paid, held, weighed = np.empty(hours), np.empty(hours), np.empty(longest)
    for g in range(unit.shape[0]):
        mine, curve = points[point_of[g] : point_of[g + 1]], weighed[: point_of[g + 1] - point_of[g]]
        for s in range(scenarios):
            for k in range(curve.size):
                curve[k] = costs[point_of[g] + k] * weight[s]
            for t in range(hours):
                paid[t], held[t] = price[t, s], reserve[t, s]
            interval_costs(unit[g], mine, curve, paid, held, may_on[g], x, y, zx, zy, part)
            for h in range(hours + 1):
                for e in range(hours + 1):
                    cost[h, e] = part[h, e] if s == 0 else cost[h, e] + part[h, e]
        _add_costs(hour_cost[g], start_more[g], stop_more[g], cost)
        ways = (first, anyway, by_off, counts_from)
        best[g], ending = _paths(g, unit[g], cost, ways, may_off[g], come, gone, left, stay, last_on, last_off)
        _through(g, unit[g], cost, ways, may_off[g], come, gone, left, stay, on, off, start, stop)
        for t in range(hours):
            u[g, t] = False
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
