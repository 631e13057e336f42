"""A station of compressors second by second: machines that start, load and unload, and the pressure of the network.

The pressure follows from the air that comes and goes: p += (delivered − used − leaks) · dt / (60 · volume), with leaks
in proportion to the absolute pressure. A machine takes `start_s` to deliver; unloaded, its power falls to idle with the
time constant of its sump; its power grows with the pressure. The next call may go on where one ended.
"""

from __future__ import annotations

import math

import numpy as np

from gridloop.kernel.compiled import outer
from gridloop.kernel.compressor_follow import by_sequence
from gridloop.kernel.compressor_rules import (
    BLOW_S,
    CONTROL,
    EFFECT,
    FAST_S,
    FULL,
    LEAST,
    MIN_OFF_S,
    MIN_ON_S,
    MODULATING,
    OFF,
    RATED,
    RUNNING,
    SLOW_S,
    START_KWH,
    START_S,
    STARTING,
    TARGET,
    VARIABLE,
    by_cascade,
    by_equal_shares,
)
from gridloop.kernel.compressor_trim import kw_at

CASCADE, EQUAL, SEQUENCE = 0, 1, 2
ATMOSPHERE = 1.01325
# Rows of `state`: by machine what it does and for how long, and the memory of its controller.
PHASE, ON_S, OFF_S, IDLE_S, RUN, LOAD, MEMORY, DELIVERED = range(8)
STATE_ROWS = 8
# Intervals ahead in which a sequence is searched for a machine's next turn.
AHEAD = 16


@outer
def simulate(
    used, dt, volume, leak_at_low, low, machine, curve_flow, curve_kw, points, order, way, rule, load_at, unload_at,
    planned, targets, plan_steps, first_step, state, estimate, pressure, p_out, q_out, kw_out, phase_out,
):  # fmt: skip
    """Run a station for a while; returns the pressure after it and the number of starts.

    used      [step] m³/min; dt seconds of a step; leak_at_low m³/min at the pressure low
    machine   [machine, FIELDS of compressor_rules]; curve_flow, curve_kw [machine, point], points [machine]
    order     [machine]; way CASCADE, EQUAL or SEQUENCE; rule [RULE_FIELDS]; load_at, unload_at [machine] bar
    planned   [interval, machine] the sequence, targets [interval] bar; plan_steps: steps of an interval; first_step: of
              this call in it
    state     [STATE_ROWS, machine] and estimate [2] (use and leaks, fast and slowly): read, and left as they are then
    p_out     [step] bar at the end; q_out, kw_out, phase_out [step, machine] m³/min, kW, OFF … RUNNING; written
    """
    machines = machine.shape[0]
    phase, on_s, off_s, idle_s = state[PHASE], state[ON_S], state[OFF_S], state[IDLE_S]
    run, load = np.empty(machines, np.bool_), np.empty(machines, np.bool_)
    now, next_on_s = np.zeros(machines, np.bool_), np.zeros(machines)
    flow, works, rate = np.zeros(machines), np.zeros(machines, np.bool_), 0.0
    for k in range(machines):
        run[k], load[k] = state[RUN, k] > 0.5, state[LOAD, k] > 0.5
    p, starts = pressure, 0
    slowly = min(dt / rule[SLOW_S], 1.0) if rule[SLOW_S] > 0.0 else 1.0
    for t in range(used.size):
        clock = (first_step + t) * dt
        wanted = estimate[0] + (rule[TARGET] - p) * volume * 60.0 / 120.0
        if way == CASCADE:
            by_cascade(p, dt, machine, rule, load_at, unload_at, phase, idle_s, state[MEMORY], run, load, flow)
        elif way == EQUAL:
            by_equal_shares(
                p, wanted, estimate[0], estimate[1], clock, machine, order, rule, phase, off_s, run, load, flow
            )  # fmt: skip
        else:
            at = (first_step + t) // plan_steps
            for k in range(machines):
                now[k], next_on_s[k] = planned[at, k], 1e9
                for after in range(at + 1, min(at + 2 + AHEAD, planned.shape[0])):
                    if planned[after, k]:
                        next_on_s[k] = (after * plan_steps - first_step - t) * dt
                        break
            by_sequence(
                p, targets[at], rate, estimate[0], estimate[1], now, next_on_s, volume, machine, curve_flow, curve_kw,
                points, order, rule, phase, on_s, off_s, run, load, flow, works,
            )  # fmt: skip
        delivered = 0.0
        for k in range(machines):
            kw = 0.0
            if phase[k] == OFF:
                if run[k] and off_s[k] >= machine[k, MIN_OFF_S]:
                    phase[k], on_s[k], idle_s[k] = STARTING, 0.0, 0.0
                    starts += 1
            elif not run[k] and on_s[k] >= machine[k, MIN_ON_S]:
                phase[k], off_s[k] = OFF, 0.0
            elif phase[k] == STARTING and on_s[k] >= machine[k, START_S]:
                phase[k], idle_s[k], state[DELIVERED, k] = RUNNING, 0.0, 0.0
            q = 0.0
            if phase[k] == STARTING:
                kw = machine[k, START_KWH] * 3600.0 / max(machine[k, START_S], dt)
                on_s[k] += dt
            elif phase[k] == RUNNING:
                grows = 1.0 + machine[k, EFFECT] * (p - machine[k, RATED])
                if load[k]:
                    q = machine[k, FULL]
                    if machine[k, CONTROL] == VARIABLE:
                        q = min(max(flow[k], machine[k, LEAST]), q)
                    elif machine[k, CONTROL] == MODULATING:
                        q = min(max(flow[k], 0.0), q)
                    kw = grows * kw_at(q, curve_flow[k], curve_kw[k], points[k])
                    state[DELIVERED, k] = kw
                    idle_s[k] = 0.0 if q > 0.0 else idle_s[k] + dt
                else:
                    idle = grows * curve_kw[k, 0]
                    falls = math.exp(-idle_s[k] / machine[k, BLOW_S]) if machine[k, BLOW_S] > 0.0 else 0.0
                    kw = idle + max(state[DELIVERED, k] - idle, 0.0) * falls
                    idle_s[k] += dt
                on_s[k] += dt
            else:
                off_s[k] += dt
            delivered += q
            q_out[t, k], kw_out[t, k], phase_out[t, k] = q, kw, phase[k]
        leaks = leak_at_low * (p + ATMOSPHERE) / (low + ATMOSPHERE)
        before = p
        p += (delivered - used[t] - leaks) * dt / 60.0 / volume
        p_out[t] = p
        rate = (p - before) / dt
        # What a controller can tell of use and leaks: flows and the change of pressure.
        seen = delivered - (p - before) * volume * 60.0 / dt
        estimate[0] += (seen - estimate[0]) * min(dt / FAST_S, 1.0)
        estimate[1] += (seen - estimate[1]) * slowly
    for k in range(machines):
        state[RUN, k], state[LOAD, k] = run[k], load[k]
    return p, starts
