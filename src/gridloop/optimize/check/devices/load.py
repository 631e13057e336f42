"""Loads: what is not served, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Span, Values, number, served_reactive
from gridloop.optimize.devices.load import Load


def _check(loads: Sequence[Load], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    names, shed = [load.id for load in loads], values["load", "unserved_mw"]
    wanted = np.array([load.p_mw for load in loads], dtype=float)
    ledger.at_least("load not served", names, shed, 0.0, "MW", span.starts)
    most = number(loads, "sheddable") * np.clip(wanted, 0, None)
    ledger.at_most("load not served", names, shed, most, "MW", span.starts)
    reactive = np.array([np.broadcast_to(load.q_mvar, wanted.shape[1:]) for load in loads], dtype=float)
    found.take([load.bus for load in loads], wanted - shed, served_reactive(reactive, wanted, shed))
    found.cost["unserved_load"] = float((number(loads, "value_of_lost_load") * shed * span.hours).sum())


KIND = Kind(Load, "load", (("unserved_mw", True),), _check)
