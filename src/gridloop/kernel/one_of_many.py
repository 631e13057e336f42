"""One choice of several for every device under one bill: annealing by taking devices out and putting them back.

A round takes a device out (every other time one with power where the import is highest) and puts it back: of all its
choices the one with the least money plus Gumbel noise of the round's temperature, which draws a choice by Boltzmann's
weights (heat bath). In three rounds of ten another device is moved to any of its choices first; such a round is kept
as Metropolis et al. (1953) say.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.kernel.compiled import inner, outer

# Rows of `terms`, by interval: money per MW bought and sold, and per MW beyond a limit.
BUY, SELL, BEYOND = range(3)
# Of `limits`: what may be imported and exported, the peak that is free, and money per MW above it.
IMPORT, EXPORT, FREE_PEAK, PEAK_PRICE = range(4)
DRAWS = 6
SECOND_SHARE, AT_PEAK_SHARE = 0.3, 0.5
_MULTIPLY, _ADD = np.uint64(6364136223846793005), np.uint64(1442695040888963407)
_SHIFT = np.uint64(11)


@inner
def _bill(net: Any, t: Any, terms: Any, limits: Any) -> Any:
    """Money of one interval."""
    if net >= 0.0:
        return terms[BUY, t] * net + terms[BEYOND, t] * max(net - limits[IMPORT], 0.0)
    return terms[SELL, t] * net + terms[BEYOND, t] * max(-net - limits[EXPORT], 0.0)


@inner
def _move(c: Any, sign: Any, power: Any, span: Any, net: Any) -> None:
    for t in range(span[c, 0], span[c, 1]):
        net[t] += sign * power[c, t]


@inner
def _total(net: Any, terms: Any, limits: Any) -> Any:
    cost, peak = 0.0, -np.inf
    for t in range(net.size):
        cost += _bill(net[t], t, terms, limits)
        peak = max(peak, net[t])
    return cost + limits[PEAK_PRICE] * max(peak - limits[FREE_PEAK], 0.0)


@inner
def _put_back(first, last, power, span, own, terms, limits, net, before, after, temperature, state):
    """The choice first … last − 1 with the least money plus noise, and its money beside that of `net`."""
    n = net.size
    before[0] = after[n] = -np.inf
    for t in range(n):
        before[t + 1] = max(before[t], net[t])
    for t in range(n - 1, -1, -1):
        after[t] = max(after[t + 1], net[t])
    least, best = np.inf, first
    for c in range(first, last):
        money = own[c]
        peak = max(before[span[c, 0]], after[span[c, 1]])
        for t in range(span[c, 0], span[c, 1]):
            now = net[t] + power[c, t]
            peak = max(peak, now)
            money += _bill(now, t, terms, limits) - _bill(net[t], t, terms, limits)
        money += limits[PEAK_PRICE] * max(peak - limits[FREE_PEAK], 0.0)
        state = state * _MULTIPLY + _ADD
        u = (float(state >> _SHIFT) + 0.5) * 2.0**-53
        money += temperature * np.log(-np.log(u))
        if money < least:
            least, best = money, c
    return best


@outer
def anneal(power, span, own, of_device, terms, limits, given, temperature, draws, words, chosen, best, costs):
    """Rounds of taking out and putting back.

    power      [choice, step]  MW, all devices' choices one after the other; span [choice, 2] first and one after the
               last interval with power; own [choice] money beside the bill
    of_device  [device + 1]  where each device's choices begin
    terms [3, step], limits [4]  see the heads of this file; given [step] MW that others take
    temperature [round]  money; draws [round, DRAWS] between 0 and 1; words [round] uint64, any
    chosen, best [device]  read and written: choices now, and of the cheapest so far; costs [2] of both
    """
    devices, n = of_device.size - 1, given.size
    net, before, after = given.copy(), np.empty(n + 1), np.empty(n + 1)
    money = 0.0
    for k in range(devices):
        _move(chosen[k], 1.0, power, span, net)
        money += own[chosen[k]]
    now = money + _total(net, terms, limits)
    if now < costs[1]:
        costs[1] = now
        best[:] = chosen
    for r in range(temperature.size):
        k = min(int(draws[r, 0] * devices), devices - 1)
        if draws[r, 1] < AT_PEAK_SHARE:
            top = np.argmax(net)
            for q in range(devices):
                other = (k + q) % devices
                c = chosen[other]
                if span[c, 0] <= top < span[c, 1] and power[c, top] > 0.0:
                    k = other
                    break
        second = -1
        if draws[r, 2] < SECOND_SHARE:
            second = min(int(draws[r, 3] * devices), devices - 1)
            second = -1 if second == k else second
        old = chosen[k]
        _move(old, -1.0, power, span, net)
        moved = 0
        if second >= 0:
            moved = chosen[second]
            many = of_device[second + 1] - of_device[second]
            c = of_device[second] + min(int(draws[r, 4] * many), many - 1)
            _move(moved, -1.0, power, span, net)
            _move(c, 1.0, power, span, net)
            chosen[second] = c
        first, last = of_device[k], of_device[k + 1]
        c = _put_back(first, last, power, span, own, terms, limits, net, before, after, temperature[r], words[r])
        _move(c, 1.0, power, span, net)
        would = money + own[c] - own[old] + (own[chosen[second]] - own[moved] if second >= 0 else 0.0)
        cost = would + _total(net, terms, limits)
        if second >= 0 and cost > now and draws[r, 5] > np.exp((now - cost) / max(temperature[r], 1e-300)):
            _move(c, -1.0, power, span, net)
            _move(chosen[second], -1.0, power, span, net)
            _move(moved, 1.0, power, span, net)
            _move(old, 1.0, power, span, net)
            chosen[second] = moved
            continue
        chosen[k], money, now = c, would, cost
        if now < costs[1]:
            costs[1] = now
            best[:] = chosen
    costs[0] = now
