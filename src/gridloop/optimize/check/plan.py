"""Plans: balance at the connection, every device's own rules, and the cost by part, read from the plan's table.

Everything is recomputed from the devices as their owner described them, by the equations of docs/math/schedule.md
written anew. Limits inside the grid are checked by a power flow of the checker's own where the case has the network
(`plan_grid.py`); otherwise they are the AC flow's to judge, which `plan.check` tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.check.checked import Checked, Ledger
from gridloop.optimize.check.devices.base import NS_PER_HOUR, Found, Span
from gridloop.optimize.check.devices.kinds import check_devices
from gridloop.optimize.check.plan_grid import check_network
from gridloop.optimize.check.plan_table import read_table
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan
from gridloop.units import BoolArray, FloatArray

# A plan's devices are kilowatts, and its model is written in MW and MWh: one per unit is 1 MW here, so that the
# checker's 1e-6 is ten times the solver's 1e-7.
PLAN_BASE_MVA = 1.0
# The two parts of the bill that a plan may shift between each other where both prices are equal.
TRADE = ("import", "export")
# What may be missing of the losses where hardly any are: a hundredth of the horizon's highest, a watt at least. A fixed
# power would be a ten-thousandth of a town's load, and all the losses of a street.
# Where the horizon's losses are right as a whole, to the share that an interval's may miss, a tenth of the highest.
LOSS_GAP_OF_WORST_AT_MOST = 0.1
LOSS_GAP_OF_WORST, LEAST_LOSS_GAP_MW = 0.01, 1e-6
PRICES = ("import_eur_per_mwh", "export_eur_per_mwh")


@dataclass(frozen=True, eq=False)
class ScheduleCase:
    """What a plan was asked, as `schedule` was called.

    previous, change_cost         what the plan was to stay near, and the price of leaving it
    loss_gap_share, loss_gap_mw   losses may differ from those of the AC flow by this share plus this power; None:
                                  plus a hundredth of the highest losses of the horizon, which is so much of any grid
    network, loading_limit_pct    the grid that `schedule` was given, for a power flow of the checker's own
    """

    devices: Sequence[Any]
    prices: pd.DataFrame | pd.Series
    connection: Connection | None = None
    horizon: Horizon | None = None
    previous: Plan | pd.DataFrame | None = None
    change_cost: float = 0.2
    loss_gap_share: float = 0.05
    loss_gap_mw: float | None = None
    network: Network | Feeder | None = None
    loading_limit_pct: float = 100.0


def check_plan(case: ScheduleCase, plan: Any, tolerance_pu: float) -> Checked:
    """Check a `Plan`. Running a battery both ways at once shows as stored energy that is lost."""
    ledger = Ledger(tolerance_pu, base_mva=PLAN_BASE_MVA)
    horizon = case.horizon or plan.horizon
    hours = np.asarray(horizon.hours, dtype=float)
    prices = _prices(case.prices, len(hours))
    buy, sell = (prices[name].to_numpy(dtype=float) for name in PRICES)
    span = Span(horizon.starts, hours, prices, float(np.average(sell, weights=hours)))
    connection = case.connection or Connection()
    values = read_table(plan.table, case.devices, connection.id, span, ledger)
    if ledger.refused:
        return ledger.verdict(float("nan"))
    found = check_devices(case.devices, values, span, ledger)
    bought, sold = values["connection", "import_mw"][0], values["connection", "export_mw"][0]
    _connection(connection, bought, sold, plan.gave_way, span, ledger)
    _room_for_calls(connection, bought - sold, found, plan.gave_way, span, ledger)
    _balance(case, connection.id, bought - sold, found, plan, span, ledger)
    if case.network is not None:
        check_network(case.network, case.loading_limit_pct, case.devices, values, found, plan, span, ledger)
    cost = dict(found.cost)
    cost["import"], cost["export"] = float(buy * span.hours @ bought), -float(sell * span.hours @ sold)
    cost |= _connection_cost(connection, bought, sold, span)
    if case.previous is not None:
        previous = case.previous.table if isinstance(case.previous, Plan) else case.previous
        cost["changes"] = case.change_cost * _distance(previous, found, span)
    return ledger.verdict(_compare(cost, plan, ledger))


def _prices(prices: pd.DataFrame | pd.Series, steps: int) -> pd.DataFrame:
    """One row per interval; a single series serves both ways. Money per MWh"""
    table = pd.DataFrame(dict.fromkeys(PRICES, prices)) if isinstance(prices, pd.Series) else prices
    return table.iloc[:steps]


def _connection(
    c: Connection, bought: FloatArray, sold: FloatArray, gave_way: Mapping[str, float], span: Span, ledger: Ledger
) -> None:
    """Limits give way only by name and only as far as the plan says, and it says no more than is so."""
    closed = ~_open(c, span)
    for kind, power, limit in (("import", bought, c.import_limit_mw), ("export", sold, c.export_limit_mw)):
        told = float(gave_way.get(f"{kind}_limit:{c.id}", 0.0))
        ledger.at_least(kind, [c.id], power[None, :], 0.0, "MW", span.starts)
        ledger.at_most(kind, [c.id], power[None, :], np.where(closed, limit + told, 0.0)[None, :], "MW", span.starts)
        beyond = max(0.0, float(np.max(power - limit, initial=0.0)))
        ledger.at_most(f"{kind} limit that gave way", [c.id], np.array([told]), np.array([beyond]), "MW")
    ledger.at_most("import and export at once", [c.id], np.minimum(bought, sold)[None, :], 0.0, "MW", span.starts)


def _open(c: Connection, span: Span) -> BoolArray:
    """Intervals with a moment in which the connection is open. [step]"""
    begin = span.starts.as_unit("ns").asi8
    end = begin + np.round(span.hours * NS_PER_HOUR).astype(np.int64)
    hit = [(begin < to.value) & (end > since.value) for since, to in c.outages]
    return np.any(hit, axis=0) if hit else np.zeros(begin.size, dtype=bool)


def _room_for_calls(
    c: Connection, net: FloatArray, found: Found, gave_way: Mapping[str, float], span: Span, ledger: Ledger
) -> None:
    """Where all that is held ready is called at once, limits are kept as far as they are without a call."""
    for kind, power, more, limit in (
        ("import", net, found.import_by_calls, c.import_limit_mw),
        ("export", -net, found.export_by_calls, c.export_limit_mw),
    ):
        called = power + np.where(np.abs(more) > 0, more, -np.inf)
        told = float(gave_way.get(f"{kind}_limit:{c.id}", 0.0))
        most = np.where(_open(c, span), 0.0, limit + told)[None, :]
        ledger.at_most(f"{kind} where all is called", [c.id], called[None, :], most, "MW", span.starts)


def _balance(
    case: ScheduleCase, name: str, net: FloatArray, found: Found, plan: Any, span: Span, ledger: Ledger
) -> None:
    """import − export = Σ consumption − Σ injection + losses, with the losses of the plan's own AC flow."""
    if plan.check.shape[1] == 0:  # a copper plate
        ledger.equal("power balance", [name], net[None, :], found.taken_mw[None, :], "MW", span.starts)
        return
    if "losses_mw" not in plan.check or len(plan.check) != len(span.hours):
        ledger.missing("losses", ["AC flow"])
        return
    losses = plan.check["losses_mw"].to_numpy(dtype=float)
    needed = found.taken_mw + losses
    least = LOSS_GAP_OF_WORST * float(np.abs(losses).max(initial=0.0)) if case.loss_gap_mw is None else case.loss_gap_mw
    gap = max(least, LEAST_LOSS_GAP_MW) + case.loss_gap_share * np.abs(losses)
    missing = np.abs(net - needed)
    if case.loss_gap_mw is None and missing @ span.hours <= case.loss_gap_share * (np.abs(losses) @ span.hours):
        gap = gap + LOSS_GAP_OF_WORST_AT_MOST * float(np.abs(losses).max(initial=0.0))
    if not plan.settled:  # and says so: what is sent is held to its losses, what comes later is planned again
        gap[1:] = np.inf
    ledger.at_most("power balance", [name], net[None, :], (needed + gap)[None, :], "MW", span.starts)
    ledger.at_least("power balance", [name], net[None, :], (needed - gap)[None, :], "MW", span.starts)


