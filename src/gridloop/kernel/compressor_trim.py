"""Which of the machines that run load, and what those deliver that can be set: the cheapest way to hold the pressure.

Every way to load the fixed machines, with the variable ones turning or not, is looked at. A way that can deliver what
is wanted holds the pressure; the cheapest of them is taken as soon as it is cheaper than the way of now, a load that is
dropped counted with the power of its sump's letting down, shared out over `PAY_S`. Where none holds, the pressure
drifts to an end of its band and the cheapest way that turns it takes over, air beyond or short of what is wanted at the
price of the cheapest machine's. A machine that has just been told to stop is none of them: another one loads at once.
"""

from __future__ import annotations

from gridloop.kernel.compiled import inner
from gridloop.kernel.compressor_rules import BLOW_S, CONTROL, FIXED, FULL, LEAST, MODULATING, VARIABLE

# So many seconds ahead a trim looks along the slope of the pressure.
LOOK_S = 15.0
# Seconds over which what unloading costs is shared out.
PAY_S = 120.0
# Flows closer than this, m³/min, are the same.
SAME = 1e-9


@inner
def kw_at(q, flow, kw, points):
    """kW at a flow, between the points of a curve."""
    for m in range(1, points):
        if q <= flow[m]:
            return kw[m - 1] + (kw[m] - kw[m - 1]) * (q - flow[m - 1]) / (flow[m] - flow[m - 1])
    return kw[points - 1]


@inner
def trim(error, half_band, rate, wanted, used, volume, machine, curve_flow, curve_kw, points, price, works, load, flow):
    """Set load and flow of the machines.

    error    bar that the pressure is above its target, held within half_band; rate: bar per second that it rises now
    wanted   m³/min that use, leaks and pressure ask; used: use and leaks alone
    price    kW per m³/min of air beyond or short of what is wanted
    works    [machine] whether it delivers in this step where it is told to
    """
    turned, throttled, ways = 0.0, 0.0, 1
    for k in range(machine.shape[0]):
        if works[k] and machine[k, CONTROL] == VARIABLE:
            ways *= 2 if turned == 0.0 else 1
            turned += machine[k, FULL]
        elif works[k] and machine[k, CONTROL] == MODULATING:
            throttled += machine[k, FULL]
        elif works[k]:
            ways *= 2
    now, now_score, now_air = -1, 0.0, 0.0
    holds, over, under, all_air, no_air = -1, -1, -1, 0, 0
    holds_score, over_score, under_score, most, least = 1e18, 1e18, 1e18, -1.0, 1e18
    for way in range(ways):
        air, score, same = _way(way, wanted, machine, curve_flow, curve_kw, points, turned, throttled, works, load)
        gap = wanted - air
        score += price * gap
        if same:
            now, now_score, now_air = way, score, air
        if gap < SAME and score < over_score:
            over, over_score = way, score
        if gap > -SAME and score < under_score:
            under, under_score = way, score
        if abs(gap) < SAME and score < holds_score:
            holds, holds_score = way, score
        if air > most:
            all_air, most = way, air
        if air < least:
            no_air, least = way, air
    chosen, gap = now, wanted - now_air
    coming = error + rate * LOOK_S
    if holds >= 0 and holds_score < now_score:
        chosen = holds
    elif gap > SAME and min(error, coming, error + (now_air - used) / volume / 60.0 * LOOK_S) < -half_band:
        chosen = over if over >= 0 else all_air
    elif gap < -SAME and max(error, coming) > half_band and coming >= 0.0:
        chosen = under if under >= 0 else no_air
    if chosen >= 0:
        _take(chosen, machine, turned, works, load)
    _deliver(wanted, machine, throttled, works, load, flow)


@inner
def _loads(way, k, machine, turned, place):
    """Whether a machine loads in a way, and the place of the next fixed one. Bit 0 is for all that turn, if any do."""
    if machine[k, CONTROL] == VARIABLE:
        return way & 1 == 1, place
    return (way >> (place + (1 if turned > 0.0 else 0))) & 1 == 1, place + 1


@inner
def _way(way, wanted, machine, curve_flow, curve_kw, points, turned, throttled, works, load):
    """Air of a way that wants so much, its kW with those of letting down, and whether it is the way of now."""
    blocks, turns_least, turns_most, kw, same, place = 0.0, 0.0, 0.0, 0.0, True, 0
    for k in range(machine.shape[0]):
        if not works[k] or machine[k, CONTROL] == MODULATING:
            continue
        loads, place = _loads(way, k, machine, turned, place)
        full, idle = curve_kw[k, points[k] - 1], curve_kw[k, 0]
        if machine[k, CONTROL] == FIXED:
            kw += full if loads else idle
            blocks += machine[k, FULL] if loads else 0.0
        elif loads:
            turns_least += machine[k, LEAST]
            turns_most += machine[k, FULL]
        if loads != load[k]:
            same = False
            kw += 0.0 if loads else (full - idle) * machine[k, BLOW_S] / PAY_S
    # What throttles is cheap to fill: it takes all but what the variable ones give at least.
    filled = min(max(wanted - blocks - turns_least, 0.0), throttled)
    turns = min(max(wanted - blocks - filled, turns_least), turns_most)
    for k in range(machine.shape[0]):
        if works[k] and machine[k, CONTROL] == VARIABLE:
            kw += kw_at(turns * machine[k, FULL] / turned, curve_flow[k], curve_kw[k], points[k])
        elif works[k] and machine[k, CONTROL] == MODULATING:
            kw += kw_at(filled * machine[k, FULL] / throttled, curve_flow[k], curve_kw[k], points[k])
    return blocks + filled + turns, kw, same


@inner
def _take(way, machine, turned, works, load):
    """Load as a way says."""
    place = 0
    for k in range(machine.shape[0]):
        if works[k] and machine[k, CONTROL] != MODULATING:
            load[k], place = _loads(way, k, machine, turned, place)


@inner
def _deliver(wanted, machine, throttled, works, load, flow):
    """What those deliver that can be set: full what throttles, the rest is turned."""
    blocks, least, most = 0.0, 0.0, 0.0
    for k in range(machine.shape[0]):
        if not works[k] or not load[k]:
            continue
        if machine[k, CONTROL] == FIXED:
            blocks += machine[k, FULL]
        elif machine[k, CONTROL] == VARIABLE:
            least += machine[k, LEAST]
            most += machine[k, FULL]
    filled = min(max(wanted - blocks - least, 0.0), throttled)
    for k in range(machine.shape[0]):
        if machine[k, CONTROL] == MODULATING:
            load[k] = True
            flow[k] = filled * machine[k, FULL] / throttled if throttled > 0.0 else 0.0
        elif machine[k, CONTROL] == VARIABLE:
            share = (wanted - blocks - filled) * machine[k, FULL] / most if most > 0.0 else 0.0
            flow[k] = min(max(share, machine[k, LEAST]), machine[k, FULL])
        else:
            flow[k] = machine[k, FULL]
