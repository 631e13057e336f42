"""What energy left in a store costs, as a line with any bends: the half of `storage` that is not convex.

Where energy is worth less than nothing, a store that could run both ways at once would burn it: taking in at in_price
and giving out at out_price > in_price. It cannot, and its least cost to come, V, is then no convex function. It is
still made of straight pieces, kept here as points (stored energy, cost). One interval back,

    U(y) = min over x of  V(y + x) + in_price · x    for 0 ≤ x ≤ most_in
                          V(y + x) + out_price · x   for −most_out ≤ x ≤ 0

V(y + x) + price · x is straight between the bends of V, so the best x is 0, all that is possible up or down, or such
that y + x is a bend. As y moves, the pieces in play change only where y, y + most_in or y − most_out meets a bend.
Between two such meetings U is the least of at most five straight lines: exact, with no grid of states.
"""

from __future__ import annotations

import numpy as np

from gridloop.kernel.compiled import inner

# Energies closer than this share of the range are one: rounding of sums of a few thousand terms.
SAME = 1e-12


@inner
def points_of(worth, length, n, left, pos, cost):
    """Points of a list of slopes (`storage_slopes`); returns how many. pos, cost [n + 1]; the first costs 0."""
    pos[0], cost[0] = left, 0.0
    for k in range(n):
        pos[k + 1] = pos[k] + length[k]
        cost[k + 1] = cost[k] - worth[k] * length[k]
    return n + 1


@inner
def slopes_of(pos, cost, n, worth, length):
    """The same back, for points that are convex; returns how many segments."""
    for k in range(n - 1):
        length[k] = pos[k + 1] - pos[k]
        worth[k] = (cost[k] - cost[k + 1]) / length[k]
        if k and worth[k] > worth[k - 1]:  # rounding of a short segment
            worth[k] = worth[k - 1]
    return n - 1


@inner
def is_convex(pos, cost, n):
    """True where no point lies above the line between its neighbours."""
    for k in range(1, n - 1):
        share = (pos[k] - pos[k - 1]) / (pos[k + 1] - pos[k - 1])
        if cost[k] > cost[k - 1] + share * (cost[k + 1] - cost[k - 1]):
            return False
    return True


@inner
def without_straight(pos, cost, n, tiny, slack):
    """Leave out points within `slack` money of the line between their neighbours, or `tiny` MWh after another.

    Returns how many are left.
    """
    m = min(n, 1)
    for k in range(1, n):
        if pos[k] - pos[m - 1] <= tiny:
            continue
        if m > 1:
            share = (pos[m - 1] - pos[m - 2]) / (pos[k] - pos[m - 2])
            between = cost[m - 2] + share * (cost[k] - cost[m - 2])
            if abs(cost[m - 1] - between) <= slack:
                m -= 1
        pos[m], cost[m] = pos[k], cost[k]
        m += 1
    return m


@inner
def add_band_points(pos, cost, n, least, most, money):
    """Add what a MWh outside the band costs. Room for two more points; returns how many there are."""
    for at in (least, most):
        k = 0
        while k < n and pos[k] < at:
            k += 1
        if 0 < k < n and pos[k] > at:
            share = (at - pos[k - 1]) / (pos[k] - pos[k - 1])
            between = cost[k - 1] + share * (cost[k] - cost[k - 1])
            for m in range(n, k, -1):
                pos[m], cost[m] = pos[m - 1], cost[m - 1]
            pos[k], cost[k] = at, between
            n += 1
    for k in range(n):
        cost[k] += money * max(least - pos[k], pos[k] - most, 0.0)
    return n


@inner
def one_back_points(pos, cost, n, in_price, out_price, most_in, most_out, low, high, tiny, slack, new_pos, new_cost):
    """Points of U within low … high; returns how many.

    pos, cost  [n]  points of V, pos rising
    tiny       MWh that count as none; slack [money] the same for costs
    new_pos, new_cost  written; room for 18 n + 16 of them
    """
    value, slope = np.empty(5), np.empty(5)
    y, end = max(pos[0] - most_in, low), min(pos[n - 1] + most_out, high)
    # the last bends at or below y, y + most_in and y − most_out; −1 where there is none
    at, above, below = -1, -1, -1
    m = 0
    while True:
        while at + 1 < n and pos[at + 1] <= y + tiny:
            at += 1
        while above + 1 < n and pos[above + 1] - most_in <= y + tiny:
            above += 1
        while below + 1 < n and pos[below + 1] + most_out <= y + tiny:
            below += 1
        upto = end
        if at + 1 < n:
            upto = min(upto, pos[at + 1])
        if above + 1 < n:
            upto = min(upto, pos[above + 1] - most_in)
        if below + 1 < n:
            upto = min(upto, pos[below + 1] + most_out)
        lines = _lines(
            pos, cost, n, in_price, out_price, most_in, most_out, y, (at, above, below),
            tiny if upto <= y + tiny else -1.0, value, slope,
        )  # fmt: skip
        m = _least_line(value, slope, lines, y, upto, tiny, slack, new_pos, new_cost, m)
        if upto >= end - tiny:
            break
        y = upto
    return m