def _connection_cost(c: Connection, bought: FloatArray, sold: FloatArray, span: Span) -> dict[str, float]:
    """What limits cost that gave way, and the peak above the contract."""
    beyond = np.clip(bought - c.import_limit_mw, 0, None) + np.clip(sold - c.export_limit_mw, 0, None)
    cost = {"connection_limit": c.limit_price * float(beyond @ span.hours)}
    if c.contracted_peak_mw is not None and c.peak_price_per_mw > 0:
        cost["peak"] = c.peak_price_per_mw * max(0.0, float((bought - sold).max()) - c.contracted_peak_mw)
    return cost


def _distance(previous: pd.DataFrame, found: Found, span: Span) -> float:
    """Σ |set-point − what the previous plan had for this moment| over all that it had something to say about."""
    begin = pd.DatetimeIndex(previous["valid_at"]).as_unit("ns").asi8
    waited = (span.starts.as_unit("ns").asi8[0] - begin) / NS_PER_HOUR
    then = previous[(waited >= 0) & (waited < previous["hours"].to_numpy(dtype=float))]
    had = dict(zip(zip(then["device"], then["quantity"], strict=True), then["value"].astype(float), strict=True))
    moved = [abs(value - had[key]) for key, value in found.sent.items() if key in had and np.isfinite(had[key])]
    return float(sum(moved))


