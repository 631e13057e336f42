"""Shiftable loads: power within the window, and all of the energy now, later, or paid for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Span, Values, hours_from, number
from gridloop.optimize.devices.shiftable import Shiftable


def mean_price(span: Span) -> float:
    """Mean price to import, which energy after the plan is taken to cost."""
    price = span.prices["import_eur_per_mwh"].to_numpy(dtype=float)
    return float(price @ span.hours / span.hours.sum())


def _check(loads: Sequence[Shiftable], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    names, p, h = [load.id for load in loads], values["shiftable", "p_mw"], span.hours
    power, energy = number(loads, "max_mw"), number(loads, "energy_mwh")[:, 0]
    begin, whole = np.cumsum(h) - h, h.sum()
    far = span.starts[0] + pd.Timedelta(hours=whole)
    opens = hours_from(span, pd.Series([(load.earliest or span.starts[0]).tz_convert("UTC") for load in loads]))[
        :, None
    ]
    closes = hours_from(span, pd.Series([(load.latest or far).tz_convert("UTC") for load in loads]))[:, None]
    there = np.clip(np.minimum(closes, begin + h) - np.maximum(opens, begin), 0, None)
    ledger.at_least("power", names, p, 0.0, "MW", span.starts)
    ledger.at_most("power (outside the window, or too much)", names, p, power * there / h, "MW", span.starts)

    run = p @ h
    after = np.clip(closes[:, 0] - np.maximum(opens[:, 0], whole), 0, None)
    later_most = np.minimum(energy, power[:, 0] * after)
    may_miss = np.array([load.left_out_cost is not None for load in loads])
    ledger.at_most("energy", names, run, energy, "MWh")
    ledger.at_least("energy", names, run, np.where(may_miss, 0.0, energy - later_most), "MWh")
    # What did not run comes later or is left out, whichever is cheaper and possible.
    rest, price = np.clip(energy - run, 0, None), mean_price(span)
    miss = np.array([np.inf if load.left_out_cost is None else load.left_out_cost for load in loads])
    later = np.where(price <= miss, np.minimum(rest, later_most), np.where(may_miss, 0.0, rest))
    found.take([load.bus for load in loads], p)
    found.cost["shiftable_waiting"] = float((number(loads, "early_cost") * p * (begin * h)).sum())
    found.cost["shiftable_later"] = float(price * later.sum())
    found.cost["shiftable_left_out"] = float((np.where(may_miss, miss, 0.0) * (rest - later)).sum())
    most = (power * there)[:, 0]
    found.sent |= {(name, "p_mw"): float(p[k, 0]) for k, name in enumerate(names) if most[k] > 0}


KIND = Kind(Shiftable, "shiftable", (("p_mw", True),), _check)
