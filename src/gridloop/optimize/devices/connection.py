"""Connection: the point where energy is bought and sold, with its limits and its contracted peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.optimize.devices.group import LIMIT_COLUMNS, SMALLEST_SHARE, Offer, Quantity, Words
from gridloop.optimize.devices.market import SERVICES
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel, Members
from gridloop.optimize.linear import Sum, add_rows, add_variables
from gridloop.optimize.solve import GAVE_WAY, Outcome
from gridloop.units import BoolArray, FloatArray, IntArray

PRICES = ["import_eur_per_mwh", "export_eur_per_mwh"]


@dataclass(frozen=True)
class Connection:
    """What a grid or site exchanges with the world beyond.

    import_limit_mw, export_limit_mw  technical limits; elastic, at `limit_price` per MWh beyond them
    contracted_peak_mw   import that costs nothing more; None where peaks are not priced. A bill counts its highest
                         peak once: give the highest import of the billing period so far where that is above the
                         contract, and the plan pays for what comes on top of it only
    peak_price_per_mw    money per MW of the highest import above that
    outages      (begin, end) of times, with their zone, in which it is open: what is behind it is an island then.
                 An interval that an outage touches is open as a whole
    grid_forming ids of the devices that hold voltage and frequency in the island; needed where there are outages
    """

    import_limit_mw: float = float("inf")
    export_limit_mw: float = float("inf")
    contracted_peak_mw: float | None = None
    peak_price_per_mw: float = 0.0
    limit_price: float = 20_000.0
    id: str = "connection"
    outages: Sequence[tuple[pd.Timestamp, pd.Timestamp]] = ()
    grid_forming: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("import_limit_mw", "export_limit_mw", "peak_price_per_mw", "limit_price"):
            if not getattr(self, name) >= 0:
                raise OutOfRange(f"Connection {self.id}: {name} is {getattr(self, name)}; it must not be negative.")
        contracted, price = self.contracted_peak_mw, self.peak_price_per_mw
        if contracted is not None and np.isnan(contracted):
            raise OutOfRange(f"Connection {self.id}: contracted_peak_mw is nan; give a number or None.")
        if contracted is None and price > 0:
            raise OutOfRange(
                f"Connection {self.id}: peak_price_per_mw is {price}, but contracted_peak_mw is not given, and no peak "
                "would be priced. Give contracted_peak_mw (0 prices every peak), or leave the price out."
            )
        for pair in self.outages:
            if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(at, datetime) for at in pair)):
                raise OutOfRange(
                    f"Connection {self.id}: outages are pairs of times (begin, end) with their zone, such as "
                    f"pd.Timestamp('2026-01-01', tz='UTC'); there is {pair!r}."
                )
        object.__setattr__(self, "outages", tuple((begin, end) for begin, end in self.outages))
        object.__setattr__(self, "grid_forming", tuple(map(str, self.grid_forming)))
        for begin, end in self.outages:
            if begin.tzinfo is None or end.tzinfo is None:
                raise OutOfRange(f"Connection {self.id}: the outage {begin} … {end} has no time zone; give one (UTC).")
            if not begin < end:
                raise OutOfRange(f"Connection {self.id}: the outage {begin} … {end} ends before it begins.")

    def open_in(self, horizon: Horizon) -> BoolArray:
        """True for the intervals that an outage touches. [step]"""
        found = np.zeros(len(horizon), dtype=bool)
        for begin, end in self.outages:
            found |= np.asarray((horizon.starts < end) & (horizon.ends > begin))
        return found

    def check_islands(self, devices: Sequence[Any], horizon: Horizon) -> None:
        """Refuse an island without a grid-forming source. Raises `OutOfRange` naming the interval and who could be."""
        open_ = self.open_in(horizon)
        if not open_.any():
            return
        first = horizon.starts[int(np.argmax(open_))]
        able = [str(d.id) for d in devices if getattr(d, "max_discharge_mw", 0.0) > 0]
        named = [i for i in self.grid_forming if i in able]
        if named:
            return
        said = f"grid_forming names {listed(list(self.grid_forming))}" if self.grid_forming else "grid_forming is empty"
        what = f"Name one that can give power: {listed(able)}." if able else "Add a battery that can, and name it."
        raise OutOfRange(
            f"Connection {self.id}: from {first} on ({int(open_.sum())} of {len(horizon)} intervals) it is open, and "
            f"{said}: an island without a grid-forming source. {what}",
            device=self.id, first=first, able=able,
        )  # fmt: skip


class ConnectionModel:
    """The connection inside a problem."""

    kind = "connection"

    def __init__(self, connection: Connection, prices: pd.DataFrame) -> None:
        self.connection = connection
        self.import_price, self.export_price = (prices[name].to_numpy(dtype=float) for name in PRICES)

    def add(self, model: LabelledModel, horizon: Horizon, offers: Sequence[Offer] = ()) -> None:
        """bought and sold [MW], what exceeds a limit [MW], and the peak above the contract [MW].

        offers  capacity that devices hold ready: the limits have room for a call of all of it
        """
        steps, c = [horizon.index], self.connection
        self.hours, self.open = horizon.hours, c.open_in(horizon)
        most = [self._unless_open(limit) for limit in (c.import_limit_mw, c.export_limit_mw)]
        self.bought = add_variables(model, "connection_bought", steps, 0.0, most[0])
        self.sold = add_variables(model, "connection_sold", steps, 0.0, most[1])
        beyond = [
            self._unless_open(np.inf if np.isfinite(limit) else 0.0) for limit in (c.import_limit_mw, c.export_limit_mw)
        ]
        self.over_import = add_variables(model, "connection_over_import", steps, 0.0, beyond[0])
        self.over_export = add_variables(model, "connection_over_export", steps, 0.0, beyond[1])
        self.peak_rows: Members | None = None
        if c.contracted_peak_mw is not None and c.peak_price_per_mw > 0:
            self.peak = add_variables(model, "connection_peak", [pd.Index([c.id], name="connection")], 0.0, np.inf)
            every_step = np.broadcast_to(self.peak.labels.values, (len(horizon),))
            self.peak_rows = add_rows(
                model, "connection_peak_limit", steps, [*self.net(), (every_step, -1.0)], "<=", c.contracted_peak_mw
            )
        self._add_room(model, horizon, offers)

    def _unless_open(self, limit: float) -> FloatArray | float:
        """A limit in every interval; zero where the connection is open."""
        return np.where(self.open, 0.0, limit) if self.open.any() else limit

    def _add_room(self, model: LabelledModel, horizon: Horizon, offers: Sequence[Offer]) -> None:
        """Import with every offer down called as a whole, and export with every offer up, keep their limits.

        The balance has the mean of calls in it: an offer that is called as a whole adds the rest of it, and what was
        meant to come of those the other way falls away. What gives way without a call may still.
        """
        self.room: dict[str, Members] = {}
        if not offers:
            return
        net, c = self.net(), self.connection
        import_, export = net[:1] + net[2:], [(labels, -sign) for labels, sign in (net[0], net[1], net[2])]
        for name, flow, up, limit in (
            ("import_limit", import_, False, c.import_limit_mw),
            ("export_limit", export, True, c.export_limit_mw),
        ):
            called = [(o.labels.T, np.asarray(1.0 - o.called if o.up == up else o.called)) for o in offers]
            terms = [(labels, np.broadcast_to(share.T, labels.shape)) for labels, share in called]
            if np.isfinite(limit):
                self.room[name] = add_rows(
                    model, f"connection_{name}_with_calls", [horizon.index], [*flow, *terms], "<=", limit
                )
            if self.open.any():  # nobody can call what is behind an open connection
                at = pd.Index(np.flatnonzero(self.open), name="open_step")
                some = [(labels[self.open], np.broadcast_to(share, labels.shape)[self.open]) for labels, share in terms]
                add_rows(model, f"connection_{name}_open", [at], some, "<=", 0.0)

    def net(self) -> list[tuple[IntArray, FloatArray | float]]:
        """Import less export: labels [step] and signs."""
        return [
            (self.bought.labels.values, 1.0),
            (self.over_import.labels.values, 1.0),
            (self.sold.labels.values, -1.0),
            (self.over_export.labels.values, -1.0),
        ]

    def cost(self) -> dict[str, Sum]:
        buy, sell = self.import_price * self.hours, self.export_price * self.hours
        beyond = self.connection.limit_price * self.hours
        parts = {
            "import": Sum.of((self.bought, buy), (self.over_import, buy)),
            "export": Sum.of((self.sold, -sell), (self.over_export, -sell)),
            "connection_limit": Sum.of((self.over_import, beyond), (self.over_export, beyond)),
        }
        if self.peak_rows is not None:
            parts["peak"] = Sum.of((self.peak, self.connection.peak_price_per_mw))
        return parts

    def limit_effects(self, outcome: Outcome) -> list[tuple[Words, FloatArray]]:
        """Share of each of the connection's limits in the worth of energy: names and money per MWh, [step].

        Where a purchase stands at its limit, one more MWh on this side is worth more than its price, by the reduced
        cost of buying; at the limit of selling, less. Import under the contracted peak is dearer by the peak's dual.
        """
        bought, sold = outcome.reduced_cost(self.bought), outcome.reduced_cost(self.sold)
        parts = [
            ("import_limit", -np.minimum(bought, 0.0) - self._room_price("import_limit", outcome)),
            ("export_limit", np.minimum(sold, 0.0) + self._room_price("export_limit", outcome)),
        ]
        if self.peak_rows is not None:
            parts.append(("contracted_peak", -outcome.dual(self.peak_rows)))
        named = []
        for kind, money in parts:
            effect = money / self.hours
            effect = np.where(np.abs(effect) > SMALLEST_SHARE, effect, 0.0)
            name = np.where(effect != 0.0, f"{kind}:{self.connection.id}", "").astype(object)
            name[self.open & (effect != 0.0)] = f"outage:{self.connection.id}"
            named.append((name, effect))
        return named

    def _room_price(self, name: str, outcome: Outcome) -> FloatArray:
        """Dual of the room that a limit keeps for calls, 0 or less. [step]"""
        row = self.room.get(name)
        return np.zeros(self.hours.size) if row is None else outcome.dual(row)

    def binding_limits(self, outcome: Outcome, starts: pd.DatetimeIndex) -> pd.DataFrame:
        """Limits that cost money: `LIMIT_COLUMNS`."""
        rows = [
            (name[k], starts[int(k)], abs(float(effect[k])), "per MW and hour")
            for name, effect in self.limit_effects(outcome)
            for k in np.flatnonzero(effect)
        ]
        return pd.DataFrame(rows, columns=LIMIT_COLUMNS)

    def read(self, outcome: Outcome) -> list[Quantity]:
        """import_mw and export_mw; at equal prices the variables may do both at once, the connection does not."""
        net = np.asarray(sum(sign * outcome.at(labels) for labels, sign in self.net()))
        name = [self.connection.id]
        return [
            Quantity("import_mw", name, [""], np.maximum(net, 0.0)[None, :]),
            Quantity("export_mw", name, [""], np.maximum(-net, 0.0)[None, :]),
        ]

    def gave_way(self, outcome: Outcome) -> dict[str, float]:
        """Limits that are exceeded, and by how many MW at most."""
        beyond = {
            f"import_limit:{self.connection.id}": outcome.value(self.over_import),
            f"export_limit:{self.connection.id}": outcome.value(self.over_export),
        }
        return {name: float(mw.max()) for name, mw in beyond.items() if mw.max() > GAVE_WAY}


def price_table(prices: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Prices to import and to export, and of services where there are any; a single series serves both ways.

    Raises `MissingColumn`, and `OutOfRange` where exporting earns more than importing costs: money would flow in a
    circle.
    """
    if isinstance(prices, pd.Series):
        return pd.DataFrame(dict.fromkeys(PRICES, prices))
    missing = [name for name in PRICES if name not in prices.columns]
    if missing:
        raise MissingColumn(f"The prices lack {listed(missing)}; needed are {', '.join(PRICES)}.", missing=missing)
    circle = prices["export_eur_per_mwh"] > prices["import_eur_per_mwh"] + 1e-9
    if circle.any():
        raise OutOfRange(
            f"The price to export is above the price to import in {int(circle.sum())} of {len(prices)} intervals "
            f"(first at {prices.index[circle][0]}); energy would be bought to be sold at once."
        )
    return prices[[*PRICES, *(name for name in SERVICES if name in prices.columns)]]
