"""The rules of every kind of device in a plan, from their definitions: limits, energy, presence, costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.plan_table import Span, Values, of_kind, sessions_of
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.tap_changer import TapChanger
from gridloop.units import FloatArray

# Money per MWh and hour outside a battery's band, as docs/math/schedule.md says (BAND_PRICE).
OUTSIDE_BAND = 100.0
NS_PER_HOUR = 3.6e12


@dataclass
class Found:
    """What the devices of a plan come to.

    taken_mw  [step]  consumption less injection
    cost      by part, in money
    sent      (device, quantity) → value of the first interval, of all that a new plan keeps steady
    """

    taken_mw: FloatArray
    cost: dict[str, float] = field(default_factory=dict)
    sent: dict[tuple[str, str], float] = field(default_factory=dict)


def check_devices(devices: Sequence[Any], values: Values, span: Span, mean_export: float, ledger: Ledger) -> Found:
    """Check all devices. mean_export: mean price to export over the horizon, the worth of stored energy by default."""
    found = Found(np.zeros(len(span.hours)))
    if batteries := of_kind(devices, Battery):
        _batteries(batteries, values, span, mean_export, ledger, found)
    if len(sessions := sessions_of(devices)):
        _vehicles(sessions, values, span, ledger, found)
    if renewables := of_kind(devices, Renewable):
        _renewables(renewables, values, span, ledger, found)
    if loads := of_kind(devices, Load):
        _loads(loads, values, span, ledger, found)
    if changers := of_kind(devices, TapChanger):
        _taps(changers, values, span, ledger, found)
    return found


def _number(devices: Sequence[Any], name: str) -> FloatArray:
    """[device, 1]"""
    return np.array([[float(getattr(device, name))] for device in devices])


def _batteries(
    batteries: Sequence[Battery], values: Values, span: Span, mean_export: float, ledger: Ledger, found: Found
) -> None:
    names, h = [b.id for b in batteries], span.hours
    capacity, wear, early = (_number(batteries, n) for n in ("capacity_mwh", "degradation_cost", "early_cost"))
    into, out_of = _number(batteries, "charge_efficiency"), _number(batteries, "discharge_efficiency")
    p, energy = values["battery", "p_mw"], values["battery", "soc"] * capacity
    charge, discharge = np.clip(p, 0, None), np.clip(-p, 0, None)
    ledger.at_most("charging", names, charge, _number(batteries, "max_charge_mw"), "MW", span.starts)
    ledger.at_most("discharging", names, discharge, _number(batteries, "max_discharge_mw"), "MW", span.starts)

    kept = np.power(1.0 - _number(batteries, "self_discharge_per_day"), h / 24.0)
    start = _number(batteries, "initial_soc") * capacity
    before = np.hstack([start, energy[:, :-1]])
    right = kept * before + h * (into * charge - discharge / out_of)
    ledger.at_most("stored energy (more than was charged)", names, energy, right, "MWh", span.starts)
    ledger.at_least("stored energy (lost, or both directions at once)", names, energy, right, "MWh", span.starts)

    least, most = _number(batteries, "min_soc") * capacity, _number(batteries, "max_soc") * capacity
    idle = start * np.cumprod(kept, axis=1)
    # Outside its band a battery may be that began there, or cannot charge what it loses: as far as idling brings it.
    can_hold = _number(batteries, "max_charge_mw") * into * h >= least * (1.0 - kept)
    inside = (start[:, 0] >= least[:, 0]) & can_hold.all(axis=1)
    ledger.at_least(
        "stored energy (below the band)", names, energy, np.where(inside[:, None], least, np.minimum(least, idle)),
        "MWh", span.starts,
    )  # fmt: skip
    ledger.at_most("stored energy (above the band)", names, energy, np.maximum(most, idle), "MWh", span.starts)

    outside = np.clip(np.maximum(least - energy, energy - most), 0, None)
    may_leave = bool((np.where(inside[:, None], least, np.minimum(least, idle)) < least).any() or (idle > most).any())
    given = np.array([[np.nan if b.end_value_per_mwh is None else b.end_value_per_mwh] for b in batteries])
    worth = np.where(np.isnan(given), mean_export * out_of, given)
    waiting = np.cumsum(h) - h
    found.taken_mw += p.sum(axis=0)
    found.cost["battery_wear"] = float((wear * discharge * h).sum())
    found.cost["battery_waiting"] = float((early * np.abs(p) * (waiting * h)).sum())
    found.cost["stored_energy"] = -float((worth[:, 0] * energy[:, -1]).sum())
    if may_leave:
        found.cost["battery_band"] = OUTSIDE_BAND * float((outside * h).sum())
    found.sent |= {(name, "p_mw"): float(value) for name, value in zip(names, p[:, 0], strict=True)}


def _vehicles(sessions: pd.DataFrame, values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    names, p, h = [str(i) for i in sessions.index], values["ev", "p_mw"], span.hours
    power, energy = (sessions[n].to_numpy(dtype=float)[:, None] for n in ("max_charge_mw", "energy_mwh"))
    arrival, departure = (_hours_from(span, sessions[n])[:, None] for n in ("arrival", "departure"))
    begin = np.cumsum(h) - h
    there = np.clip(np.minimum(departure, begin + h) - np.maximum(arrival, begin), 0, None)  # [session, step], hours
    ledger.at_least("charging", names, p, 0.0, "MW", span.starts)
    ledger.at_most("charging", names, p, power * there / h, "MW", span.starts)
    delivered = p @ h
    ledger.at_most("energy of a session", names, delivered, energy[:, 0], "MWh")
    later = np.clip(departure - np.maximum(arrival, h.sum()), 0, None)
    short = np.clip((energy - power * later)[:, 0] - delivered, 0, None)
    found.taken_mw += p.sum(axis=0)
    found.cost["ev_unserved"] = float(sessions["lost"].to_numpy(dtype=float) @ short)
    found.cost["ev_waiting"] = float((sessions["early"].to_numpy(dtype=float)[:, None] * p * (begin * h)).sum())
    here = (power * there)[:, 0] > 0
    found.sent |= {(name, "p_mw"): float(p[k, 0]) for k, name in enumerate(names) if here[k]}


def _hours_from(span: Span, times: pd.Series) -> FloatArray:
    """Hours from the start of the plan."""
    since = pd.DatetimeIndex(times).as_unit("ns").asi8 - span.starts.as_unit("ns").asi8[0]
    return np.asarray(since / NS_PER_HOUR)


def _renewables(renewables: Sequence[Renewable], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    names = [r.id for r in renewables]
    p, q = values["renewable", "p_mw"], values["renewable", "q_mvar"]
    available = np.array([r.available_mw for r in renewables], dtype=float)
    curtailable = np.array([[r.curtailable] for r in renewables])
    ledger.at_most("output (more than there is)", names, p, available, "MW", span.starts)
    ledger.at_least("output", names, p, np.where(curtailable, 0.0, available), "MW", span.starts)
    limit = _number(renewables, "q_limit_mvar")
    ledger.at_most("reactive power", names, np.abs(q), limit, "Mvar", span.starts)
    found.taken_mw -= p.sum(axis=0)
    found.cost["curtailment"] = float((_number(renewables, "curtailment_cost") * (available - p) * span.hours).sum())
    found.cost["reactive_power"] = float((_number(renewables, "reactive_cost") * np.abs(q) * span.hours).sum())
    found.sent |= {(name, "q_mvar"): float(q[k, 0]) for k, name in enumerate(names) if limit[k, 0] > 0}


def _loads(loads: Sequence[Load], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    names, shed = [load.id for load in loads], values["load", "unserved_mw"]
    wanted = np.array([load.p_mw for load in loads], dtype=float)
    ledger.at_least("load not served", names, shed, 0.0, "MW", span.starts)
    most = _number(loads, "sheddable") * np.clip(wanted, 0, None)
    ledger.at_most("load not served", names, shed, most, "MW", span.starts)
    found.taken_mw += (wanted - shed).sum(axis=0)
    found.cost["unserved_load"] = float((_number(loads, "value_of_lost_load") * shed * span.hours).sum())


def _taps(changers: Sequence[TapChanger], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    names, position = [c.id for c in changers], values["tap", "tap_pos"]
    ledger.equal("whole tap position", names, position, np.round(position), "", span.starts)
    ledger.at_least("tap position", names, position, _number(changers, "min_position"), "", span.starts)
    ledger.at_most("tap position", names, position, _number(changers, "max_position"), "", span.starts)
    moves = np.abs(np.diff(position, axis=1, prepend=_number(changers, "position")))
    ledger.at_most("tap moves", names, moves, _number(changers, "moves_per_plan"), "", span.starts)
    found.cost["tap_moves"] = float((_number(changers, "move_cost") * moves).sum())
