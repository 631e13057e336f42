"""Sessions inside a problem: charging while plugged in, energy by departure, and what giving back and sharing add."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.ev_limits import LimitRows, shared_limits
from gridloop.optimize.devices.ev_sessions import energy_at_plug, numbers, plug_in, ranks, words
from gridloop.optimize.devices.ev_storing import Storing
from gridloop.optimize.devices.group import MOVING_MW, SMALLEST_SHARE, LocalPrices, Plain, Quantity, Sent, Term
from gridloop.optimize.devices.market import Market
from gridloop.optimize.explain import SAME_PRICE, brought_above, brought_below
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Sum, add_rows, add_variables
from gridloop.optimize.solve import Fix, Outcome
from gridloop.units import FloatArray, IntArray

# The price of a shortfall grows by this share of the step between two priorities from the first to the last part of a
# need: less than one priority is above the next, so that who comes first does.
GROWTH = 0.5


class EVGroup(Plain):
    """All sessions of all fleets in one problem; equations in docs/math/schedule.md and docs/math/flexibility-ev.md."""

    kind = "ev"

    def __init__(self, fleets: Sequence[EVFleet], market: Market) -> None:
        tables = [fleet.sessions for fleet in fleets]
        self.ids = [str(i) for table in tables for i in table.index]
        self.bus = [str(b) for table in tables for b in table["bus"]]
        self.departure = pd.concat([table["departure"] for table in tables])
        self.arrival = pd.concat([self._since(fleet) for fleet in fleets])
        self.energy = np.concatenate([energy_at_plug(table) for table in tables])
        self.power = np.concatenate([table["max_charge_mw"].to_numpy(dtype=float) for table in tables])
        self.parts = np.concatenate([np.full(len(f.sessions), int(f.fair_steps)) for f in fleets])
        value = np.concatenate([np.full(len(f.sessions), float(f.value_of_lost_charge)) for f in fleets])
        step = np.concatenate([1.0 / np.unique(numbers(t, "priority", 0.0)).size * np.ones(len(t)) for t in tables])
        rank = np.concatenate([ranks(numbers(table, "priority", 0.0)) for table in tables])
        self.lost = value * (1.0 + rank * step)
        fair = np.concatenate([np.full(len(f.sessions), f.fair_steps > 1) for f in fleets])
        self.growth = np.where(fair, GROWTH * step * value, 0.0)
        self.early = np.concatenate([np.full(len(f.sessions), float(f.early_cost)) for f in fleets])
        self.market = market
        storing, limits = Storing(fleets), shared_limits(fleets)
        self.storing = storing if len(storing) else None
        self.shared = LimitRows(limits) if limits else None

    @staticmethod
    def _since(fleet: EVFleet) -> pd.Series:
        """From when on the cars of a fleet are plugged in: their arrival, or when a port is free."""
        table = fleet.sessions
        ids, station = [str(i) for i in table.index], words(table, "station")
        return plug_in(ids, table["arrival"], table["departure"], station, fleet.ports).since

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """charge [MW] while plugged in; short [MWh] at departure, in one part or several that grow dearer."""
        n, session = len(self.ids), pd.Index(self.ids, name="session")
        self.hours, self.waiting = horizon.hours, horizon.waiting
        presence = horizon.overlap(self.arrival, self.departure)
        self.most = self.power[:, None] * presence
        within = self._need_within(horizon)
        self.need = np.clip(within, 0.0, None)
        self.staying = np.asarray(self.departure > horizon.ends[-1])
        self.charge = add_variables(model, "ev_charge", [session, horizon.index], 0.0, self.most, self.most > 0)
        most_parts = int(self.parts.max(initial=1))
        if most_parts == 1:
            self.short = add_variables(model, "ev_short", [session], 0.0, self.need)
        else:
            part = pd.RangeIndex(most_parts, name="part")
            most_short = np.where(part.to_numpy() < self.parts[:, None], (self.need / self.parts)[:, None], 0.0)
            self.short = add_variables(model, "ev_short", [session, part], 0.0, most_short)
        charge, short = self.charge.labels.values, self.short.labels.values
        at_plug: list[tuple[IntArray, FloatArray | float]] = [(charge, self.hours)]
        right, give = self.need, None
        if self.storing is not None:
            price = self.market.prices["import_eur_per_mwh"].to_numpy(dtype=float)
            self.storing.add(model, horizon, self.ids, charge, presence, price)
            give = self.storing.gives(n)
            at_plug.append((give, self.storing.plug_share(n)))
            # Who may give and has time later may also end with less than it came with.
            right = np.where((give >= 0).any(axis=1), within, self.need)
        self.at_most = add_rows(model, "ev_energy_most", [session], at_plug, "<=", self.energy)
        self.at_least = add_rows(model, "ev_energy_need", [session], [*at_plug, (short, 1.0)], ">=", right)
        if self.shared is not None:
            self.shared.add(model, horizon, charge, give)

    def _need_within(self, horizon: Horizon) -> FloatArray:
        """Energy that must be charged within the horizon: all of it, less what fits in later. [session], MWh"""
        arrival, end = self.arrival, horizon.ends[-1]
        from_then = arrival.where(arrival > end, end)
        later = (self.departure - from_then).dt.total_seconds().to_numpy(dtype=float) / 3600.0
        return np.asarray(self.energy - self.power * np.clip(later, 0, None))

    def terms(self) -> list[Term]:
        charge = Term(self.charge.labels.values, self.bus, p=-1.0)
        return [charge] if self.storing is None else [charge, *self.storing.terms(self.bus)]

    def cost(self) -> dict[str, Sum]:
        lost = self.lost
        most_parts = int(self.parts.max(initial=1))
        if most_parts > 1:
            lost = self.lost[:, None] + self.growth[:, None] * np.arange(most_parts) / self.parts[:, None]
        waiting = (self.charge, self.early[:, None] * (self.waiting * self.hours))
        parts = {"ev_unserved": Sum.of((self.short, lost))}
        if self.storing is None:
            return {**parts, "ev_waiting": Sum.of(waiting)}
        parts["ev_waiting"] = Sum.of(waiting, self.storing.waiting_cost())
        return {**parts, **self.storing.cost(self.staying, self.market.mean_export)}

    def sent(self) -> list[Sent]:
        labels = self.charge.labels.values[:, :1]
        if self.storing is None:
            return [Sent("p_mw", self.ids, labels, (1.0,))]
        give = self.storing.gives(len(self.ids))[:, :1]
        return [Sent("p_mw", self.ids, np.hstack([labels, give]), (1.0, -1.0))]

    def settle(self, outcome: Outcome) -> list[Fix]:
        return [] if self.storing is None else self.storing.settle(outcome, self.charge)

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        n, power = len(self.ids), outcome.value(self.charge)
        at = prices.rows(self.bus)
        here, effect, limit = prices.p[at, 0], prices.limit_effect[at, 0], prices.limit[at, 0]
        # Worth of a MWh to the vehicle: what it saves later, or the driver's loss.
        worth = outcome.dual(self.at_least) + outcome.dual(self.at_most)
        sell_above = np.full(n, np.inf)
        if self.storing is not None:
            power = power - self.storing.given(outcome, n)
            sell_above = self.storing.sell_above(outcome, worth)
            worth = worth + self.storing.worth_at_plug(outcome, n)
        price = here
        if self.shared is not None:
            more, name = self.shared.effects(outcome, n)
            own = np.abs(more) > np.maximum(np.abs(prices.limit_share[at, 0]), SMALLEST_SHARE)
            price, effect, limit = here + more, effect + more, np.where(own, np.array(name, dtype=object), limit)
        bought_for_limit = brought_below(price, effect, worth)
        sold_for_limit = brought_above(price, effect, sell_above)
        held = (price > worth - SAME_PRICE) & (price - effect < worth - SAME_PRICE)
        must = self.need - self.most[:, 1:] @ self.hours[1:] > MOVING_MW
        reason, binding = [], []
        for k in range(n):
            if self.most[k, 0] <= 0 and abs(power[k, 0]) <= MOVING_MW:
                code = "away"
            elif power[k, 0] > MOVING_MW:
                cheap = "relieve_limit" if bought_for_limit[k] else "charge_low_price"
                code = "charge_before_departure" if must[k] else cheap
            elif power[k, 0] < -MOVING_MW:
                code = "relieve_limit" if sold_for_limit[k] else "discharge_high_price"
            elif self.energy[k] <= MOVING_MW:
                code = "charged"
            else:
                code = "wait_for_limit" if held[k] and limit[k] else "wait_lower_price"
            reason.append(code)
            mine = {"charge_before_departure": "departure", "charged": "energy"}.get(code, "")
            binding.append(str(limit[k]) if code in ("relieve_limit", "wait_for_limit") else mine)
        return [Quantity("p_mw", self.ids, self.bus, power, reason, binding, here)]