@inner
def _lines(pos, cost, n, in_price, out_price, most_in, most_out, y, bends, alone, value, slope):
    """The lines that U is the least of, right of y: value there and slope; returns how many.

    bends       the last bends at or below y, y + most_in and y − most_out
    alone       0 or more where U is this one point: then the last bend of all counts too, if it is that near
    """
    at, above, below = bends
    lines = 0
    for bend, x, price in ((at, 0.0, 0.0), (above, most_in, in_price), (below, -most_out, out_price)):
        if bend >= 0 and (bend < n - 1 or abs(y + x - pos[bend]) <= alone):
            slope[lines] = 0.0
            if bend < n - 1:
                slope[lines] = (cost[bend + 1] - cost[bend]) / (pos[bend + 1] - pos[bend])
            value[lines] = cost[bend] + slope[lines] * (y + x - pos[bend]) + price * x
            lines += 1
    # up to a bend above y, down to one below
    best = np.inf
    for k in range(at + 1, above + 1):
        best = min(best, cost[k] + in_price * pos[k])
    if best < np.inf:
        value[lines], slope[lines] = best - in_price * y, -in_price
        lines += 1
    best = np.inf
    for k in range(max(below + 1, 0), at + 1):
        best = min(best, cost[k] + out_price * pos[k])
    if best < np.inf:
        value[lines], slope[lines] = best - out_price * y, -out_price
        lines += 1
    return lines


@inner
def _least_line(value, slope, lines, y, upto, tiny, slack, new_pos, new_cost, m):
    """Points of the least of some lines from y to upto, both with their ends; returns how many points there are."""
    now = 0
    for k in range(1, lines):
        if value[k] < value[now] - slack or (value[k] <= value[now] + slack and slope[k] < slope[now]):
            now = k
    x = y
    new_pos[m], new_cost[m] = x, value[now]
    for k in range(lines):
        new_cost[m] = min(new_cost[m], value[k])
    m += 1
    while upto > x + tiny:
        cross, other = upto, -1
        for k in range(lines):
            if slope[k] < slope[now]:
                meet = y + (value[k] - value[now]) / (slope[now] - slope[k])
                if meet < cross or (meet == cross and other >= 0 and slope[k] < slope[other]):
                    cross, other = meet, k
        if other < 0:
            break
        now = other
        if cross > x + tiny:
            x = cross
            new_pos[m], new_cost[m] = x, value[now] + slope[now] * (x - y)
            m += 1
    new_pos[m], new_cost[m] = upto, value[now] + slope[now] * (upto - y)
    return m + 1


@inner
def best_level(pos, cost, n, y, in_price, out_price, most_in, most_out, slack):
    """The energy to have after an interval that begins with y; y itself unless more than `slack` is gained."""
    best, level = np.inf, y
    if pos[0] <= y <= pos[n - 1]:
        best = _at(pos, cost, n, y)
    for x, price in ((most_in, in_price), (-most_out, out_price)):
        e = y + x
        if pos[0] <= e <= pos[n - 1]:
            money = _at(pos, cost, n, e) + price * x
            if money < best - slack:
                best, level = money, e
    for k in range(n):
        x = pos[k] - y
        if -most_out <= x <= most_in:
            money = cost[k] + (in_price if x > 0.0 else out_price) * x
            if money < best - slack:
                best, level = money, pos[k]
    return level


@inner
def _at(pos, cost, n, y):
    """Cost at an energy between the first point and the last."""
    k = 1
    while k < n - 1 and pos[k] < y:
        k += 1
    if n == 1:
        return cost[0]
    return cost[k - 1] + (cost[k] - cost[k - 1]) * ((y - pos[k - 1]) / (pos[k] - pos[k - 1]))
