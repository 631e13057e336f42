"""Compressor stations: least times, curves, the balance of air, the band of pressure, and what it takes and costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Owners, Span, Values
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.units import FloatArray

NAME = "compressor_station"
ATMOSPHERE = 1.01325


def _machines(stations: Sequence[Any]) -> Owners:
    return [(f"{s.id}/{m.id}", str(s.bus)) for s in stations for m in s.machines]


def _check(stations: Sequence[CompressorStation], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    power, bar = values[NAME, "p_mw"], values[NAME, "pressure_bar"]
    on, flow = values[NAME, "on"], values[NAME, "flow_m3_per_min"]
    first = 0
    starts = hours = 0.0
    for k, station in enumerate(stations):
        mine = slice(first, first + len(station.machines))
        first = mine.stop
        begun = _one(station, power[k], bar[k], on[mine], flow[mine], span, ledger)
        starts += sum(float(m.start_cost) * float(b.sum()) for m, b in zip(station.machines, begun, strict=True))
        run = np.array([float(m.hours_run) for m in station.machines])
        ahead = station.balance_cost * (run - run.min()) / 1000.0
        wear = np.array([float(m.wear_per_h) for m in station.machines]) + ahead
        hours += float(wear @ (on[mine] @ span.hours))
    found.take([s.bus for s in stations], power)
    found.cost |= {"compressor_start": starts, "compressor_hours": hours}


def _one(
    s: CompressorStation, power: FloatArray, bar: FloatArray, on: FloatArray, flow: FloatArray, span: Span,
    ledger: Ledger,
) -> FloatArray:  # fmt: skip
    """All rules of one station; where its machines start. [machine, step]"""
    names = [f"{s.id}/{m.id}" for m in s.machines]
    begin = np.concatenate([[s.min_bar if s.start_bar is None else s.start_bar], bar[:-1]])
    mean = (begin + bar) / 2
    ledger.equal("machine on or off", names, on, np.round(np.clip(on, 0, 1)), "", span.starts)
    running = on > 0.5
    before = np.array([[m.on_before] for m in s.machines])
    was = np.concatenate([before, running[:, :-1]], axis=1)
    begun, ended = running & ~was, ~running & was
    _least_times(s, names, running, begun, ended, span, ledger)
    most = np.array([[float(m.flow_m3_per_min[-1])] for m in s.machines]) * running
    ledger.at_least("flow", names, flow, 0.0, "m³/min", span.starts)
    ledger.at_most("flow of a machine", names, flow, most, "m³/min", span.starts)
    leaks = s.leak_m3_per_min * (mean + ATMOSPHERE) / (s.min_bar + ATMOSPHERE)
    filled = s.volume_m3 * (bar - begin) / (60.0 * span.hours)
    wanted = np.asarray(s.demand_m3_per_min, dtype=float) + leaks + filled
    ledger.equal("balance of air", [s.id], flow.sum(axis=0)[None, :], wanted[None, :], "m³/min", span.starts)
    ledger.at_least("pressure", [s.id], bar[None, :], s.min_bar, "bar", span.starts)
    ledger.at_most("pressure", [s.id], bar[None, :], s.max_bar, "bar", span.starts)
    spare = (most.sum(axis=0) - flow.sum(axis=0))[None, :]
    ledger.at_least("flow to spare", [s.id], spare, s.reserve(span.hours)[None, :], "m³/min", span.starts)
    kw = np.full(power.size, float(s.dryer_kw))
    grows = flows = 0.0
    for k, m in enumerate(s.machines):
        there = np.concatenate([[0.0], m.flow_m3_per_min])
        takes = np.concatenate([[m.idle_kw], m.power_kw]) * (1 + m.pressure_effect * (s.min_bar - m.rated_bar))
        kw += running[k] * np.interp(flow[k], there, takes) + begun[k] * m.start_kwh / span.hours
        grows += m.pressure_effect * float(m.power_kw[-1])
        flows += float(m.flow_m3_per_min[-1])
    air = np.asarray(s.demand_m3_per_min, dtype=float) + s.leak_m3_per_min
    kw += grows / flows * air * (mean - s.min_bar)
    ledger.equal("power", [s.id], power[None, :], kw[None, :] / 1000.0, "MW", span.starts)
    return np.asarray(begun)


def _least_times(
    s: CompressorStation, names: list[str], running: Any, begun: Any, ended: Any, span: Span, ledger: Ledger
) -> None:
    """Every run and every rest lasts as long as it must, those from before the plan included."""
    step = float(span.hours[0])
    for k, m in enumerate(s.machines):
        for changes, lasting, least in ((begun[k], running[k], m.min_on_h), (ended[k], ~running[k], m.min_off_h)):
            steps = int(np.ceil(least / step - 1e-6))
            for t in np.flatnonzero(changes):
                kept = float(lasting[t : t + steps].sum())
                wanted = float(min(steps, running.shape[1] - t))
                ledger.at_least("intervals without a change", [names[k]], np.array([kept]), wanted, "")
        left = (m.min_on_h if m.on_before else m.min_off_h) - float(m.since_h)
        steps = max(0, int(np.ceil(left / step - 1e-6)))
        same = running[k, :steps] == m.on_before
        ledger.at_least("state from before", [names[k]], same.astype(float)[None, :], 1.0, "", span.starts[:steps])


def _nothing(stations: Sequence[Any], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    """The rules of machines are those of their station."""


STATIONS = Kind(CompressorStation, NAME, (("p_mw", True), ("pressure_bar", False)), _check)
MACHINES = Kind(CompressorStation, NAME, (("on", True), ("flow_m3_per_min", False)), _nothing, _machines)
