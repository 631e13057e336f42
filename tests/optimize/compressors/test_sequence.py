"""The best sequence: beside every sequence there is, and its bound."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from gridloop.optimize.compressors.demand import demo_station, synthetic_week
from gridloop.optimize.compressors.machine import Compressor
from gridloop.optimize.compressors.sequence import best_sequence, cost_of, searchable
from gridloop.optimize.devices.compressor_station import CompressorStation

HOURS = np.full(4, 0.25)


def small(demand: list[float], **more: object) -> CompressorStation:
    machines = [
        Compressor.fixed_speed("F", 10.0, 60.0, idle_kw=15.0, start_kwh=1.0, min_on_h=0.5, min_off_h=0.25),
        Compressor.variable_speed("V", 8.0, 52.0, start_kwh=0.5, min_on_h=0.25, min_off_h=0.5),
    ]
    fields = {"volume_m3": 20.0, "min_bar": 6.2, "max_bar": 6.6, "leak_m3_per_min": 1.0} | more
    return CompressorStation(machines, np.array(demand), **fields)


def every_sequence(station: CompressorStation, price: np.ndarray) -> float:
    """The least cost over all on/off patterns and a fine grid of pressures, by trying them all."""
    n, level = len(HOURS), np.linspace(station.min_bar, station.max_bar, 9)
    full = np.array([m.most_m3_per_min for m in station.machines])
    best = np.inf
    for bits in product((0, 1), repeat=2 * n):
        on = np.array(bits, dtype=bool).reshape(2, n)
        if not _lasts(on, station):
            continue
        # by dynamic programming over the grid, for one pattern
        value = np.zeros(level.size)
        for t in range(n - 1, -1, -1):
            begins = [station.begins_bar] if t == 0 else level
            found = np.full(len(begins), np.inf)
            for i, begin in enumerate(begins):
                for j, end in enumerate(level):
                    mean = (begin + end) / 2
                    air = station.demand_m3_per_min[t] + station.leak(mean) + 20.0 * (end - begin) / 15.0
                    if not -1e-9 <= air <= full[on[:, t]].sum() + 1e-9 or (t == n - 1 and end < station.begins_bar):
                        continue
                    kw = _least_kw(station, on[:, t], air) + station.kw_per_bar()[t] * (mean - station.min_bar)
                    found[i] = min(found[i], price[t] * kw / 4000.0 + value[j])
            value = found
        before = np.zeros((2, 1), dtype=bool)
        starts = (np.diff(np.concatenate([before, on], axis=1).astype(int), axis=1) > 0).astype(float)
        kwh = np.array([m.start_kwh for m in station.machines])
        best = min(best, float(value[0]) + float((kwh[:, None] * starts * price / 1000.0).sum()))
    return best


def _lasts(on: np.ndarray, station: CompressorStation) -> bool:
    up, down = station.least_times(HOURS)
    for k in range(2):
        state, lasted = False, 99
        for now in on[k]:
            if now == state:
                lasted += 1
            elif lasted < (up[k] if state else down[k]):
                return False
            else:
                state, lasted = bool(now), 1
    return True


def _least_kw(station: CompressorStation, on: np.ndarray, air: float) -> float:
    least = 0.0
    pieces = []
    for machine, runs in zip(station.machines, on, strict=True):
        if runs:
            flow, kw = machine.curve
            at = machine.at(station.min_bar)
            least += at * kw[0]
            pieces += [(at * b / a, a) for a, b in zip(np.diff(flow), np.diff(kw), strict=True)]
    for slope, width in sorted(pieces):
        part = min(width, max(air, 0.0))
        least, air = least + slope * part, air - part
    return least


@pytest.mark.parametrize(
    ("demand", "price"),
    [
        ([3.0, 12.0, 14.0, 2.0], [80.0] * 4),
        ([9.0, 9.5, 7.0, 10.5], [40.0, 150.0, 40.0, 150.0]),
    ],
)
def test_no_sequence_is_cheaper(demand, price):
    station, price = small(demand), np.array(price)
    found = best_sequence(station, price, HOURS, gap=1e-4, levels=9)
    by_hand = every_sequence(station, price)
    assert found.bound <= found.cost * (1 + 1e-9)
    assert found.bound <= by_hand * (1 + 1e-9)
    assert found.cost <= by_hand * (1 + 1e-9)  # pressures between the levels may be cheaper
    assert found.gap < 0.01


def test_the_cost_is_that_of_what_was_found():
    station = small([3.0, 12.0, 14.0, 2.0])
    price = np.full(4, 80.0)
    found = best_sequence(station, price, HOURS)
    assert cost_of(station, price, HOURS, found.on, found.pressure_bar) == pytest.approx(found.cost, rel=1e-12)
    again = best_sequence(station, price, HOURS)
    assert (again.on == found.on).all() and (again.pressure_bar == found.pressure_bar).all()


def test_price_zero_and_below():
    """Where power costs nothing or earns, the air is given all the same, and the bound holds."""
    station = small([3.0, 12.0, 14.0, 2.0])
    price = np.array([0.0, -20.0, 50.0, -5.0])
    found = best_sequence(station, price, HOURS, gap=0.01)
    assert np.isfinite(found.cost) and found.bound <= found.cost + 1e-9
    assert (np.array([10.0, 8.0]) @ found.on >= station.demand_m3_per_min - 0.5).all()


def test_a_tight_station_lets_the_receiver_help():
    """18.4 m³/min are used and leak in one interval, 18 can be given: the receiver is filled before."""
    station = small([6.0, 6.0, 17.4, 6.0])
    found = best_sequence(station, np.full(4, 80.0), HOURS)
    assert found.on[:, 2].all() and found.pressure_bar[1] > found.pressure_bar[2] + 0.3


def test_more_volume_never_costs_more():
    price = np.array([40.0, 150.0, 40.0, 150.0])
    cost = [best_sequence(small([9.0] * 4, volume_m3=v), price, HOURS, gap=1e-5).bound for v in (5.0, 200.0)]
    assert cost[1] <= cost[0] + 1e-6


def test_six_machines_and_a_week_to_half_a_per_cent():
    week = synthetic_week(3)
    station = replace(demo_station(week.mean.to_numpy()), reserve_m3_per_min=2.5)
    hours = np.full(len(week.mean), 0.25)
    assert searchable(station, hours)
    found = best_sequence(station, np.full(hours.size, 100.0), hours)
    assert found.gap <= 0.005
    full = np.array([m.most_m3_per_min for m in station.machines])
    assert (full @ found.on >= station.demand_m3_per_min + 2.5).all()
