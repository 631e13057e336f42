"""Plants of sun and wind: no more than there is, reactive power within the inverter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Span, Values, number
from gridloop.optimize.devices.renewable import Renewable


def _check(renewables: Sequence[Renewable], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    names = [r.id for r in renewables]
    p, q = values["renewable", "p_mw"], values["renewable", "q_mvar"]
    available = np.array([r.available_mw for r in renewables], dtype=float)
    curtailable = np.array([[r.curtailable] for r in renewables])
    ledger.at_most("output (more than there is)", names, p, available, "MW", span.starts)
    ledger.at_least("output", names, p, np.where(curtailable, 0.0, available), "MW", span.starts)
    limit = number(renewables, "q_limit_mvar")
    ledger.at_most("reactive power", names, np.abs(q), limit, "Mvar", span.starts)
    found.take([r.bus for r in renewables], -p, -q)
    found.cost["curtailment"] = float((number(renewables, "curtailment_cost") * (available - p) * span.hours).sum())
    found.cost["reactive_power"] = float((number(renewables, "reactive_cost") * np.abs(q) * span.hours).sum())
    found.sent |= {(name, "q_mvar"): float(q[k, 0]) for k, name in enumerate(names) if limit[k, 0] > 0}


KIND = Kind(Renewable, "renewable", (("p_mw", True), ("q_mvar", True)), _check)
