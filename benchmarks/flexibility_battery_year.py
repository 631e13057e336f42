"""A battery of 20 MWh and 5 MW in the day-ahead market of California, 2020: arbitrage alone, and with regulation.

Each local day is planned at 10:00 of the day before, on prices expected from those published by then (those of the
day before until `PriceForecaster` has 125 days to learn from), and settled at the prices that came; beside it the plan
of the whole year at those prices. Regulation is paid for capacity; a tenth of it is called each way, which is an
assumption: the file has no signal. Arbitrage with perfect foresight is compared with a program written plainly for
scipy, linear but for whole numbers where prices are negative.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, diags_array, eye_array, hstack

from benchmarks.forecast_data import there, verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.io.prices import read_prices
from gridloop.market.foreseen_prices import foreseen_prices
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.services import Regulation
from gridloop.optimize.economics import battery_economics
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.studies.battery_year import BatteryStudy, battery_study
from gridloop.units import FloatArray

NAME = "flexibility"
CASE = "caiso 2020, battery 20 MWh 5 MW"
CASES = (CASE,)
# The file's 8784 hours step over both clock changes: it is in standard time all year.
ZONE = "Etc/GMT+8"
REGULATION = Regulation(energy_h=1.0, called_up=0.1, called_down=0.1)
LEAST_SHARE, SAME_MONEY = 0.70, 1e-6
QUICK_DAYS = 14


def caiso(folder: Path) -> pd.DataFrame:
    """Day-ahead prices of 2020 [$/MWh], and of a MW of regulation held for an hour [$/MW]; the columns say eur."""
    file = there(folder / "prices" / "caiso_2020_day_ahead_and_regulation.csv")
    return read_prices(file, ZONE, currency="usd").rename(columns=lambda name: name.replace("_usd_", "_eur_"))


def battery(regulation: Regulation | None = None) -> Battery:
    """The battery of the reference text."""
    return Battery(
        capacity_mwh=20.0, max_charge_mw=5.0, max_discharge_mw=5.0, charge_efficiency=0.95, discharge_efficiency=0.95,
        min_soc=0.1, max_soc=0.9, initial_soc=0.5, degradation_cost=0.50, regulation=regulation,
    )  # fmt: skip


def rows(bench: Bench) -> list[Row]:
    """One row: both ways of selling, each planned both ways."""
    if not bench.asks_for(CASE):
        return []
    prices = caiso(bench.data_folder)
    prices = prices.iloc[: 24 * QUICK_DAYS] if bench.quick else prices
    energy = prices[["import_eur_per_mwh", "export_eur_per_mwh"]]
    bench.say("forecasts of prices, day by day")
    expected, by = foreseen_prices(prices, ZONE, seed=bench.seed)
    bench.say("arbitrage alone")
    began = time.process_time()
    alone = battery_study(battery(), energy, expected[energy.columns], zone=ZONE)
    took = time.process_time() - began
    bench.say("with regulation")
    both = battery_study(battery(REGULATION), prices, expected, zone=ZONE)
    bench.say("a plain linear program")
    apart = from_plain_program(energy["import_eur_per_mwh"])
    days = len(prices) // 24
    facts = {
        "days": days,
        "days_by_forecaster": int((by == "PriceForecaster").sum()) // 24,
        "arbitrage": money(alone),
        "with_regulation": money(both),
        "called": {"up": REGULATION.called_up, "down": REGULATION.called_down, "energy_h": REGULATION.energy_h},
        "from_plain_program": apart,
        "expected_mae": {str(name): float((expected[name] - prices[name]).abs().mean()) for name in prices},
    }
    rates = Rates((days / took,), "days of CPU time planned on forecasts and settled, arbitrage")
    return [Row(NAME, CASE, 1, rates, facts=facts, notes=notes(alone, both, apart, quick=bench.quick))]


def money(study: BatteryStudy) -> dict[str, Any]:
    """Profits and their parts, both ways."""
    return {
        "share_of_foresight": study.share,
        "economics": battery_economics(study).table().to_dict(),
        "forecast": {"profit": study.forecast.profit, **study.forecast.parts},
        "foresight": {"profit": study.foresight.profit, **study.foresight.parts},
    }


def notes(alone: BatteryStudy, both: BatteryStudy, apart: float, *, quick: bool) -> tuple[str, ...]:
    """The promises, each beside what came."""
    least = min(alone.share, both.share)
    more = all(b.profit >= a.profit for a, b in ((alone.forecast, both.forecast), (alone.foresight, both.foresight)))

    def judged(kept: bool) -> str:
        return verdict(kept, quick=quick)

    return (
        f"{judged(least >= LEAST_SHARE)}: planned on forecasts arbitrage earns {alone.share:.1%} of perfect foresight "
        f"(${alone.forecast.profit:,.0f} of ${alone.foresight.profit:,.0f}), with regulation {both.share:.1%} "
        f"(${both.forecast.profit:,.0f} of ${both.foresight.profit:,.0f}); promised {LEAST_SHARE:.0%}.",
        f"{judged(more)}: with regulation no less than by arbitrage alone, with foresight and on forecasts.",
        f"{judged(apart <= SAME_MONEY)}: arbitrage with foresight is {apart:.1e} of the money from an independent "
        f"linear program; promised {SAME_MONEY:g}.",
    )


def from_plain_program(price: pd.Series) -> float:
    """Distance of our cost from that of the same problem written for scipy, relative to its size."""
    b, money = battery(), price.to_numpy(dtype=float)
    worth = float(money.mean()) * b.discharge_efficiency
    plan = schedule([_without_haste(b, worth)], pd.Series(money, index=price.index), time_limit_s=600.0)
    plain = plain_cost(money, b, worth)
    return abs(plan.cost - plain) / abs(plain)


def _without_haste(b: Battery, worth: float) -> Battery:
    return Battery(
        b.capacity_mwh, b.max_charge_mw, b.max_discharge_mw, b.charge_efficiency, b.discharge_efficiency, b.min_soc,
        b.max_soc, b.initial_soc, b.degradation_cost, end_value_per_mwh=worth, early_cost=0.0,
    )  # fmt: skip


def plain_cost(money: FloatArray, b: Battery, worth: float) -> float:
    """min Σ money (c − d) + wear d − worth e_T over c, d and e; hourly, one row of energy per interval.

    Where the price is below zero a linear program would charge and discharge at once to lose energy; there a whole
    number says which way the battery runs.
    """
    n, below = money.size, np.flatnonzero(money < 0)
    none, one = csr_array((n, below.size)), eye_array(n, format="csr")
    before = diags_array([np.ones(n - 1)], offsets=[-1], shape=(n, n), format="csr")
    energy = hstack([-b.charge_efficiency * one, one / b.discharge_efficiency, one - before, none])
    start = np.zeros(n)
    start[0] = b.initial_soc * b.capacity_mwh
    rules = [LinearConstraint(energy, start, start)]
    if below.size:
        way, apart = eye_array(below.size, format="csr"), csr_array((below.size, n))
        rules += [
            LinearConstraint(hstack([one[below], apart, apart, -b.max_charge_mw * way]), -np.inf, 0.0),
            LinearConstraint(hstack([apart, one[below], apart, b.max_discharge_mw * way]), -np.inf, b.max_discharge_mw),
        ]
    cost = np.concatenate([money, b.degradation_cost - money, np.zeros(n + below.size)])
    cost[3 * n - 1] = -worth
    low = np.concatenate([np.zeros(2 * n), np.full(n, b.min_soc * b.capacity_mwh), np.zeros(below.size)])
    most = np.repeat([b.max_charge_mw, b.max_discharge_mw, b.max_soc * b.capacity_mwh], n)
    high = np.concatenate([most, np.ones(below.size)])
    whole = np.concatenate([np.zeros(3 * n), np.ones(below.size)])
    found = milp(cost, constraints=rules, bounds=Bounds(low, high), integrality=whole, options={"mip_rel_gap": 1e-9})
    assert found.status == 0, found.message
    return float(found.fun)
