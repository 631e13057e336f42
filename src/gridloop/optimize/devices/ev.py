"""Electric vehicles: sessions that must have their energy when they leave.

A vehicle that is plugged in for a part of an interval may charge during that part only. The plan's powers are means
over intervals, so that its bound there is its power times the share of the interval it is present: the energy is
right, and whoever sends the set-point spreads it over the time the vehicle is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import linopy
import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.optimize.devices.group import MOVING_MW, LocalPrices, Plain, Quantity, Sent, Term
from gridloop.optimize.explain import SAME_PRICE, brought_below
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.linear import Sum, add_rows, add_variables
from gridloop.optimize.solve import Outcome
from gridloop.units import FloatArray

COLUMNS = ("bus", "arrival", "departure", "energy_mwh", "max_charge_mw")


@dataclass(frozen=True)
class EVFleet:
    """Vehicles that are plugged in, or known to come.

    sessions  index session; columns bus, arrival, departure (UTC), energy_mwh still to charge, max_charge_mw
    value_of_lost_charge  money per MWh that a driver leaves without
    early_cost            money per MWh and hour of waiting: breaks ties towards charging early
    """

    sessions: pd.DataFrame
    value_of_lost_charge: float = 5_000.0
    early_cost: float = 0.01
    id: str = "ev"

    def __post_init__(self) -> None:
        table = self.sessions
        missing = [name for name in COLUMNS if name not in table.columns]
        if missing:
            raise MissingColumn(
                f"EV sessions of {self.id} lack {listed(missing)}; needed are {', '.join(COLUMNS)}.", missing=missing
            )
        if len(table) == 0:
            return
        for name in ("arrival", "departure"):
            if pd.DatetimeIndex(table[name]).tz is None:
                raise OutOfRange(f"EV sessions of {self.id}: {name} has no time zone; give UTC (convention 4).")
        self._refuse("leave before they arrive", ~(table["departure"] > table["arrival"]))
        for name in ("energy_mwh", "max_charge_mw"):
            self._refuse(f"have {name} negative or missing", ~(table[name].astype(float) >= 0))

    def _refuse(self, what: str, wrong: pd.Series[bool]) -> None:
        ids = [str(i) for i in self.sessions.index[wrong]]
        if ids:
            raise OutOfRange(f"{len(ids)} EV sessions of {self.id} {what} ({listed(ids)}).", sessions=ids)


class EVGroup(Plain):
    """All sessions of all fleets in one problem."""

    kind = "ev"

    def __init__(self, fleets: Sequence[EVFleet]) -> None:
        self.sessions = pd.concat([fleet.sessions for fleet in fleets])
        self.ids = [str(i) for i in self.sessions.index]
        self.bus = [str(b) for b in self.sessions["bus"]]
        self.energy = self.sessions["energy_mwh"].to_numpy(dtype=float)
        self.power = self.sessions["max_charge_mw"].to_numpy(dtype=float)
        counts = [len(fleet.sessions) for fleet in fleets]
        self.lost = np.repeat([fleet.value_of_lost_charge for fleet in fleets], counts)
        self.early = np.repeat([fleet.early_cost for fleet in fleets], counts)

    def add(self, model: linopy.Model, horizon: Horizon) -> None:
        """charge [MW] while plugged in; short [MWh] at departure."""
        session = pd.Index(self.ids, name="session")
        self.hours, self.waiting = horizon.hours, horizon.waiting
        self.most = self.power[:, None] * horizon.overlap(self.sessions["arrival"], self.sessions["departure"])
        self.need = np.clip(self._need_within(horizon), 0.0, None)
        self.charge = add_variables(model, "ev_charge", [session, horizon.index], 0.0, self.most, self.most > 0)
        self.short = add_variables(model, "ev_short", [session], 0.0, self.need)
        charge, short = self.charge.labels.values, self.short.labels.values
        self.at_most = add_rows(model, "ev_energy_most", [session], [(charge, self.hours)], "<=", self.energy)
        self.at_least = add_rows(
            model, "ev_energy_need", [session], [(charge, self.hours), (short, 1.0)], ">=", self.need
        )

    def _need_within(self, horizon: Horizon) -> FloatArray:
        """Energy that must be charged within the horizon: all of it, less what fits in later. [session], MWh"""
        arrival, end = self.sessions["arrival"], horizon.ends[-1]
        from_then = arrival.where(arrival > end, end)
        later = (self.sessions["departure"] - from_then).dt.total_seconds().to_numpy(dtype=float) / 3600.0
        return np.asarray(self.energy - self.power * np.clip(later, 0, None))

    def terms(self) -> list[Term]:
        return [Term(self.charge.labels.values, self.bus, p=-1.0)]

    def cost(self) -> dict[str, Sum]:
        return {
            "ev_unserved": Sum.of((self.short, self.lost)),
            "ev_waiting": Sum.of((self.charge, self.early[:, None] * (self.waiting * self.hours))),
        }

    def sent(self) -> list[Sent]:
        return [Sent("p_mw", self.ids, self.charge.labels.values[:, :1], (1.0,))]

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        charge = outcome.value(self.charge)
        at = prices.rows(self.bus)
        here, effect, limit = prices.p[at, 0], prices.limit_effect[at, 0], prices.limit[at, 0]
        # Worth of a MWh to the vehicle: what it saves later, or the driver's loss.
        worth = outcome.dual(self.at_least) + outcome.dual(self.at_most)
        for_limit = brought_below(here, effect, worth)
        held = (here > worth - SAME_PRICE) & (here - effect < worth - SAME_PRICE)
        must = self.need - self.most[:, 1:] @ self.hours[1:] > MOVING_MW
        reason, binding = [], []
        for k in range(len(self.ids)):
            if self.most[k, 0] <= 0:
                code = "away"
            elif charge[k, 0] > MOVING_MW:
                price = "relieve_limit" if for_limit[k] else "charge_low_price"
                code = "charge_before_departure" if must[k] else price
            elif self.energy[k] <= MOVING_MW:
                code = "charged"
            else:
                code = "wait_for_limit" if held[k] and limit[k] else "wait_lower_price"
            reason.append(code)
            own = {"charge_before_departure": "departure", "charged": "energy"}.get(code, "")
            binding.append(str(limit[k]) if code in ("relieve_limit", "wait_for_limit") else own)
        return [Quantity("p_mw", self.ids, self.bus, charge, reason, binding, here)]
