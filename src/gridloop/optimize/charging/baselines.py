"""What charging is compared with: uncontrolled, full power from when a car is plugged in, and least laxity first.

Laxity is the time a car could still wait: hours until it leaves, less the hours that its missing energy takes at full
power. Whoever has least goes first (Dertouzos and Mok 1989, for jobs on processors); no price is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.charging.result import Charging, charging_result
from gridloop.optimize.charging.stays import Stays, each_step, stays_of
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray, IntArray

_NOTHING_MWH = 1e-12  # what rounding leaves of a need


def uncontrolled_charging(
    fleet: EVFleet | pd.DataFrame, horizon: Horizon, *, base_mw: float | Sequence[float] | FloatArray | pd.Series = 0.0
) -> Charging:
    """Every car takes its full power from when it is plugged in until it has its energy or leaves.

    Ports go to who comes first. A limit of a station or the fleet shares nothing out: whoever came first keeps its full
    power, the next takes what is left. Neither prices nor the site's connection are looked at.
    """
    stays, base = stays_of(fleet, horizon), each_step(base_mw, horizon, "base_mw")
    if not stays.shared:
        return charging_result(stays, at_once(stays) / horizon.hours, base)
    order = np.lexsort((np.array(stays.ids, dtype=object).astype(str), stays.since))
    energy = np.zeros_like(stays.most_mwh)
    room = [np.full(len(horizon), limit.limit_mw) * horizon.hours for limit in stays.shared]
    limits_of = _limits_of(stays)
    for k in order:
        left = stays.energy_mwh[k]
        for t in np.flatnonzero(stays.most_mwh[k]):
            can = min([left, stays.most_mwh[k, t], *(room[j][t] for j in limits_of[k])])
            energy[k, t] = can
            left -= can
            for j in limits_of[k]:
                room[j][t] -= can
            if left <= _NOTHING_MWH:
                break
    return charging_result(stays, energy / horizon.hours, base)


def least_laxity_first(
    fleet: EVFleet | pd.DataFrame,
    horizon: Horizon,
    limit_mw: float | Sequence[float] | FloatArray | pd.Series = np.inf,
    *,
    base_mw: float | Sequence[float] | FloatArray | pd.Series = 0.0,
) -> Charging:
    """In every interval full power to the cars that can wait least, until the limit is reached; no price is looked at.

    limit_mw  of the site, base load included: one number or one per interval; limits of stations and the fleet too.
    Higher priorities go before lower ones.
    """
    stays = stays_of(fleet, horizon)
    base, limit = each_step(base_mw, horizon, "base_mw"), each_step(limit_mw, horizon, "limit_mw")
    left, energy, limits_of = stays.energy_mwh.copy(), np.zeros_like(stays.most_mwh), _limits_of(stays)
    begin = stays.horizon.waiting
    for t, h in enumerate(horizon.hours):
        who = np.flatnonzero((stays.most_mwh[:, t] > 0) & (left > _NOTHING_MWH))
        laxity = stays.until[who] - begin[t] - left[who] / stays.power_mw[who]
        room = max(0.0, limit[t] - base[t]) * h
        shares = [limit_.limit_mw * h for limit_ in stays.shared]
        for k in who[np.lexsort((who, laxity, -stays.priority[who]))]:
            can = min([left[k], stays.most_mwh[k, t], room, *(shares[j] for j in limits_of[k])])
            energy[k, t] = can
            left[k] -= can
            room -= can
            for j in limits_of[k]:
                shares[j] -= can
    return charging_result(stays, energy / horizon.hours, base)


def latest_charging(stays: Stays) -> FloatArray:
    """As late as possible: what fits last before each departure. [session, step], MWh"""
    after = np.cumsum(stays.most_mwh[:, ::-1], axis=1)[:, ::-1]
    need = np.minimum(stays.within_mwh[:, None], after)
    return np.asarray(need - np.hstack([need[:, 1:], np.zeros((len(stays), 1))]))


def at_once(stays: Stays) -> FloatArray:
    """Full power from the first moment on. [session, step], MWh"""
    so_far = np.minimum(np.cumsum(stays.most_mwh, axis=1), stays.energy_mwh[:, None])
    return np.diff(so_far, axis=1, prepend=0.0)


def _limits_of(stays: Stays) -> list[IntArray]:
    """Which shared limits each session is under. [session]"""
    under: list[list[int]] = [[] for _ in stays.ids]
    for j, limit in enumerate(stays.shared):
        for k in limit.members:
            under[int(k)].append(j)
    return [np.array(found, dtype=np.int64) for found in under]
