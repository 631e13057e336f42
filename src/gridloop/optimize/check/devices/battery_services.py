"""Services of batteries: power and energy for every offer, what calls move and what is paid, from their definitions.

Of an interval the share `called_up` runs at the set-point less the whole offer up (charging is positive), the share
`called_down` at the set-point plus the whole offer down, and the rest at the set-point. Everything here follows from
these three powers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Span, Values, number
from gridloop.optimize.devices.battery import Battery
from gridloop.units import BoolArray, FloatArray

# Column of the prices that pays each service, as docs/math/schedule.md says.
PAYS = {
    "regulation_up": "regulation_up_eur_per_mw",
    "regulation_down": "regulation_down_eur_per_mw",
    "reserve": "reserve_eur_per_mw",
}


@dataclass(frozen=True)
class Ready:
    """Offers and terms of all batteries; zero where a battery has no such service. [battery, step] and [battery, 1]"""

    up: FloatArray
    down: FloatArray
    reserve: FloatArray
    called_up: FloatArray
    called_down: FloatArray
    hold_h: FloatArray
    hold_reserve_h: FloatArray


def offered(batteries: Sequence[Battery], values: Values, p: FloatArray) -> Ready:
    """What is held ready, from the plan's table."""
    regulates = np.array([b.regulation is not None for b in batteries], dtype=bool)
    reserves = np.array([b.reserve is not None for b in batteries], dtype=bool)

    def spread(quantity: str, has: BoolArray) -> FloatArray:
        held = np.zeros(p.shape)
        held[has] = values["battery", quantity]
        return held

    def term(name: str) -> FloatArray:
        return np.array([[0.0 if b.regulation is None else float(getattr(b.regulation, name))] for b in batteries])

    return Ready(
        spread("regulation_up_mw", regulates),
        spread("regulation_down_mw", regulates),
        spread("reserve_mw", reserves),
        term("called_up"),
        term("called_down"),
        term("energy_h"),
        np.array([[0.0 if b.reserve is None else b.reserve.energy_h] for b in batteries]),
    )


def moved(p: FloatArray, ready: Ready) -> tuple[FloatArray, FloatArray]:
    """Mean charging and discharging, calls included. [battery, step], MW"""
    shares = ((ready.called_up, p - ready.up), (ready.called_down, p + ready.down))
    rest = 1.0 - ready.called_up - ready.called_down
    charge = rest * np.clip(p, 0, None) + sum(share * np.clip(at, 0, None) for share, at in shares)
    discharge = rest * np.clip(-p, 0, None) + sum(share * np.clip(-at, 0, None) for share, at in shares)
    return charge, discharge


def check_offers(
    batteries: Sequence[Battery], p: FloatArray, energy: FloatArray, low: FloatArray, high: FloatArray, ready: Ready,
    span: Span, ledger: Ledger,
) -> None:  # fmt: skip
    """Every call can be answered: with power from the set-point, and with energy from both ends of the interval."""
    names = [b.id for b in batteries]
    into, out_of = number(batteries, "charge_efficiency"), number(batteries, "discharge_efficiency")
    for name, held in (("up", ready.up), ("down", ready.down), ("reserve", ready.reserve)):
        ledger.at_least(f"offer ({name})", names, held, 0.0, "MW", span.starts)
    lowest, highest = p - ready.up - ready.reserve, p + ready.down
    ledger.at_least("power of a call up", names, lowest, -number(batteries, "max_discharge_mw"), "MW", span.starts)
    ledger.at_most("power of a call down", names, highest, number(batteries, "max_charge_mw"), "MW", span.starts)

    begin = np.hstack([number(batteries, "initial_soc") * number(batteries, "capacity_mwh"), energy[:, :-1]])
    low_begin = np.hstack([np.minimum(low[:, :1], begin[:, :1]), low[:, :-1]])
    high_begin = np.hstack([np.maximum(high[:, :1], begin[:, :1]), high[:, :-1]])
    kept = np.power(1.0 - number(batteries, "self_discharge_per_day"), span.hours / 24.0)
    # Without a call in the interval it would end here.
    end = kept * begin + span.hours * (into * np.clip(p, 0, None) - np.clip(-p, 0, None) / out_of)
    # What a call up takes: charging let off is no longer stored, the rest is discharged. Down the other way round.
    less_up, less_down = np.minimum(np.clip(p, 0, None), ready.up), np.minimum(np.clip(-p, 0, None), ready.down)
    drawn, stored = ready.hold_h * (ready.up - less_up) / out_of, ready.hold_h * (ready.down - less_down) * into
    reserve = ready.hold_reserve_h * ready.reserve / out_of
    up_end = end - ready.hold_h * into * less_up - drawn - reserve
    down_end = end + ready.hold_h * less_down / out_of + stored
    ledger.at_least("energy for a call up (end)", names, up_end, low, "MWh", span.starts)
    ledger.at_least("energy for a call up (begin)", names, begin - drawn - reserve, low_begin, "MWh", span.starts)
    ledger.at_most("room for a call down (end)", names, down_end, high, "MWh", span.starts)
    ledger.at_most("room for a call down (begin)", names, begin + stored, high_begin, "MWh", span.starts)


def add_earnings(batteries: Sequence[Battery], ready: Ready, span: Span, found: Found) -> None:
    """What the prices pay for every service that a battery of the plan has."""
    regulates = any(b.regulation is not None for b in batteries)
    for name, held, offers in (
        ("regulation_up", ready.up, regulates),
        ("regulation_down", ready.down, regulates),
        ("reserve", ready.reserve, any(b.reserve is not None for b in batteries)),
    ):
        if offers and PAYS[name] in span.prices:
            price = span.prices[PAYS[name]].to_numpy(dtype=float)
            found.cost[name] = -float((held * (price * span.hours)).sum())
