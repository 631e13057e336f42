"""How a station follows a sequence: who runs, who is called beside those that are planned, and who may go again."""

from __future__ import annotations

from gridloop.kernel.compiled import inner
from gridloop.kernel.compressor_rules import (
    FULL,
    HALF_BAND,
    LIFT,
    LOW,
    MIN_OFF_S,
    MIN_ON_S,
    OFF,
    PULL_S,
    ROOM,
    RUNNING,
    SPARE,
    START_S,
    STARTING,
)
from gridloop.kernel.compressor_trim import kw_at, trim

# Flow that is left or could be called at once, in multiples of the spare flow, without which no machine stops.
CALLS = 5.0
# A machine whose turn comes within so many seconds is called before any other: it costs nothing more.
SOON_S = 900.0
# Beyond its start, a planned machine is ready so many seconds before its turn.
READY_S = 30.0
# Seconds in which a controller brings the pressure back to its target.
BACK_S = 120.0


@inner
def by_sequence(p, target, rate, used, used_slow, planned, next_on_s, volume, machine, curve_flow, curve_kw, points,
                order, rule, phase, on_s, off_s, run, load, flow, works):  # fmt: skip
    """Run what the sequence says and trim; call for one more machine before the air is short, let none go too early.

    target    bar; lifted by as much as `LIFT` where running machines have less flow left than `ROOM`: what is stored
              then is there when it is short
    rate      bar per second that the pressure rises now
    used, used_slow  m³/min that use and leaks ask, fast and slowly
    planned   [machine] whether the sequence has it on now; next_on_s [machine]: how long until it has it on again
    order     machines by what a m³ costs at full load, the cheapest first
    works     [machine] written: who delivers in this step where it is told to
    """
    machines = machine.shape[0]
    # Who runs: the sequence, and those whose turn comes while they start.
    most, ready, callable_flow = 0.0, 0.0, 0.0
    for k in range(machines):
        if planned[k] or next_on_s[k] <= machine[k, START_S] + READY_S:
            run[k] = True
        if run[k] and (phase[k] != OFF or off_s[k] >= machine[k, MIN_OFF_S]):
            most += machine[k, FULL]
            ready += machine[k, FULL] if phase[k] == RUNNING else 0.0
        elif phase[k] == OFF and off_s[k] >= machine[k, MIN_OFF_S]:
            callable_flow += machine[k, FULL]
    # Nobody stops that is needed, or could not start again when its turn comes; and air is left that could be called.
    # The two averages part by twice the spare flow now and then; where it is more, the use of air is rising.
    rise = max(used - used_slow - 2.0 * rule[SPARE], 0.0)
    soon = used + rise
    need = max(soon, used_slow)
    for place in range(machines - 1, -1, -1):
        k = order[place]
        if run[k] and not planned[k] and phase[k] == RUNNING and on_s[k] >= machine[k, MIN_ON_S]:
            again = next_on_s[k] < machine[k, MIN_OFF_S] + machine[k, START_S] + READY_S
            left = ready - machine[k, FULL]
            if (
                left + callable_flow >= need + CALLS * rule[SPARE]
                and not again
                and left >= need + rule[SPARE]
                and p >= target - 0.5 * rule[HALF_BAND]
            ):
                run[k] = False
                most -= machine[k, FULL]
                ready = left
    short = soon - most
    # One more where the air would be short before it delivers, were the spare flow asked for as well.
    if short > 0.0 and (p - rule[LOW]) * volume / (short + rule[SPARE]) * 60.0 < rule[PULL_S]:
        _call(short + rule[SPARE] + 2.0 * rise, next_on_s, machine, curve_flow, curve_kw, points, phase, off_s, run)
    for k in range(machines):
        stays = run[k] or on_s[k] < machine[k, MIN_ON_S]
        begins = phase[k] == STARTING and on_s[k] >= machine[k, START_S]
        works[k] = stays and (phase[k] == RUNNING or begins)
    lifted = target
    if rule[ROOM] > 0.0:
        lifted += rule[LIFT] * min(max(1.0 + short / rule[ROOM], 0.0), 1.0)
    wanted = used + (lifted - p) * volume * 60.0 / BACK_S
    cheapest = order[0]
    price = curve_kw[cheapest, points[cheapest] - 1] / machine[cheapest, FULL]
    trim(
        p - lifted, rule[HALF_BAND], rate, wanted, used, volume, machine, curve_flow, curve_kw, points, price, works,
        load, flow,
    )  # fmt: skip


@inner
def _call(wish, next_on_s, machine, curve_flow, curve_kw, points, phase, off_s, run):
    """Start the machine that gives so much, m³/min, with least power; where none has as much, the largest."""
    best, best_fits, best_kw = -1, False, 0.0
    for k in range(machine.shape[0]):
        if run[k] or phase[k] != OFF or off_s[k] < machine[k, MIN_OFF_S]:
            continue
        fits = machine[k, FULL] >= wish
        kw = kw_at(wish, curve_flow[k], curve_kw[k], points[k]) if next_on_s[k] > SOON_S else 0.0
        if fits:
            better = best < 0 or not best_fits or kw < best_kw
        else:
            better = best < 0 or (not best_fits and machine[k, FULL] > machine[best, FULL])
        if better:
            best, best_fits, best_kw = k, fits, kw
    if best >= 0:
        run[best] = True
