"""Services of batteries: capacity held ready for calls, the energy kept for it, and what calls move and wear.

A call is all or nothing: for the share `called_up` of an interval the whole offer up is called, for `called_down` the
whole offer down, and the rest runs at the set-point. Of all signals with the same mean this one loses most, since what
is stored is concave in the power (1 / η_out a MWh given, η_in a MWh taken): the plan errs on the side of less energy.
A call up first lets charging off (`less`), then discharges (`more`); a call down the other way round. Told apart,

    r_up = less + more,    0 ≤ less ≤ charge,       discharge − charge + r_up + reserve ≤ max_discharge
    r_down = less + more,  0 ≤ less ≤ discharge,    charge − discharge + r_down ≤ max_charge

    mean charging     = charge − called_up · less_up + called_down · more_down
    mean discharging  = discharge + called_up · more_up − called_down · less_down

are linear and exact. `less` loses less than `more`, so that it comes first wherever stored energy is worth something;
elsewhere `settle` sees to it. The energy that a call of energy_h hours takes has to be there at both ends of the
interval: at its end, were there no other call in it, for all of the offer; at its begin for `more` alone, as what lets
charging off takes nothing out. Then a call of energy_h hours keeps the band wherever within the interval it falls.
Calls of reserve are too rare to plan energy for; it keeps its energy at both ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.optimize.devices.group import MOVING_MW, Offer, Quantity
from gridloop.optimize.devices.services import PRICE, Regulation
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel, Members
from gridloop.optimize.linear import NO_VARIABLE, Coords, Sum, add_rows, add_variables, one_step_earlier
from gridloop.optimize.solve import Fix, Outcome
from gridloop.units import BoolArray, FloatArray, IntArray

Terms = list[tuple[IntArray, FloatArray | float]]

# Ten times the solver's feasibility tolerance: an offer that passes over less than this is rounding.
PASSED_OVER_MW = 1e-6


@dataclass(frozen=True)
class Base:
    """What a group of batteries has before it offers anything; labels, low and high [battery, step], others [battery].

    low, high  energy at the end of every interval that must not be left [MWh]
    start      energy before the first interval
    """

    ids: list[str]
    bus: list[str]
    charge: IntArray
    discharge: IntArray
    energy: IntArray
    charge_max: FloatArray
    discharge_max: FloatArray
    eta_in: FloatArray
    eta_out: FloatArray
    start: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class _Direction:
    """Regulation one way: variables, labels [battery, step], −1 where there are none.

    less, more  the parts of the offer
    left        what could be let off and is not offered
    called      mean share of the offer that is called [battery, 1]
    """

    less: Members
    more: Members
    left: Members
    called: FloatArray

    def passed_over(self, outcome: Outcome, matters: BoolArray) -> tuple[BoolArray, BoolArray]:
        """Where more is done although there is something to let off, by which of the two is the larger part."""
        left, more = outcome.value(self.left), outcome.value(self.more)
        passed = (left > PASSED_OVER_MW) & (more > PASSED_OVER_MW) & matters
        return passed & (more <= left), passed & (more > left)


class Services:
    """Offers of the batteries of one group that have any, in one problem; equations above.

    batteries  all of the group
    prices     one row per interval, with the columns that pay
    """

    def __init__(self, batteries: Sequence[Any], prices: pd.DataFrame) -> None:
        regulation = [b.regulation or Regulation(0.0, 0.0, 0.0) for b in batteries]
        self.regulates = np.array([b.regulation is not None for b in batteries])
        self.reserves = np.array([b.reserve is not None for b in batteries])
        self.hold = np.array([[r.energy_h] for r in regulation])
        self.called_up = np.array([[r.called_up] for r in regulation])
        self.called_down = np.array([[r.called_down] for r in regulation])
        self.hold_reserve = np.array([[0.0 if b.reserve is None else b.reserve.energy_h] for b in batteries])
        self.price = {
            name: prices[column].to_numpy(dtype=float) for name, column in PRICE.items() if column in prices.columns
        }

    def add(self, model: LabelledModel, horizon: Horizon, base: Base) -> None:
        """Parts of every offer [MW], and the power and energy that are kept for it."""
        self.base, self.hours = base, horizon.hours
        self.coords: Coords = [pd.Index(base.ids, name="battery_service"), horizon.index]
        self.none = np.full(base.charge.shape, NO_VARIABLE, dtype=np.int64)
        charge_max, discharge_max = base.charge_max[:, None], base.discharge_max[:, None]
        self.up = self._direction(model, "regulation_up", charge_max, discharge_max, self.called_up)
        self.down = self._direction(model, "regulation_down", discharge_max, charge_max, self.called_down)
        self.held: Members | None = None
        if "reserve" in self.price and self.reserves.any():
            self.held = self._part(model, "reserve", charge_max + discharge_max, self.reserves)
        self._add_power(model)
        self._add_energy(model)

    def _direction(
        self, model: LabelledModel, service: str, less: FloatArray, more: FloatArray, called: FloatArray
    ) -> _Direction | None:
        if service not in self.price or not self.regulates.any():
            return None
        return _Direction(
            self._part(model, f"{service}_less", less, self.regulates),
            self._part(model, f"{service}_more", more, self.regulates),
            self._part(model, f"{service}_left", np.inf, self.regulates),
            called,
        )

    def _part(self, model: LabelledModel, name: str, most: FloatArray | float, has: BoolArray) -> Members:
        present = np.broadcast_to(has[:, None], self.none.shape)
        return add_variables(model, f"battery_{name}", self.coords, 0.0, most, present)

    def _add_power(self, model: LabelledModel) -> None:
        base = self.base
        held = [] if self.held is None else [_labels(self.held)]
        for name, one_way, more, less, most, further in (
            ("up", self.up, base.discharge, base.charge, base.discharge_max, held),
            ("down", self.down, base.charge, base.discharge, base.charge_max, []),
        ):
            parts = [] if one_way is None else [_labels(one_way.less), _labels(one_way.more)]
            offers: Terms = [(labels, 1.0) for labels in (*parts, *further)]
            self._rows(model, f"battery_power_{name}", offers, [(more, 1.0), (less, -1.0)], "<=", most[:, None])
            if one_way is not None:
                let_off: Terms = [(parts[0], 1.0), (_labels(one_way.left), 1.0)]
                self._rows(model, f"battery_let_off_{name}", let_off, [(less, -1.0)], "=", 0.0)

    def _add_energy(self, model: LabelledModel) -> None:
        """The energy of a whole call above low, and the room for it below high, at both ends of every interval.

        At its end counts what is stored where the interval itself brings no call: then it keeps the band as well.
        """
        base, hold = self.base, self.hold
        into, out_of = base.eta_in[:, None], 1.0 / base.eta_out[:, None]
        drawn: Terms = []
        stored: Terms = []
        begin: Terms = []
        room_begin: Terms = []
        held: Terms = []
        if self.up is not None:
            drawn = [(_labels(self.up.less), into), (_labels(self.up.more), out_of)]
            begin = [(_labels(self.up.more), -hold * out_of)]
        if self.down is not None:
            stored = [(_labels(self.down.less), out_of), (_labels(self.down.more), into)]
            room_begin = [(_labels(self.down.more), hold * into)]
        if self.held is not None:
            held = [(_labels(self.held), -self.hold_reserve * out_of)]
        called_up, called_down = self.called_up * self.hours, self.called_down * self.hours
        end = [*_times(drawn, called_up - hold), *_times(stored, -called_down), *held]
        room_end = self.room_end = [*_times(drawn, called_up), *_times(stored, hold - called_down)]
        # Before the first interval there is no variable: what is there already moves to the right.
        lowest, highest = np.minimum(base.low[:, 0], base.start), np.maximum(base.high[:, 0], base.start)
        low_before = np.column_stack([lowest - base.start, base.low[:, :-1]])
        high_before = np.column_stack([highest - base.start, base.high[:, :-1]])
        before = one_step_earlier(base.energy)
        self._rows(model, "battery_energy_up_end", end, [(base.energy, 1.0)], ">=", base.low)
        self._rows(model, "battery_energy_up_begin", [*begin, *held], [(before, 1.0)], ">=", low_before)
        self._rows(model, "battery_energy_down_end", room_end, [(base.energy, 1.0)], "<=", base.high)
        self._rows(model, "battery_energy_down_begin", room_begin, [(before, 1.0)], "<=", high_before)

    def _rows(
        self, model: LabelledModel, name: str, offers: Terms, others: Terms, sign: str, right: FloatArray | float
    ) -> None:
        """Rows of the batteries that have any of the offers; the others have none."""
        if not offers:
            return
        mine = np.flatnonzero(np.any([(labels != NO_VARIABLE).any(axis=1) for labels, _ in offers], axis=0))
        shape = self.none.shape
        coords: Coords = [pd.Index([self.base.ids[k] for k in mine], name=f"{name}_of"), self.coords[1]]
        terms: Terms = [(labels[mine], np.broadcast_to(c, shape)[mine]) for labels, c in (*others, *offers)]
        add_rows(model, name, coords, terms, sign, np.broadcast_to(right, shape)[mine])

    # ------------------------------------------------------------- what calls move

    def charging(self) -> Terms:
        """What calls add to mean charging. [MW]"""
        less: Terms = [] if self.up is None else [(_labels(self.up.less), -self.up.called)]
        return less if self.down is None else [*less, (_labels(self.down.more), self.down.called)]

    def discharging(self) -> Terms:
        """What calls add to mean discharging. [MW]"""
        more: Terms = [] if self.up is None else [(_labels(self.up.more), self.up.called)]
        return more if self.down is None else [*more, (_labels(self.down.less), -self.down.called)]

    def offers(self) -> list[Offer]:
        """What the connection has to carry where it is called as a whole."""
        found = []
        for one_way, up in ((self.up, True), (self.down, False)):
            if one_way is not None:
                found += [Offer(_labels(v), up, one_way.called) for v in (one_way.less, one_way.more)]
        return found if self.held is None else [*found, Offer(_labels(self.held), True, 0.0)]

    def earned(self) -> dict[str, Sum]:
        """What is paid for being ready, by service; negative, as a cost."""
        return {
            name: Sum.of(*((variable, -self.price[name] * self.hours) for variable in variables))
            for name, variables in self._variables().items()
            if variables
        }

    def _variables(self) -> dict[str, list[Members]]:
        """Variables that add up to each service; none where nothing pays it."""
        return {
            "regulation_up": [] if self.up is None else [self.up.less, self.up.more],
            "regulation_down": [] if self.down is None else [self.down.less, self.down.more],
            "reserve": [] if self.held is None else [self.held],
        }

    # ------------------------------------------------------------- after a solve

    def settle(self, outcome: Outcome, one_way_only: BoolArray) -> list[Fix]:
        """Where energy is worth less than nothing, a plan would let calls burn it: discharge for a call up while there
        is charging to let off. Where room is scarce, it would charge for a call down while there is discharging to let
        off, which fills more. There the offer stays within what can be let off, or all of that is let off.
        one_way_only: where the outcome does not charge and discharge at once; elsewhere the next one is looked at.
        """
        fixes = []
        for one_way, matters in ((self.up, self.called_up > 0), (self.down, self._filled(outcome))):
            if one_way is None:
                continue
            passed = one_way.passed_over(outcome, matters & one_way_only)
            for variable, chosen in zip((one_way.more, one_way.left), passed, strict=True):
                if chosen.any():
                    labels = _labels(variable)[chosen]
                    fixes.append(Fix(labels, np.zeros(labels.size), np.zeros(labels.size)))
        return fixes

    def _filled(self, outcome: Outcome) -> BoolArray:
        """Where it matters which part of a call down comes first: calls move energy, or the room would not do."""
        if self.down is None:
            return self.called_down > 0
        into, out_of = self.base.eta_in[:, None], 1.0 / self.base.eta_out[:, None]
        first = np.minimum(outcome.value(self.down.left), outcome.value(self.down.more))
        most = outcome.at(self.base.energy) + sum(c * outcome.at(labels) for labels, c in self.room_end)
        too_full = most + self.hold * (out_of - into) * first > self.base.high + PASSED_OVER_MW
        return np.asarray((self.called_down > 0) | too_full)

    def held_mw(self, outcome: Outcome) -> FloatArray:
        """All that is held ready, in both directions. [battery, step]"""
        variables = [variable for found in self._variables().values() for variable in found]
        return np.asarray(sum((outcome.value(variable) for variable in variables), np.zeros(self.none.shape)))

    def read(self, outcome: Outcome) -> list[Quantity]:
        """What is held ready for every service that a battery has. [battery that has it, step], MW"""
        quantities = []
        for name, variables in self._variables().items():
            rows = np.flatnonzero(self.reserves if name == "reserve" else self.regulates)
            if rows.size:
                held = np.asarray(sum((outcome.value(v) for v in variables), np.zeros(self.none.shape)))[rows]
                who = [self.base.ids[k] for k in rows], [self.base.bus[k] for k in rows]
                quantities.append(Quantity(f"{name}_mw", *who, held, self._explain(name, held[:, 0]), [""] * rows.size))
        return quantities

    def _explain(self, name: str, held: FloatArray) -> list[str]:
        paid = name in self.price and self.price[name][0] > 0
        reason: list[str] = []
        for mw in held:
            code = "held_ready" if mw > MOVING_MW else "not_worth_holding" if paid else "not_paid"
            reason.append(code)
        return reason


def with_calls(battery: Any, p_mw: FloatArray, up_mw: FloatArray, down_mw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean charging and discharging of a battery at a set-point (charging positive) and with these offers. [MW]"""
    called = battery.regulation or Regulation(0.0, 0.0, 0.0)
    less_up = np.minimum(np.clip(p_mw, 0.0, None), up_mw)
    less_down = np.minimum(np.clip(-p_mw, 0.0, None), down_mw)
    charge = np.clip(p_mw, 0.0, None) - called.called_up * less_up + called.called_down * (down_mw - less_down)
    discharge = np.clip(-p_mw, 0.0, None) + called.called_up * (up_mw - less_up) - called.called_down * less_down
    return np.asarray(charge), np.asarray(discharge)


def _labels(variable: Members) -> IntArray:
    return np.asarray(variable.labels.values)


def _times(terms: Terms, factor: FloatArray) -> Terms:
    return [(labels, weight * factor) for labels, weight in terms]
