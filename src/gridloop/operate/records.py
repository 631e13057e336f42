"""Records: what the loop knows and does, as rows of the store's tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.operate.decide.decide import Decision
from gridloop.operate.decide.devices import transformers_of
from gridloop.operate.kpi import interval_cost
from gridloop.operate.settings import SiteSettings
from gridloop.operate.site import Interval

V_TOLERANCE_PU = 1e-6
LOADING_TOLERANCE_PCT = 1e-4


def tick_row(
    run: str,
    tick: int,
    interval: Interval,
    network: Network,
    settings: SiteSettings,
    price: pd.Series,
    cost_so_far: float,
    decision: Decision | None,
) -> dict[str, object]:
    """One row of `ticks`: what happened in an interval, and its extremes."""
    bus, v = network.bus, interval.v_pu
    low, high = bus["v_min_pu"].to_numpy(dtype=float), bus["v_max_pu"].to_numpy(dtype=float)
    outside = np.fmax(low - v, v - high)
    worst_bus = int(np.nanargmax(outside)) if np.isfinite(outside).any() else 0
    loading = np.where(np.isnan(interval.loading_pct), -1.0, interval.loading_pct)
    branch = int(loading.argmax())
    ids = [*network.line.index, *network.transformer.index]
    row: dict[str, object] = {
        "run": run,
        "tick": tick,
        "valid_at": interval.at,
        "hours": interval.hours,
        **interval.totals,
        "price_import_eur_per_mwh": float(price["import_eur_per_mwh"]),
        "price_export_eur_per_mwh": float(price["export_eur_per_mwh"]),
        "co2_t": interval.totals["import_mw"] * interval.hours * settings.tariff.co2_t_per_mwh,
        "v_min_pu": float(np.nanmin(v)) if np.isfinite(v).any() else float("nan"),
        "v_max_pu": float(np.nanmax(v)) if np.isfinite(v).any() else float("nan"),
        "worst_bus": str(bus.index[worst_bus]),
        "loading_max_pct": float(loading[branch]),
        "worst_branch": str(ids[branch]),
        "voltage_violations": int((outside > V_TOLERANCE_PU).sum()),
        "overloads": int((loading > settings.limits.loading_pct + LOADING_TOLERANCE_PCT).sum()),
        "rung": "uncontrolled" if decision is None else decision.rung,
        "rounds": 0 if decision is None else decision.rounds,
        "gave_way": "" if decision is None else "; ".join(decision.gave_way),
        "converged": int(interval.converged),
    }
    cost = sum(interval_cost(row, settings).values())
    return {**row, "cost_eur": cost_so_far + cost}


def flow_rows(run: str, tick: int, interval: Interval, network: Network) -> pd.DataFrame:
    """Rows of `flows`: voltage of every bus, loading and power of every branch."""
    branches = [("line", i) for i in network.line.index] + [("transformer", i) for i in network.transformer.index]
    kinds = ["bus"] * len(network.bus) + [kind for kind, _ in branches] * 2
    ids = [*network.bus.index, *(i for _, i in branches), *(i for _, i in branches)]
    quantity = ["v_pu"] * len(network.bus) + ["loading_pct"] * len(branches) + ["p_mw"] * len(branches)
    value = np.concatenate([interval.v_pu, interval.loading_pct, interval.branch_p_mw])
    if interval.island:
        names, quantities, values = zip(*interval.island, strict=True)
        kinds, ids, quantity = [*kinds, *["island"] * len(names)], [*ids, *names], [*quantity, *quantities]
        value = np.concatenate([value, values])
    return pd.DataFrame(
        {
            "run": run,
            "tick": tick,
            "valid_at": interval.at,
            "kind": kinds,
            "id": [str(i) for i in ids],
            "quantity": quantity,
            "value": value,
        }
    )


def plan_rows(decision: Decision) -> pd.DataFrame:
    """Rows of `plans`."""
    table = decision.table.copy()
    table.insert(0, "issued_at", decision.at)
    table.insert(0, "tick", decision.tick)
    return table


def setpoint_rows(decision: Decision) -> pd.DataFrame:
    """The set-points of a decision that are sent: device, quantity, value, reason."""
    s = decision.setpoints
    parts: list[tuple[str, Mapping[str, float]]] = [
        ("p_mw", s.battery_mw),
        ("p_mw", s.ev_mw),
        ("max_p_mw", s.generator_max_mw),
        ("q_mvar", s.generator_q_mvar),
        ("unserved_mw", s.unserved_mw),
        ("tap_pos", s.tap_pos),
        ("form_hz", s.form_hz),
        ("form_v_pu", s.form_v_pu),
        ("close_tie", s.close_tie),
        ("pick_up", s.pick_up),
    ]
    rows = [(device, quantity, float(value)) for quantity, named in parts for device, value in named.items()]
    table = pd.DataFrame(rows, columns=["device", "quantity", "value"])
    now = decision.table[decision.table["valid_at"] == decision.at] if len(decision.table) else decision.table
    reasons = {
        (device, quantity): reason
        for device, quantity, reason in zip(now["device"], now["quantity"], now["reason"], strict=True)
    }
    for (device, quantity), reason in list(reasons.items()):
        if quantity == "tap_pos":
            reasons |= {(name, quantity): reason for name in transformers_of(device)}
    lookup = [("p_mw" if q == "max_p_mw" else q) for q in table["quantity"]]
    table["reason"] = [
        reasons.get((device, quantity), "") for device, quantity in zip(table["device"], lookup, strict=True)
    ]
    return table
