"""What acts in an island by itself, in its order: who gives way to a surplus, who is taken off where power lacks."""

from __future__ import annotations

import numpy as np

from gridloop.operate.island_settings import RANKS
from gridloop.units import BoolArray, FloatArray, IntArray

SAME_MW = 1e-6  # a watt: ten times the mismatch that the AC flow of all buses is solved to


def give_way(power: FloatArray, others: FloatArray, curtailable: BoolArray, over: float) -> bool:
    """Batteries stop discharging, then plants give less, sun and wind alike; the rest trips only where that is not
    enough. Written to `power` [generator] and `others` [storage], MW. False where nobody is left.
    """
    giving = -float(np.clip(others, None, 0).sum())
    if giving > SAME_MW:
        others[others < 0] *= max(0.0, 1.0 - (over + SAME_MW) / giving)
        return True
    for mine in (curtailable, ~curtailable):
        there = float(power[mine].sum())
        if there > SAME_MW:
            power[mine] *= max(0.0, 1.0 - (over + SAME_MW) / there)
            return True
    return False


def take_off(
    load: FloatArray,
    shed: FloatArray,
    off: BoolArray,
    ev: FloatArray,
    others: FloatArray,
    reach: FloatArray,
    rank: IntArray,
    under: float,
) -> bool:
    """Batteries stop charging and vehicles wait; batteries give what they have; then whole loads, the last class first.

    reach  [storage]  how much more each battery beside the source could give. All in MW; written to `shed` and `off`
    [load], `ev` [session] and `others` [storage]. False where nobody is left.
    """
    for taking in (others, ev):
        there = float(np.clip(taking, 0, None).sum())
        if there > SAME_MW:
            taking[taking > 0] *= max(0.0, 1.0 - (under + SAME_MW) / there)
            return True
    more = float(reach.sum())
    if more > SAME_MW:
        others -= reach * min(1.0, (under + SAME_MW) / more)
        return True
    took = 0.0
    for last in reversed(range(len(RANKS))):
        for k in np.flatnonzero((rank == last) & ~off & (load - shed > SAME_MW)).tolist():
            took += float(load[k] - shed[k])
            shed[k], off[k] = load[k], True
            if took >= under:
                return True
    return took > 0
