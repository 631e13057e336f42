"""Limits of the grid on a plan: bands, ratings and losses as a power flow of the checker's own finds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Span
from gridloop.optimize.check.devices.kinds import check_devices
from gridloop.optimize.check.plan_flow import States, states_of
from gridloop.optimize.check.plan_table import read_table
from gridloop.optimize.devices.tap_changer import TapChanger
from gridloop.units import BoolArray, ComplexArray, FloatArray

# Where a limit gave way the plan knows by how much to a hundredth of a percent of the voltage, and to a twentieth of
# the rating's percent (`limit_rows.GIVEN_WAY_EXACTLY`); a limit that did not is held to what its row keeps inside.
TOLD_PU, TOLD_PCT = 1e-4, 0.05
ROUNDING_PU, ROUNDING_PCT = 1e-5, 1e-3
# Two solvers agree on losses to this share and to 10 W.
SAME_LOSSES, LEAST_MW = 1e-3, 1e-5


def check_network(
    network: Network | Feeder,
    loading_limit_pct: float,
    devices: Any,
    values: Mapping[tuple[str, str], FloatArray],
    found: Found,
    plan: Any,
    span: Span,
    ledger: Ledger,
) -> None:
    """Every interval's own flow keeps bands and ratings as far as `gave_way` does not name them, and loses what the
    plan's check says, regulators at rest. Of a plan that has not settled only the intervals that its check calls clean
    are held to that, and none in which it says that regulators hunt."""
    steps = len(span.hours)
    told = sum((p.sum(axis=0) for _, p, _ in found.taken_at), np.zeros(steps))
    if not np.allclose(told, found.taken_mw, atol=1e-9, rtol=1e-9):
        ledger.missing("place in the network of what is taken", ["some devices"])
        return
    resting = list(plan.check["taps"]) if "taps" in plan.check else None
    states = states_of(network, _by_bus(found, steps), _taps(devices, values), steps, resting)
    clean = rests = np.ones(steps, dtype=bool)
    if not plan.settled:
        if "hunting" in plan.check:
            rests = plan.check["hunting"].to_numpy(dtype=object) == ""
        broken = plan.check[["voltage_violations", "overloads"]].to_numpy(dtype=float).sum(axis=1)
        clean = (broken == 0) & rests
    if not np.isfinite(states.losses).all():
        ledger.missing("power flow", ["AC"], ~np.isfinite(states.losses)[None, :], span.starts)
        return
    still = np.where(rests, np.abs(states.wants), 0)
    ledger.at_most("steps still wanted", states.regulators, still, 0.0, "", span.starts)
    losses = plan.check["losses_mw"].to_numpy(dtype=float)
    near = np.clip(states.losses, losses - _same(losses), losses + _same(losses))
    near = np.where(rests, near, states.losses)
    ledger.equal("losses", ["AC flow"], states.losses[None, :], near[None, :], "MW", span.starts)
    _bands(states, plan.gave_way, clean, span, ledger)
    _ratings(states, loading_limit_pct, plan.gave_way, clean, span, ledger)


def _same(losses: FloatArray) -> FloatArray:
    return np.asarray(SAME_LOSSES * np.abs(losses) + LEAST_MW)


def _by_bus(found: Found, steps: int) -> dict[str, ComplexArray]:
    total: dict[str, ComplexArray] = {}
    for buses, p, q in found.taken_at:
        for k, bus in enumerate(buses):
            total[bus] = total.get(bus, np.zeros(steps, dtype=complex)) + p[k] + 1j * q[k]
    return total


def _taps(devices: Any, values: Mapping[tuple[str, str], FloatArray]) -> dict[str, FloatArray]:
    changers = [d for d in devices if isinstance(d, TapChanger)]
    return {str(name): values["tap", "tap_pos"][k] for k, d in enumerate(changers) for name in d.transformers}


def _told(gave_way: Mapping[str, float], kind: str, span: Span) -> dict[tuple[str, int], float]:
    """(element, interval) → excess in % of limits of a kind that gave way."""
    place = {f"{time:%Y-%m-%d %H:%M} UTC": k for k, time in enumerate(span.starts)}
    told = {}
    for name, amount in gave_way.items():
        limit, _, time = name.rpartition(" at ")
        what, _, element = limit.partition(":")
        if what == kind and time in place:
            told[element, place[time]] = float(amount)
    return told


def _bands(states: States, gave_way: Mapping[str, float], clean: BoolArray, span: Span, ledger: Ledger) -> None:
    row = pd.Series(range(len(states.nodes)), index=states.nodes)
    for kind, limit, sign in (("voltage_high", states.high, 1.0), ("voltage_low", states.low, -1.0)):
        room = np.full(states.v.shape, ROUNDING_PU)
        for (element, step), percent in _told(gave_way, kind, span).items():
            if element in row:
                alike = np.abs(states.v[:, step] - states.v[int(row[element]), step]) < 1e-9  # joined by a switch
                room[alike, step] = np.maximum(room[alike, step], percent / 100.0 + TOLD_PU)
        value = np.where(np.isnan(states.v) | ~clean, -np.inf, sign * states.v)
        bound = np.where(np.isnan(limit), np.inf, sign * limit)[:, None] + room
        ledger.at_most(kind, states.nodes, value, np.broadcast_to(bound, value.shape), "pu", span.starts)


def _ratings(
    states: States, limit_pct: float, gave_way: Mapping[str, float], clean: BoolArray, span: Span, ledger: Ledger
) -> None:
    row = {name: k for k, name in enumerate(states.branches)}
    room = np.full(states.loading.shape, ROUNDING_PCT)
    for (element, step), percent in _told(gave_way, "loading", span).items():
        k = row.get(element, row.get(element.rpartition(".")[0], -1))  # a conductor or unit: "line.2"
        if k >= 0:
            room[k, step] = max(room[k, step], percent + TOLD_PCT)
    value = np.where(np.isnan(states.loading) | ~clean, -np.inf, states.loading - room - limit_pct)
    ledger.at_most("loading beyond its rating", states.branches, value / 100.0, 0.0, "", span.starts)


def states_of_plan(
    plan: Any, devices: Any, network: Network | Feeder, prices: pd.DataFrame, connection: str = "connection"
) -> States:
    """What a plan, made with this network or without any, makes of it: the checker's own flow of every interval."""
    span = Span(plan.horizon.starts, np.asarray(plan.horizon.hours, dtype=float), prices, 0.0)
    ledger = Ledger(np.inf, base_mva=1.0)
    values = read_table(plan.table, devices, connection, span, ledger)
    found = check_devices(devices, values, span, ledger)
    steps = len(span.hours)
    resting = list(plan.check["taps"]) if "taps" in plan.check else None
    return states_of(network, _by_bus(found, steps), _taps(devices, values), steps, resting)
