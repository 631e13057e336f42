"""The cheapest sequence of a station's machines: backwards over states of all machines and levels of pressure.

A state says of every machine whether it is on or off, and for how long as far as least times ask. The best change of
all machines between two intervals is found one machine after the other, for what starts cost adds up:

    before_t(s, i) = least over s' that may follow s of [ starts(s, s') + during_t(s', i) ]
    during_t(s, i) = least over j of [ stage_t(on(s), i, j) + before_{t+1}(s, j) ]

i and j are levels at the begin and the end of the interval. With one level this is a search over machines alone.
"""

from __future__ import annotations

import numpy as np

from gridloop.kernel.compiled import inner, outer


@inner
def _change(value, after, is_on, count, stride, start_money, levels, scratch):
    """Turn during_t into before_t, in place: one machine after the other.

    value, scratch  [state, level]; after [machine, own state, 2]; is_on [machine, own state]; count, stride [machine]
    start_money     [machine]
    """
    states = value.shape[0]
    for k in range(count.size):
        for s in range(states):
            own = (s // stride[k]) % count[k]
            base = s - own * stride[k]
            for i in range(levels):
                scratch[s, i] = np.inf
            for b in range(2):
                to = after[k, own, b]
                if to < 0:
                    continue
                money = start_money[k] if b == 1 and not is_on[k, own] else 0.0
                there = base + to * stride[k]
                for i in range(levels):
                    found = value[there, i] + money
                    if found < scratch[s, i]:
                        scratch[s, i] = found
        for s in range(states):
            for i in range(levels):
                value[s, i] = scratch[s, i]


@inner
def _interval(value, stage, pattern, levels, scratch):
    """Turn before_{t+1} into during_t, in place. stage [pattern, level, level]; pattern [state]"""
    for s in range(value.shape[0]):
        mine = pattern[s]
        for i in range(levels):
            best = np.inf
            for j in range(levels):
                found = stage[mine, i, j] + value[s, j]
                if found < best:
                    best = found
            scratch[s, i] = best
        for i in range(levels):
            value[s, i] = scratch[s, i]


@outer
def backwards(stage, start_money, after, is_on, count, stride, pattern, first, last, value, kept, keep):
    """Values before intervals last − 1 … first.

    stage        [step, pattern, level, level]  money of an interval; infinite where it cannot be
    start_money  [step, machine]
    after        [machine, own state, 2]  what follows where it is then off or on; −1: it may not
    is_on        [machine, own state]; count, stride [machine]  own states and their place in a state of all
    pattern      [state]  which machines run, bit k for machine k
    value        [state, level]  before interval `last`; written: before interval `first`
    kept         [step, state, level]  written where keep: before interval first + 1 … last, in this order
    """
    levels = value.shape[1]
    scratch = np.empty_like(value)
    for t in range(last - 1, first - 1, -1):
        if keep:
            kept[t - first] = value
        _interval(value, stage[t], pattern, levels, scratch)
        _change(value, after, is_on, count, stride, start_money[t], levels, scratch)


@outer
def forwards(stage, start_money, after, is_on, count, stride, pattern, first, last, kept, state, level, chosen, levels):
    """The best decisions of intervals first … last − 1 from a state and a level, with the values kept on the way back.

    chosen  [step, machine]  written: on; levels [step] written: level at the end
    Returns the state and the level after them. Where two are as good, fewer machines are on, the first of the table.
    """
    machines = count.size
    for t in range(first, last):
        best, best_state, best_level = np.inf, -1, -1
        for mask in range(1 << machines):
            money, to, allowed = 0.0, 0, True
            for k in range(machines):
                own = (state // stride[k]) % count[k]
                b = (mask >> k) & 1
                follows = after[k, own, b]
                if follows < 0:
                    allowed = False
                    break
                if b == 1 and not is_on[k, own]:
                    money += start_money[t, k]
                to += follows * stride[k]
            if not allowed:
                continue
            for j in range(kept.shape[2]):
                found = money + stage[t, pattern[to], level, j] + kept[t - first, to, j]
                if found < best:
                    best, best_state, best_level = found, to, j
        if best_state < 0:
            return -1, -1
        state, level = best_state, best_level
        for k in range(machines):
            chosen[t, k] = (pattern[state] >> k) & 1 == 1
        levels[t] = level
    return state, level


@inner
def _cost_of(air, reserve, flow, money, points):
    """Least money of so much air from a set of machines: their pieces, the cheapest first.

    Infinite where less than the reserve would be left.
    """
    if air < -1e-9 or air + reserve > flow[points - 1] + 1e-9:
        return np.inf
    air = max(air, 0.0)
    for m in range(1, points):
        if air <= flow[m] + 1e-9:
            width = flow[m] - flow[m - 1]
            part = min((air - flow[m - 1]) / width, 1.0) if width > 0.0 else 0.0
            return money[m - 1] + part * (money[m] - money[m - 1])
    return np.inf


@outer
def stage_costs(
    demand, reserve, flow, money, points, price, grow, store, leak_per_bar, level, low, leak_constant, first, stage
):
    """Money of every interval for every set of machines, between levels of pressure.

    demand, reserve  [step] m³/min
    flow, money  [pattern, point]  air of a set from nothing to all, and kW less idle; points [pattern]
    price      [step] money per kW of an interval; grow [step] kW per bar above low; store [step] m³/min per bar
    level      [level] bar; leaks: leak_constant + leak_per_bar · mean pressure, m³/min
    first      pressure at the begin of the first interval, in the place of every level there
    stage      [step, pattern, level, level]  holds what the set costs at no air; written
    """
    for t in range(demand.size):
        for i in range(level.size):
            begin = first if t == 0 else level[i]
            for j in range(level.size):
                mean = 0.5 * (begin + level[j])
                air = demand[t] + leak_constant + leak_per_bar * mean + store[t] * (level[j] - begin)
                for s in range(flow.shape[0]):
                    kw = _cost_of(air, reserve[t], flow[s], money[s], points[s])
                    if kw == np.inf:  # at whatever price, zero and below
                        stage[t, s, i, j] = np.inf
                    else:
                        stage[t, s, i, j] += price[t] * (kw + grow[t] * (mean - low))


@outer
def loose_costs(
    demand, reserve, flow, money, points, price, grow, of_begin, of_end, low, high, least_end, leak_constant, first,
    worth, stage, begins, ends,
):  # fmt: skip
    """Least money of every interval for every set of machines where pressures are free, and air in store has a price.

    Arguments as of `stage_costs`; of_begin, of_end [step]  air that each bar at begin and end asks; high: end of the
    band, least_end: least pressure after the last interval; worth [step + 1] money per bar at the begin of each
    interval and after the last: an interval pays it for what it takes over, and is paid it for what it leaves.
    stage [step, pattern]  holds what the set costs at no air; written; begins, ends [step, pattern] pressures, written

    Linear in both pressures between the bends of the cost of air: the least is at a corner of the box of pressures, or
    where a bend (or the most air) meets its edge.
    """
    steps = demand.size
    for t in range(steps):
        b_low, b_high = (first, first) if t == 0 else (low, high)
        e_low, e_high = (least_end, high) if t == steps - 1 else (low, high)
        for s in range(flow.shape[0]):
            best, at_begin, at_end = np.inf, b_low, e_low
            for m in range(-1, points[s] + 1):  # corners, bends, and the most with the reserve left
                for edge in range(4):
                    begin = b_low if edge == 0 or edge == 2 else b_high
                    end = e_low if edge == 0 or edge == 3 else e_high
                    if m >= 0:
                        bend = flow[s, m] if m < points[s] else flow[s, points[s] - 1] - reserve[t]
                        rest = bend - demand[t] - leak_constant
                        if edge < 2:
                            begin = b_low if edge == 0 else b_high
                            end = (rest - of_begin[t] * begin) / of_end[t]
                            if not e_low <= end <= e_high:
                                continue
                        else:
                            end = e_low if edge == 2 else e_high
                            begin = (rest - of_end[t] * end) / of_begin[t] if of_begin[t] != 0.0 else np.inf
                            if not b_low <= begin <= b_high:
                                continue
                    air = demand[t] + leak_constant + of_begin[t] * begin + of_end[t] * end
                    kw = _cost_of(air, reserve[t], flow[s], money[s], points[s])
                    if kw == np.inf:
                        continue
                    if price[t] < 0.0:  # least power is no bound where power earns: take the most
                        kw = money[s, points[s] - 1] + grow[t] * (high - low)
                    else:
                        kw += grow[t] * (0.5 * (begin + end) - low)
                    found = price[t] * kw + worth[t] * begin - worth[t + 1] * end
                    if found < best:
                        best, at_begin, at_end = found, begin, end
            stage[t, s] += best
            begins[t, s], ends[t, s] = at_begin, at_end
