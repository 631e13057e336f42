"""What a community costs, and who of it pays what: one bill for what flows through its common meter.

The community buys what its homes lack together at the tariff and is paid nothing for what it gives away. Inside, energy
changes hands at half the tariff (the mid-market rate between the tariff and the nothing that an export earns): so in
every hour whoever buys pays no more than alone, and whoever gives gets no less.
"""

from __future__ import annotations

import numpy as np

from gridloop.units import FloatArray

# Between the price to import and the zero that an export earns.
MID_MARKET = 0.5


def community_cost(net: FloatArray, price: FloatArray) -> FloatArray:
    """What the common meter costs. net [hour] or [hour, home] summed, MWh taken; price [hour], money per MWh. [hour]"""
    total = net if net.ndim == 1 else net.sum(axis=1)
    return np.asarray(price * np.clip(total, 0.0, None))


def alone_cost(net: FloatArray, price: FloatArray) -> FloatArray:
    """What each home would pay at a meter of its own. net [hour, home], MWh taken. [hour, home], money"""
    return np.asarray(price[:, None] * np.clip(net, 0.0, None))


def shared_cost(net: FloatArray, price: FloatArray) -> FloatArray:
    """What each home pays of the community's bill. net [hour, home], MWh taken, negative given. [hour, home], money

    What the homes give covers what the others take, as far as it goes: of the traded energy every giver sells and every
    taker buys its share, at half the tariff; the rest is bought at the tariff, or given away for nothing.
    """
    taken, given = np.clip(net, 0.0, None), np.clip(-net, 0.0, None)
    traded = np.minimum(taken.sum(axis=1), given.sum(axis=1))
    bought = _share(traded, taken)
    sold = _share(traded, given)
    return np.asarray(price[:, None] * ((taken - bought) + MID_MARKET * (bought - sold)))


def _share(total: FloatArray, parts: FloatArray) -> FloatArray:
    """A total divided in proportion to parts. [hour], [hour, home] → [hour, home]"""
    whole = parts.sum(axis=1)
    ratio = np.divide(total, whole, out=np.zeros_like(whole), where=whole > 0)
    return np.asarray(parts * ratio[:, None])
