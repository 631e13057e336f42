"""Loads with solar roofs and charging cars, hour by hour: fills blocks of scenarios from counted random numbers.

Scenario i is hour h = i mod H of case a = i // H; case a is draw a // L of level a mod L. Chance depends on the draw
and the load only, so that at a higher level of adoption the roofs of the lower ones stay, and further ones come: two
levels differ by their adoption, not by their luck.

    load    profile(h) · nominal · max(0, 1 + sd · z(load, i))
    roof    − size · sun(h)                                          where u < share of the level
    car     min(charger, max(0, energy − d · charger))               d full hours after it was plugged in, every day

Four words of one counter say whether there is a roof, its size, whether there is a car, and its charger; four more
its hour, its energy, and two that nobody uses.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.normal import normal_of_uniform
from gridloop.kernel.random import philox, uniform_row

_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)
DEVICE_STREAMS = (np.uint64(0x61646F70), np.uint64(0x61646F71))
NOISE_STREAM = np.uint64(0x61646F72)


@inner
def _unit(word: Any) -> float:
    """The number between 0 and 1 of a random word."""
    return (np.float64(word) + 0.5) * 2.0**-32


@outer
def devices_of(
    seed: Any,
    draw: Any,
    load: Any,
    pv_share: Any,
    ev_share: Any,
    pv_mw: Any,
    charger_mw: Any,
    plug_in: Any,
    energy: Any,
) -> tuple[float, float, float, float]:
    """Roof [MW], charger [MW], hour of plugging in and energy [MWh] of one load in one draw; zeros where it has none.

    pv_mw       [load, 2]  smallest and largest roof
    charger_mw  [choice]  chargers, equally likely
    plug_in     [24]  probability of the hours up to this one
    energy      [2]  least and most energy of a day, MWh
    """
    k0, k1 = seed & _LOW, seed >> _WORD
    low, high = draw & _LOW, draw >> _WORD
    has_pv, size, has_ev, charger = philox(low, high, np.uint64(load), DEVICE_STREAMS[0], k0, k1)
    hour, needed, _, _ = philox(low, high, np.uint64(load), DEVICE_STREAMS[1], k0, k1)
    roof = 0.0
    if _unit(has_pv) < pv_share:
        roof = pv_mw[load, 0] + (pv_mw[load, 1] - pv_mw[load, 0]) * _unit(size)
    if not _unit(has_ev) < ev_share:
        return roof, 0.0, 0.0, 0.0
    power = charger_mw[int(_unit(charger) * charger_mw.size)]
    at, plugged = 0, _unit(hour)
    while at < 23 and plugged >= plug_in[at]:
        at += 1
    return roof, power, float(at), energy[0] + (energy[1] - energy[0]) * _unit(needed)


@inner
def _scaled(profile: Any, p_mw: Any, q_mvar: Any, p: Any, q: Any) -> None:
    """The load that follows its profile. profile, p, q [k]; p and q are written"""
    for k in range(profile.size):
        p[k] = profile[k] * p_mw
        q[k] = profile[k] * q_mvar


@inner
def _shake(z: Any, sd: Any, p: Any, q: Any) -> None:
    """Multiply by a factor that is normal about 1 and never negative. z, p, q [k]"""
    for k in range(z.size):
        factor = 1.0 + sd * np.float64(z[k])
        factor = factor if factor > 0.0 else 0.0
        p[k] *= factor
        q[k] *= factor


@inner
def _shine(sun: Any, roof: Any, p: Any) -> None:
    """Take off what a roof gives. sun, p [k]"""
    for k in range(sun.size):
        p[k] -= roof * sun[k]


@inner
def _charge(clock: Any, charger: Any, plugged: Any, energy: Any, p: Any) -> None:
    """Add what a car draws. clock [k] hour of the day, p [k]"""
    for k in range(clock.size):
        since = clock[k] - plugged
        since = since + 24.0 if since < 0.0 else since
        left = energy - since * charger
        left = left if left > 0.0 else 0.0
        p[k] += left if left < charger else charger


@outer
def adoption_block(
    seed: Any,
    first: Any,
    p_mw: Any,
    q_mvar: Any,
    profile: Any,
    profile_of: Any,
    sun: Any,
    clock: Any,
    pv_share: Any,
    ev_share: Any,
    pv_mw: Any,
    charger_mw: Any,
    plug_in: Any,
    energy_mwh: Any,
    noise_sd: Any,
    p: Any,
    q: Any,
    device: Any,
) -> None:
    """Consumption of every load in scenarios in a row.

    seed, first          uint64; first is the scenario of p[:, 0]
    p_mw, q_mvar         [load]  nominal
    profile, profile_of  [profile, hour] factors of the nominal, and [load] which profile it follows
    sun, clock           [hour]  share of a roof's size that it gives; hour of the day
    pv_share, ev_share   [level]  probability of a roof, of a car
    pv_mw, charger_mw, plug_in, energy_mwh   as of `devices_of`
    p, q    [load, scenario]  MW, Mvar; written here
    device  [load, scenario]  what roof and car consume, MW; with no row, they are part of p
    """
    hours, levels, count = sun.size, pv_share.size, p.shape[1]
    z = np.empty(count if noise_sd > 0.0 else 0, np.float32)
    apart = device.shape[0] > 0
    done = 0
    while done < count:
        scenario = np.int64(first) + done
        case, hour = scenario // hours, scenario % hours
        take = min(hours - hour, count - done)
        draw, level = np.uint64(case // levels), case % levels
        sun_here, clock_here = sun[hour : hour + take], clock[hour : hour + take]
        for load in range(p.shape[0]):
            p_here, q_here = p[load, done : done + take], q[load, done : done + take]
            _scaled(profile[profile_of[load], hour : hour + take], p_mw[load], q_mvar[load], p_here, q_here)
            if noise_sd > 0.0:
                z_here = z[:take]
                uniform_row(seed, NOISE_STREAM, np.uint64(load), np.uint64(scenario), z_here)
                normal_of_uniform(z_here)
                _shake(z_here, noise_sd, p_here, q_here)
            into = p_here
            if apart:
                into = device[load, done : done + take]
                into[:] = 0.0
            roof, charger, plugged, energy = devices_of(
                seed, draw, load, pv_share[level], ev_share[level], pv_mw, charger_mw, plug_in, energy_mwh
            )
            if roof > 0.0:
                _shine(sun_here, roof, into)
            if charger > 0.0:
                _charge(clock_here, charger, plugged, energy, into)
        done += take
