"""Batteries: energy that adds up, the band, power limits and wear, from their definitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Span, Values, number
from gridloop.optimize.check.devices.battery_services import add_earnings, check_offers, moved, offered
from gridloop.optimize.check.devices.battery_wear import wear_of
from gridloop.optimize.devices.battery import Battery


def _check(batteries: Sequence[Battery], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    names, h = [b.id for b in batteries], span.hours
    capacity, early = (number(batteries, n) for n in ("capacity_mwh", "early_cost"))
    into, out_of = number(batteries, "charge_efficiency"), number(batteries, "discharge_efficiency")
    p, energy = values["battery", "p_mw"], values["battery", "soc"] * capacity
    ledger.at_most("charging", names, np.clip(p, 0, None), number(batteries, "max_charge_mw"), "MW", span.starts)
    ledger.at_most("discharging", names, np.clip(-p, 0, None), number(batteries, "max_discharge_mw"), "MW", span.starts)

    ready = offered(batteries, values, p)
    charge, discharge = moved(p, ready)
    kept = np.power(1.0 - number(batteries, "self_discharge_per_day"), h / 24.0)
    start = number(batteries, "initial_soc") * capacity
    before = np.hstack([start, energy[:, :-1]])
    right = kept * before + h * (into * charge - discharge / out_of)
    ledger.at_most("stored energy (more than was charged)", names, energy, right, "MWh", span.starts)
    ledger.at_least("stored energy (lost, or both directions at once)", names, energy, right, "MWh", span.starts)

    least, most = number(batteries, "min_soc") * capacity, number(batteries, "max_soc") * capacity
    idle = start * np.cumprod(kept, axis=1)
    # Outside its band a battery may be that began there, or cannot charge what it loses: as far as idling brings it.
    can_hold = number(batteries, "max_charge_mw") * into * h >= least * (1.0 - kept)
    inside = (start[:, 0] >= least[:, 0]) & can_hold.all(axis=1)
    low = np.where(inside[:, None], least, np.minimum(least, idle))
    high = np.maximum(most, idle)
    ledger.at_least("stored energy (below the band)", names, energy, low, "MWh", span.starts)
    ledger.at_most("stored energy (above the band)", names, energy, high, "MWh", span.starts)
    check_offers(batteries, p, energy, low, high, ready, span, ledger)

    outside = np.clip(np.maximum(least - energy, energy - most), 0, None)
    given = np.array([[np.nan if b.end_value_per_mwh is None else b.end_value_per_mwh] for b in batteries])
    worth = np.where(np.isnan(given), span.mean_export * out_of, given)
    waiting = np.cumsum(h) - h
    net = charge - discharge
    found.take([b.bus for b in batteries], net)
    worn = [wear_of(b, charge[k], discharge[k], h) for k, b in enumerate(batteries)]
    found.cost["battery_wear"] = float(sum(worn))
    found.cost["battery_waiting"] = float((early * np.abs(p) * (waiting * h)).sum())
    found.cost["stored_energy"] = -float((worth[:, 0] * energy[:, -1]).sum())
    if bool((low < least).any() or (idle > most).any()):
        found.cost["battery_band"] = float((number(batteries, "band_price") * outside * h).sum())
    add_earnings(batteries, ready, span, found)
    found.import_by_calls += (p + ready.down - net).sum(axis=0)
    found.export_by_calls += (net - (p - ready.up - ready.reserve)).sum(axis=0)
    found.soc |= dict(zip(names, values["battery", "soc"], strict=True))
    found.sent |= {(name, "p_mw"): float(value) for name, value in zip(names, p[:, 0], strict=True)}


KIND = Kind(
    Battery,
    "battery",
    (("p_mw", True), ("soc", False), ("regulation_up_mw", True), ("regulation_down_mw", True), ("reserve_mw", True)),
    _check,
    some={
        "regulation_up_mw": lambda battery: battery.regulation is not None,
        "regulation_down_mw": lambda battery: battery.regulation is not None,
        "reserve_mw": lambda battery: battery.reserve is not None,
    },
)
