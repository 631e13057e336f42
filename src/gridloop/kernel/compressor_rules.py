"""Three ways to run a station of compressors second by second: a cascade of switches, equal shares, and a sequence.

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
TARGET, HALF_BAND, RUN_ON_S, SPARE, PULL_S, LOW, SLOW_S = range(7)
RULE_FIELDS = 7
# How fast a controller sees what is used: seconds of its fast average, as pressure and flows are read.
FAST_S = 15.0
# So many seconds ahead a trim looks along the slope of the pressure.
LOOK_S = 15.0
# Flow that is left or could be called at once, in multiples of the spare flow, without which no machine stops.
CALLS = 5.0
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


@inner
def by_sequence(p, rate, wanted, used, used_slow, planned, next_on_s, volume, machine, order, rule, phase, on_s, off_s,
                run, load, flow):  # fmt: skip
    """Run what the sequence says and trim; call for one more machine before the air is short, let none go too early.

    rate      bar per second that the pressure rises now
    wanted    m³/min that use, leaks and pressure ask now; used, used_slow: use and leaks alone, fast and slowly
    planned   [machine] whether the sequence has it on now; next_on_s [machine]: how long until it has it on again
    order     machines by what a m³ costs at full load, the cheapest first
    """
    machines = machine.shape[0]
    # Who runs: the sequence, and those whose turn comes while they start.
    most, ready, callable_flow = 0.0, 0.0, 0.0
    for k in range(machines):
        if planned[k] or next_on_s[k] <= machine[k, START_S] + 30.0:
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
            again = next_on_s[k] < machine[k, MIN_OFF_S] + machine[k, START_S] + 30.0
            left = ready - machine[k, FULL]
            if (
                left + callable_flow >= need + CALLS * rule[SPARE]
                and not again
                and left >= need + rule[SPARE]
                and p >= rule[TARGET] - 0.5 * rule[HALF_BAND]
            ):
                run[k] = False
                most -= machine[k, FULL]
                ready = left
    # One more where the air would be short before it delivers, were the spare flow asked for as well.
    short = soon - most
    if short > 0.0 and (p - rule[LOW]) * volume / (short + rule[SPARE]) * 60.0 < rule[PULL_S]:
        best, wish = -1, short + rule[SPARE] + 2.0 * rise
        for k in range(machines):
            if run[k] or phase[k] != OFF or off_s[k] < machine[k, MIN_OFF_S]:
                continue
            fits = machine[k, FULL] >= wish
            if best < 0:
                best = k
                continue
            best_fits = machine[best, FULL] >= wish
            smaller = machine[k, FULL] < machine[best, FULL]
            if (fits and (not best_fits or smaller)) or (not fits and not best_fits and not smaller):
                best = k
        if best >= 0:
            run[best] = True
    _trim(p, rate, wanted, machine, order, rule, phase, load, flow)


@inner
def _trim(p, rate, wanted, machine, order, rule, phase, load, flow):
    """Variable machines take what is left; the others load and unload only where those are at an end of their range."""
    machines = machine.shape[0]
    least, most, throttled, blocks = 0.0, 0.0, 0.0, 0.0
    for k in range(machines):
        if phase[k] != RUNNING:
            continue
        if machine[k, CONTROL] == VARIABLE:
            least += machine[k, LEAST]
            most += machine[k, FULL]
        elif machine[k, CONTROL] == MODULATING:
            throttled += machine[k, FULL]
        elif load[k]:
            blocks += machine[k, FULL]
    # The pressure as it will be when an order has had its effect.
    error = p - rule[TARGET]
    coming = error + rate * LOOK_S
    rest = wanted - blocks
    for place in range(machines):
        k = order[place]
        if rest <= most + throttled or min(error, coming) >= -rule[HALF_BAND]:
            break
        if phase[k] == RUNNING and machine[k, CONTROL] == FIXED and not load[k]:
            load[k] = True
            rest -= machine[k, FULL]
    for place in range(machines - 1, -1, -1):
        k = order[place]
        if rest >= least or max(error, coming) <= rule[HALF_BAND] or coming < 0.0:
            break
        if phase[k] == RUNNING and machine[k, CONTROL] == FIXED and load[k]:
            load[k] = False
            rest += machine[k, FULL]
    # What throttles is cheap to fill: it takes all but what the variable ones give at least.
    for k in range(machines):
        if phase[k] == RUNNING and machine[k, CONTROL] == MODULATING:
            load[k] = True
            flow[k] = min(max(rest - least, 0.0), machine[k, FULL])
            rest -= flow[k]
    for k in range(machines):
        if machine[k, CONTROL] == FIXED:
            flow[k] = machine[k, FULL]
        elif machine[k, CONTROL] == VARIABLE and phase[k] == RUNNING:
            share = rest * machine[k, FULL] / most if most > 0.0 else 0.0
            flow[k] = min(max(share, machine[k, LEAST]), machine[k, FULL])
            if error > 2.0 * rule[HALF_BAND] and rest < least:
                load[k] = False
            elif error < 0.0 or rest >= least:
                load[k] = True
