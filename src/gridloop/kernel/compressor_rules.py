"""Two rules of a station of compressors, second by second: a cascade of switches, and equal shares.

A rule sees what a controller sees: the pressure, what it made of the air that is used, and the state of its machines.
It orders which machines run, which of them load, and what those deliver that can be set. `compressor_simulation` has
the machines, which keep their least times and take their time to start, whoever orders.
"""

from __future__ import annotations

from gridloop.kernel.compiled import inner

# Columns of `machine`.
FULL, LEAST, RATED, EFFECT, START_S, BLOW_S, MIN_ON_S, MIN_OFF_S, START_KWH, CONTROL = range(10)
FIELDS = 10
# Values of CONTROL.
FIXED, VARIABLE, MODULATING = 0, 1, 2
# Values of `phase`.
OFF, STARTING, RUNNING = 0, 1, 2
# Numbers of a rule: `rule`.
TARGET, HALF_BAND, RUN_ON_S, SPARE, PULL_S, LOW, SLOW_S, LIFT, ROOM = range(9)
RULE_FIELDS = 9
# How fast a controller sees what is used: seconds of its fast average, as pressure and flows are read.
FAST_S = 15.0
# Seconds in which a machine that takes its share by turns loads and unloads once.
CYCLE_S = 100.0


@inner
def by_cascade(p, dt, machine, rule, load_at, unload_at, phase, idle_s, sum_of, run, load, flow):
    """Each machine by itself: it loads below its own pressure and unloads above another; idle for long, it stops.

    load_at, unload_at  [machine] bar. A variable machine holds the target by its speed between its two; one that
    throttles closes its inlet as the pressure rises from its lower to its upper. sum_of [machine]: memory of the speed
    controllers, m³/min
    """
    for k in range(machine.shape[0]):
        if p < load_at[k]:
            load[k] = True
            run[k] = True
        elif p > unload_at[k]:
            load[k] = False
        if not load[k] and idle_s[k] >= rule[RUN_ON_S]:
            run[k] = False
        full = machine[k, FULL]
        if machine[k, CONTROL] == MODULATING:
            flow[k] = full * min(max((unload_at[k] - p) / (unload_at[k] - load_at[k]), 0.0), 1.0)
        elif machine[k, CONTROL] == VARIABLE:
            flow[k] = _speed(rule[TARGET] - p, dt, k, machine, phase, load, sum_of)
        else:
            flow[k] = full


@inner
def _speed(error, dt, k, machine, phase, load, sum_of):
    """A proportional and integral controller of speed: all of its range for 0.2 bar, and again within a minute."""
    full, least = machine[k, FULL], machine[k, LEAST]
    gain = (full - least) / 0.2
    if phase[k] == RUNNING and load[k]:
        sum_of[k] = min(max(sum_of[k] + gain * error * dt / 60.0, least), full)
    else:
        sum_of[k] = least
    return min(max(sum_of[k] + gain * error, least), full)


@inner
def by_equal_shares(p, wanted, used, used_slow, clock, machine, order, rule, phase, off_s, run, load, flow):
    """As many machines as are needed, in a fixed order, each with the same share of its flow.

    wanted  m³/min that use, leaks and pressure ask now; used, used_slow: use and leaks alone, fast and slowly

    One that can only load and unload does so in a cycle of `CYCLE_S`, the machines one after the other.
    """
    machines, most, running = machine.shape[0], 0.0, 0.0
    need = max(used, used_slow) + rule[SPARE]
    for place in range(machines):
        k = order[place]
        if most < need:
            run[k] = True
        elif p > rule[TARGET] - rule[HALF_BAND]:
            run[k] = False
        if run[k] and (phase[k] != OFF or off_s[k] >= machine[k, MIN_OFF_S]):
            most += machine[k, FULL]
        if phase[k] == RUNNING:
            running += machine[k, FULL]
    share = min(max(wanted / running, 0.0), 1.0) if running > 0.0 else 1.0
    for place in range(machines):
        k = order[place]
        load[k] = True
        if machine[k, CONTROL] == FIXED:
            at = (clock / CYCLE_S + place / machines) % 1.0
            # Where turns alone would leave the band, pressure decides.
            above = p - rule[TARGET]
            load[k] = (at < share or above < -3.0 * rule[HALF_BAND]) and above < 3.0 * rule[HALF_BAND]
            flow[k] = machine[k, FULL]
        else:
            flow[k] = share * machine[k, FULL]
            if machine[k, CONTROL] == VARIABLE and flow[k] < machine[k, LEAST]:
                load[k] = p < rule[TARGET] + rule[HALF_BAND]
                flow[k] = machine[k, LEAST]
