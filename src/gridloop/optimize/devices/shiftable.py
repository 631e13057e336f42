"""Shiftable loads: an amount of energy within a window, at powers and times that the plan chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.optimize.devices.given_numbers import clock, not_negative, refuse, with_zone
from gridloop.optimize.devices.group import MOVING_MW, LocalPrices, Plain, Quantity, Sent, Term
from gridloop.optimize.devices.market import Market
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.explain import SAME_PRICE, brought_below
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Sum, add_rows, add_variables
from gridloop.optimize.solve import Outcome

# Energy, in MWh, by which a window may fall short before it is said not to do: the solver's tolerance is 1e-7.
FITS_MWH = 1e-7


@dataclass(frozen=True)
class Shiftable:
    """A load that may run at any time within its window, stop, and go on.

    energy_mwh        what it still needs
    max_mw            its power
    earliest, latest  the window, UTC; None where the horizon alone bounds it
    left_out_cost     money per MWh that it may do without; None: it must have all of its energy
    early_cost        money per MWh and hour of waiting: breaks ties towards running early

    Energy that is left for the part of the window after the horizon is priced at the mean price to import.
    A load that once begun must go through is a `ShiftableRun`.
    """

    energy_mwh: float
    max_mw: float
    earliest: pd.Timestamp | None = None
    latest: pd.Timestamp | None = None
    left_out_cost: float | None = None
    early_cost: float = 0.0001
    id: str = "shiftable"
    bus: str = ""

    def __post_init__(self) -> None:
        problems = not_negative(self, ("energy_mwh", "max_mw", "early_cost"))
        problems += not_negative(self, ("left_out_cost",)) if self.left_out_cost is not None else []
        problems += with_zone(self, ("earliest", "latest"))
        if not problems and self.earliest is not None and self.latest is not None and self.latest <= self.earliest:
            problems.append(f"its window ends at {clock(self.latest)}, not after it begins at {clock(self.earliest)}")
        refuse("Shiftable", self, problems)

    def problems(self, horizon: Horizon) -> list[str]:
        """Why its energy does not fit in its window, with the smallest change of each number that would do."""
        if self.left_out_cost is not None:
            return []
        within, after = hours_of_window(self, horizon)
        fits = self.max_mw * (within + after)
        if self.energy_mwh <= fits + FITS_MWH:
            return []
        hours = within + after
        begin = horizon.starts[0] if self.earliest is None else max(self.earliest, horizon.starts[0])
        end = horizon.ends[-1] if self.latest is None else self.latest
        change = [f"energy_mwh to {fits:g}"]
        if hours > 0:
            change.append(f"max_mw to {self.energy_mwh / hours:g}")
        if self.max_mw > 0 and self.latest is not None:
            change.append(f"latest to {clock(begin + self.energy_mwh / self.max_mw * HOUR)}")
        return [
            f"{self.energy_mwh:g} MWh do not fit between {clock(begin)} and {clock(end)}: at {self.max_mw:g} MW for "
            f"{hours:g} h at most {fits:g} MWh do. Any one of these would help: {', or '.join(change)}, "
            "or a left_out_cost for what may be missing"
        ]


def hours_of_window(load: Shiftable, horizon: Horizon) -> tuple[float, float]:
    """Hours of the window within the horizon, and after it."""
    begin = horizon.starts[0] if load.earliest is None else load.earliest
    end = horizon.ends[-1] if load.latest is None else load.latest
    within = (min(end, horizon.ends[-1]) - max(begin, horizon.starts[0])) / HOUR
    after = (end - max(begin, horizon.ends[-1])) / HOUR
    return max(within, 0.0), max(after, 0.0)


def mean_import(market: Market) -> float:
    """Mean price to import over the horizon [money per MWh]: what energy after the horizon is taken to cost."""
    prices = market.prices["import_eur_per_mwh"].to_numpy(dtype=float)
    return float(np.average(prices, weights=market.horizon.hours))


class ShiftableGroup(Plain):
    """Many shiftable loads in one problem; equations in docs/math/flexibility-dr.md."""

    kind = "shiftable"

    def __init__(self, loads: Sequence[Shiftable], market: Market) -> None:
        self.loads = list(loads)
        self.ids = [load.id for load in loads]
        self.bus = [load.bus for load in loads]
        self.energy = np.array([load.energy_mwh for load in loads], dtype=float)
        self.power = np.array([load.max_mw for load in loads], dtype=float)
        self.early = np.array([load.early_cost for load in loads], dtype=float)
        self.may_miss = np.array([load.left_out_cost is not None for load in loads])
        self.miss_cost = np.array([load.left_out_cost or 0.0 for load in loads], dtype=float)
        self.later_price = mean_import(market)

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """power [MW] within the window; later and left out [MWh]."""
        device = pd.Index(self.ids, name="shiftable")
        self.hours, self.waiting = horizon.hours, horizon.waiting
        begin = _utc([load.earliest or horizon.starts[0] for load in self.loads])
        end = _utc([load.latest or horizon.ends[-1] for load in self.loads])
        self.open = horizon.overlap(begin, end)
        self.most = self.power[:, None] * self.open
        after = np.array([hours_of_window(load, horizon)[1] for load in self.loads])
        self.power_now = add_variables(model, "shiftable_power", [device, horizon.index], 0.0, self.most, self.most > 0)
        self.later_most = np.minimum(self.energy, self.power * after)
        self.later = add_variables(model, "shiftable_later", [device], 0.0, self.later_most)
        self.left_out = add_variables(
            model, "shiftable_left_out", [device], 0.0, np.where(self.may_miss, self.energy, 0.0)
        )
        self.need = add_rows(
            model,
            "shiftable_energy",
            [device],
            [
                (self.power_now.labels.values, self.hours),
                (self.later.labels.values[:, None], 1.0),
                (self.left_out.labels.values[:, None], 1.0),
            ],
            "=",
            self.energy,
        )

    def terms(self) -> list[Term]:
        return [Term(self.power_now.labels.values, self.bus, p=-1.0)]

    def cost(self) -> dict[str, Sum]:
        return {
            "shiftable_waiting": Sum.of((self.power_now, self.early[:, None] * (self.waiting * self.hours))),
            "shiftable_later": Sum.of((self.later, self.later_price)),
            "shiftable_left_out": Sum.of((self.left_out, self.miss_cost)),
        }

    def sent(self) -> list[Sent]:
        return [Sent("p_mw", self.ids, self.power_now.labels.values[:, :1], (1.0,))]

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        power = outcome.value(self.power_now)
        at = prices.rows(self.bus)
        here, effect, limit = prices.p[at, 0], prices.limit_effect[at, 0], prices.limit[at, 0]
        worth = outcome.dual(self.need)
        for_limit = brought_below(here, effect, worth)
        held = (here > worth - SAME_PRICE) & (here - effect < worth - SAME_PRICE)
        elsewhere = self.most[:, 1:] @ self.hours[1:] + self.later_most + np.where(self.may_miss, self.energy, 0.0)
        must = self.energy - elsewhere > MOVING_MW
        left_out = outcome.value(self.left_out)
        reason, binding = [], []
        for k in range(len(self.ids)):
            if self.energy[k] <= MOVING_MW:
                code = "charged"
            elif self.open[k, 0] <= 0:
                code = "outside_window"
            elif power[k, 0] > MOVING_MW:
                price = "relieve_limit" if for_limit[k] else "run_low_price"
                code = "run_before_end" if must[k] else price
            elif self.may_miss[k] and left_out[k] >= self.energy[k] - MOVING_MW:
                code = "left_out"
            else:
                code = "wait_for_limit" if held[k] and limit[k] else "wait_cheaper"
            reason.append(code)
            own = {"run_before_end": "window", "outside_window": "window", "charged": "energy"}.get(code, "")
            binding.append(str(limit[k]) if code in ("relieve_limit", "wait_for_limit") else own)
        return [Quantity("p_mw", self.ids, self.bus, power, reason, binding, here)]


def _utc(times: Sequence[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    return pd.Series([time.tz_convert("UTC") for time in times])
