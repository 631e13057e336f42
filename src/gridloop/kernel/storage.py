"""The cheapest schedule of a store of energy that takes prices as they are: exact, and thousands at once.

In interval t a store loses a share 1 − kept of its energy e, then takes in or gives out x. Taking in 1 MWh costs
in_price = (buy + early · waiting) / η_in, giving it out brings out_price = (sell − wear − early · waiting) · η_out:

    V_{t−1}(e) = least over x of [ cost of x in interval t + band_t(kept · e + x) + V_t(kept · e + x) ]
    V_last(e)  = −end value · e

Backwards in time V is computed whole (`storage_back`): as straight pieces, with no grid of states. Forwards in time
every interval takes its best x. Never both directions at once, by construction.
"""

from __future__ import annotations

import numpy as np

from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.storage_back import backwards
from gridloop.kernel.storage_pieces import SAME, best_level

# Rows of `store`.
ETA_IN, ETA_OUT, LOSS_PER_DAY, WEAR, EARLY, START, LEAST, MOST, END_VALUE = range(9)
FIELDS = 9


@outer
def store_schedules(
    store, charge_max, discharge_max, buy, sell, hours, waiting, band_price, first, last, power, energy, worth, cost,
):  # fmt: skip
    """Cheapest schedules of stores first … last − 1 against prices.

    store          [FIELDS, store]  efficiencies, share lost per day, money per MWh given out, money per MWh moved and
                   hour of waiting, energies at the beginning, least and most of the band [MWh], what a MWh is worth at
                   the end
    charge_max     [step or 1, store]  MW; one row counts for all steps; discharge_max the same
    buy, sell      [step, store or 1]  money per MWh; one column counts for all stores
    hours          [step]  lengths; waiting [step]  hours from now to the beginning
    band_price     money per MWh and hour outside the band
    Written, of these stores: power [step, store] MW taken in; energy [step, store] MWh at the end; worth [step, store]
    money for one MWh more in the store during the step, before it moves; cost [store].

    A store that begins outside its band, or cannot charge what it loses, may be as far outside as idling leaves it.
    Where several schedules cost the same, it moves as late and as little as it may; `early` > 0 makes that early.
    """
    steps = hours.size
    kept, low, high = np.empty(steps), np.empty(steps), np.empty(steps)
    in_price, out_price = np.empty(steps), np.empty(steps)
    most_in, most_out = np.empty(steps), np.empty(steps)
    up_to, down_to = np.empty(steps), np.empty(steps)
    begin, count = np.empty(steps, np.int64), np.empty(steps, np.int64)
    for s in range(first, last):
        one, prices = store[:, s], s if buy.shape[1] > 1 else 0
        dearest = abs(one[END_VALUE])
        for t in range(steps):
            later = one[EARLY] * waiting[t]
            in_price[t] = (buy[t, prices] + later) / one[ETA_IN]
            out_price[t] = (sell[t, prices] - one[WEAR] - later) * one[ETA_OUT]
            dearest = max(dearest, abs(in_price[t]), abs(out_price[t]))
            most_in[t] = charge_max[t if charge_max.shape[0] > 1 else 0, s] * hours[t] * one[ETA_IN]
            most_out[t] = discharge_max[t if discharge_max.shape[0] > 1 else 0, s] * hours[t] / one[ETA_OUT]
        _bounds(one, hours, most_in, kept, low, high)
        tiny = SAME * max(one[MOST], high[0])
        slack = tiny * dearest
        moves = (in_price, out_price, most_in, most_out)
        band = (one[LEAST], one[MOST], band_price)
        pos, points = backwards(
            one[END_VALUE], moves, band, hours, kept, low, high, tiny, slack, up_to, down_to, begin, count
        )
        total = _forwards(
            one, moves, band, hours, kept, low, high, tiny, slack, up_to, down_to, begin, count, pos, points,
            power[:, s], energy[:, s],
        )  # fmt: skip
        cost[s] = total - one[END_VALUE] * energy[steps - 1, s]
        _add_worth(one, moves, band, hours, kept, high, tiny, power[:, s], energy[:, s], worth[:, s])


@inner
def _bounds(one, hours, most_in, kept, low, high):
    """Write the share kept in every step, and the energies that a store may have at its end. [step]"""
    loss, least, most = one[LOSS_PER_DAY], one[LEAST], one[MOST]
    e = one[START]
    holds = e >= least
    for t in range(hours.size):
        if t > 0 and hours[t] == hours[t - 1]:
            kept[t] = kept[t - 1]
        else:
            kept[t] = 1.0 if loss == 0.0 else (1.0 - loss) ** (hours[t] / 24.0)
        if most_in[t] < least * (1.0 - kept[t]):
            holds = False
        e *= kept[t]
        low[t], high[t] = min(least, e), max(most, e)
    for t in range(hours.size):
        if holds:
            low[t] = least


@inner
def _forwards(
    one, moves, band, hours, kept, low, high, tiny, slack, up_to, down_to, begin, count, pos, points, power, energy,
):  # fmt: skip
    """Follow the best moves from the beginning; writes power and energy [step], returns what they cost.

    up_to, down_to, begin, count, pos, points  as `backwards` leaves them
    """
    in_price, out_price, most_in, most_out = moves
    least, most, band_price = band
    e, total = one[START], 0.0
    for t in range(hours.size):
        y = kept[t] * e
        level = y
        if begin[t] >= 0:
            b, n = begin[t], count[t]
            level = best_level(
                pos[b : b + n], points[b : b + n], n, y, in_price[t], out_price[t], most_in[t], most_out[t], slack
            )
        elif y < up_to[t]:
            level = min(up_to[t], high[t])
        elif y > down_to[t]:
            level = max(down_to[t], low[t])
        x = level - y
        if x > tiny:
            x = min(x, most_in[t])
            total += in_price[t] * x
            power[t] = x / (hours[t] * one[ETA_IN])
        elif x < -tiny:
            x = max(x, -most_out[t])
            total += out_price[t] * x
            power[t] = x * one[ETA_OUT] / hours[t]
        else:
            x = 0.0
            power[t] = 0.0
        e = y + x
        total += band_price * hours[t] * max(least - e, e - most, 0.0)
        energy[t] = e
    return total


@inner
def _add_worth(one, moves, band, hours, kept, high, tiny, power, energy, worth):
    """Write what one MWh more in a store would be worth in every step, before it moves. [step]

    It is kept for later, or less is taken in, or more is given out: what is possible and worth most. In a store that is
    full and can do none of them it is what a MWh is worth in the next step, had it found room.
    """
    in_price, out_price, _, most_out = moves
    least, most, band_price = band
    later = one[END_VALUE]
    for t in range(hours.size - 1, -1, -1):
        p, e = power[t], energy[t]
        if e < least - tiny:
            later += band_price * hours[t]
        elif e >= most - tiny and e < high[t] - tiny:
            later -= band_price * hours[t]
        now = later if e < high[t] - tiny else -np.inf
        if p > 0.0:
            now = max(now, in_price[t])
        elif -p * hours[t] < (most_out[t] - tiny) * one[ETA_OUT]:
            now = max(now, out_price[t])
        if now == -np.inf:
            now = later
        worth[t] = now
        later = kept[t] * now