def _compare(cost: dict[str, float], plan: Any, ledger: Ledger) -> float:
    """The plan's cost by part against the recomputed one; the recomputed total.

    `grid_limit`, what limits of the grid cost that gave way, is the network's to say: it must not be negative, and
    where a limit of the grid is said to have given way it must cost something.
    """
    told = {str(name): float(value) for name, value in plan.parts.items()}
    grid = told.pop("grid_limit", 0.0)
    ledger.at_least("cost", ["grid_limit"], np.array([grid]), 0.0, "money")
    named = [name for name in plan.gave_way if not name.startswith(("import_limit:", "export_limit:"))]
    if named and grid <= 0.0:
        ledger.missing("cost of what gave way", named)
    if told.keys() & {"changes"} - cost.keys():
        # Nothing is known of the plan before: what leaving it costs is taken as told.
        cost["changes"] = max(0.0, told["changes"])
    elif "changes" in cost and "changes" not in told and cost["changes"] == 0.0:
        del cost["changes"]  # the plan before had nothing to say about these devices
    ledger.missing("cost", sorted(cost.keys() ^ told.keys()))
    for name in sorted((cost.keys() & told.keys()) - set(TRADE)):
        ledger.same_cost("cost", [name], told[name], cost[name])
    trade, mine = (sum(parts.get(name, np.nan) for name in TRADE) for parts in (told, cost))
    size = sum(abs(cost[name]) for name in TRADE)
    _same_sum("cost", "import and export", trade, mine, size, ledger)
    total = sum(cost.values()) + grid
    _same_sum("cost", "total", float(plan.cost), total, sum(map(abs, cost.values())) + abs(grid), ledger)
    return total


def _same_sum(kind: str, name: str, told: float, right: float, size: float, ledger: Ledger) -> None:
    """Sums whose terms may cancel: they agree to the tolerance relative to the size of the terms."""
    if not abs(told - right) <= ledger.tolerance_pu * max(1.0, size):
        ledger.same_cost(kind, [name], told, right)
