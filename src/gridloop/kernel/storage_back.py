"""Backwards through the intervals of a store: its least cost to come, by slopes while convex, else by points."""

from __future__ import annotations

import numpy as np

from gridloop.kernel.compiled import inner
from gridloop.kernel.storage_pieces import (
    add_band_points,
    is_convex,
    one_back_points,
    points_of,
    slopes_of,
    without_straight,
)
from gridloop.kernel.storage_slopes import add_band, one_back, stretch, trim


@inner
def backwards(end_value, moves, band, hours, kept, low, high, tiny, slack, up_to, down_to, begin, count):
    """What the intervals have to know of what comes after them.

    moves  in_price, out_price [money per MWh stored], most_in, most_out [MWh stored], each [step]
    band   least and most energy [MWh], money per MWh and hour outside them
    hours, kept, low, high  [step]  lengths, share of the energy kept, bounds of the energy at the end [MWh]
    tiny   MWh that count as none; slack [money] the same for costs
    Written: up_to, down_to [step] the energies up to which a store charges and down to which it discharges; where the
    cost is not convex, begin and count [step] instead, else −1: its place among the points that are returned, energies
    [MWh] and the least cost from there on [money].
    """
    steps = hours.size
    in_price, out_price, most_in, most_out = moves
    least, most, band_price = band
    # two segments more per step, and two for the cuts at the band
    worth, length = np.empty(4 * steps + 4), np.empty(4 * steps + 4)
    all_pos, all_cost = np.empty(64), np.empty(64)
    pos, cost = np.empty(64), np.empty(64)
    new_pos, new_cost = np.empty(64), np.empty(64)
    n, left, used, convex = 0, low[steps - 1], 0, True
    if high[steps - 1] > left:
        worth[0], length[0], n = end_value, high[steps - 1] - left, 1
    for t in range(steps - 1, -1, -1):
        outside = low[t] < least or high[t] > most
        # above, it would pay to run both ways at once
        if convex and not (out_price[t] > in_price[t] and most_in[t] > 0.0 and most_out[t] > 0.0):
            if outside:
                n = add_band(worth, length, n, left, least, most, band_price * hours[t])
            n, left, up_to[t], down_to[t] = one_back(
                worth, length, n, left, in_price[t] if most_in[t] > 0.0 else np.inf,
                out_price[t] if most_out[t] > 0.0 else -np.inf, most_in[t], most_out[t],
            )  # fmt: skip
            begin[t] = -1
            if kept[t] != 1.0:
                stretch(worth, length, n, kept[t])
                left /= kept[t]
            if t > 0:
                n, left = trim(worth, length, n, left, low[t - 1], high[t - 1])
            continue
        if convex:
            if pos.size < n + 3:
                pos, cost = np.empty(2 * n + 6), np.empty(2 * n + 6)
            # A cut at the band may leave a segment without length, on which no slope can be told.
            n = without_straight(pos, cost, points_of(worth, length, n, left, pos, cost), tiny, slack)
            convex = False
        if outside:
            n = add_band_points(pos, cost, n, least, most, band_price * hours[t])
        while all_pos.size < used + n:
            all_pos, all_cost = _twice(all_pos), _twice(all_cost)
        for k in range(n):
            all_pos[used + k], all_cost[used + k] = pos[k], cost[k]
        begin[t], count[t] = used, n
        used += n
        if t == 0:
            break
        if new_pos.size < 18 * n + 16:
            new_pos, new_cost = np.empty(36 * n + 32), np.empty(36 * n + 32)
        n = one_back_points(
            pos, cost, n, in_price[t], out_price[t], most_in[t], most_out[t], kept[t] * low[t - 1],
            kept[t] * high[t - 1], tiny, slack, new_pos, new_cost,
        )  # fmt: skip
        n = without_straight(new_pos, new_cost, n, tiny, slack)
        zero = new_cost[0]  # only differences count, and small numbers keep their digits
        for k in range(n):
            new_pos[k] = min(max(new_pos[k] / kept[t], low[t - 1]), high[t - 1])
            new_cost[k] -= zero
        pos, new_pos = new_pos, pos
        cost, new_cost = new_cost, cost
        if is_convex(pos, cost, n):
            while worth.size < n + 4 * t + 4:
                worth, length = _twice(worth), _twice(length)
            left = pos[0]
            n = slopes_of(pos, cost, n, worth, length)
            convex = True
    return all_pos, all_cost


@inner
def _twice(values):
    """The same values with as much room behind them again."""
    wider = np.empty(2 * values.size)
    for k in range(values.size):  # a slice set to another takes numba seconds to compile
        wider[k] = values[k]
    return wider
