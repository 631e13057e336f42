"""A community of homes with batteries, planned day by day on forecasts and settled on what came.

Every day, or every few hours, the batteries are planned by `schedule` for the hours ahead: against the tariff, a price
on the grid's carbon and one on the month's highest import, on forecasts made from what was known by then. In every hour
they then follow that plan and their common meter (`follow.py`), and what flows through the meter is what is paid:
import at the tariff, nothing for export. The baseline is the same homes with the same roofs whose batteries rest.

Batteries that are alike are planned as one: the sum of copies is again such a battery, and every copy does its share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.io.citylearn import Homes
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.studies.follow import Pool, follow
from gridloop.optimize.studies.sharing import alone_cost, shared_cost
from gridloop.units import FloatArray, IntArray

DAYS_KNOWN = 7
# What the last hours say of the next ones: how many, how fast it fades, and how far it is believed.
SEEN_H, FADES_H, RATIOS = 6, 12.0, (0.6, 1.8)


@dataclass(frozen=True)
class CommunityPlan:
    """How a community is planned. The tariff of the hours ahead is published; carbon is forecast as load and sun are.

    carbon_price     money per tonne, added to the tariff by the carbon of each hour
    peak_price       money per MW by which a plan raises the month's highest import so far
    wear             money per MWh discharged
    reserve_share    share of the capacity that is kept for a higher import than was foreseen
    horizon_h        hours that a plan looks ahead
    every_h          hours between plans; the first hours of each are carried out
    """

    carbon_price: float = 50.0
    peak_price: float = 10_000.0
    wear: float = 5.0
    reserve_share: float = 0.25
    horizon_h: int = 36
    every_h: int = 6

    def __post_init__(self) -> None:
        if not 0 < self.every_h <= self.horizon_h:
            raise OutOfRange(
                f"every_h is {self.every_h}, horizon_h {self.horizon_h}; needed is 0 < every_h ≤ horizon_h."
            )
        for name in ("carbon_price", "peak_price", "wear"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise OutOfRange(f"{name} is {getattr(self, name)}; it must not be negative.")
        if not 0 <= self.reserve_share < 1:
            raise OutOfRange(f"reserve_share is {self.reserve_share}; allowed is 0 … below 1.")


# What is expected of the hours ahead: (homes, first hour, hours) → load, solar [MW] and carbon [t/MWh], each [hour]
Expect = Callable[[Homes, int, int], tuple[FloatArray, FloatArray, FloatArray]]


def typical_day(homes: Homes, now: int, hours: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Persistence: every hour as it was on the mean of the last seven days. It knows the hours before `now` only.

    Raises `GapInSeries` before there are seven days.
    """
    if now < 24 * DAYS_KNOWN:
        raise GapInSeries(f"Hour {now}: a typical day needs {DAYS_KNOWN} days before it.")
    past = np.arange(now - 24 * DAYS_KNOWN, now)
    at = (now + np.arange(hours)) % 24

    def mean_by_hour(series: pd.DataFrame | pd.Series) -> FloatArray:
        values = series.to_numpy(dtype=float)[past]
        total = values if values.ndim == 1 else values.sum(axis=1)
        by_hour = np.bincount(past % 24, weights=total, minlength=24) / DAYS_KNOWN
        return np.asarray(by_hour[at])

    return mean_by_hour(homes.load_mw), mean_by_hour(homes.solar_mw), mean_by_hour(homes.carbon_t_per_mwh)


def warm_day(homes: Homes, now: int, hours: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A typical day whose load is as much higher or lower as in the last six hours, which fades within half a day."""
    load, solar, carbon = typical_day(homes, now, hours)
    if now < 24 * DAYS_KNOWN + SEEN_H:
        return load, solar, carbon
    came = float(homes.load_mw.iloc[now - SEEN_H : now].to_numpy().sum())
    ratio = float(np.clip(came / typical_day(homes, now - SEEN_H, SEEN_H)[0].sum(), *RATIOS))
    return load * (1.0 + (ratio - 1.0) * np.exp(-np.arange(hours) / FADES_H)), solar, carbon


def perfect(homes: Homes, now: int, hours: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What will come, as nobody knows it: the bound that better forecasts could reach with the same plans."""
    span = slice(now, now + hours)
    load, solar = (frame.iloc[span].sum(axis=1).to_numpy(dtype=float) for frame in (homes.load_mw, homes.solar_mw))
    return load, solar, homes.carbon_t_per_mwh.iloc[span].to_numpy(dtype=float)


@dataclass(frozen=True, eq=False)
class CommunityYear:
    """What came of it. Money in the tariff's own currency, settled by the tariff alone.

    hours   by hour: load_mw, solar_mw, battery_mw (taken), baseline_mw and net_mw (import positive), planned_mw,
            stored_mwh, cost and baseline_cost, carbon_t and baseline_carbon_t (of what is imported)
    homes   by home: baseline_alone (a meter of its own, batteries resting), baseline, cost (their shares of the
            community's bill), saved, saved_share
    plans   how many plans were made
    zone    local clock of the months
    """

    hours: pd.DataFrame
    homes: pd.DataFrame
    plans: int
    zone: str = "UTC"

    def facts(self) -> dict[str, float]:
        """Sums beside the baseline's: cost, carbon, highest import, mean of the months' and of the days' highest."""
        h = self.hours
        month, day = _months(h.index, self.zone), np.arange(len(h)) // 24
        found: dict[str, float] = {}
        for name, net, cost, carbon in (
            ("", "net_mw", "cost", "carbon_t"),
            ("baseline_", "baseline_mw", "baseline_cost", "baseline_carbon_t"),
        ):
            found[f"{name}cost"] = float(h[cost].sum())
            found[f"{name}carbon_t"] = float(h[carbon].sum())
            found[f"{name}peak_kw"] = 1e3 * float(h[net].max())
            found[f"{name}monthly_peak_kw"] = 1e3 * float(h[net].groupby(month).max().mean())
            found[f"{name}daily_peak_kw"] = 1e3 * float(h[net].groupby(day).max().mean())
            found[f"{name}import_mwh"] = float(h[net].clip(lower=0.0).sum())
        found["discharged_mwh"] = float((-h["battery_mw"]).clip(lower=0.0).sum())
        found["left_mwh"] = float(h["stored_mwh"].iloc[-1])
        found["plans"] = float(self.plans)
        return found


def community_year(
    homes: Homes,
    plan: CommunityPlan | None = None,
    *,
    expect: Expect = warm_day,
    days: int | None = None,
    zone: str = "UTC",
) -> CommunityYear:
    """Run a community through its data, from the eighth day on: the first seven are what forecasts learn from.

    expect  forecasts, made from what is known
    days    how many days; all by default
    zone    local clock of the months whose highest imports are counted

    Raises `OutOfRange` where there are too few days.
    """
    how = plan or CommunityPlan()
    first = 24 * DAYS_KNOWN
    last = len(homes.load_mw) if days is None else first + 24 * days
    if not first < last <= len(homes.load_mw):
        raise OutOfRange(
            f"{len(homes.load_mw) // 24} days of data; needed are {DAYS_KNOWN} to learn from and {days or 1} more."
        )
    pool = Pool.of(homes.battery)
    load, solar, _ = perfect(homes, 0, last)
    residual, tariff = load - solar, homes.import_eur_per_mwh.to_numpy(dtype=float)
    energy, power, planned = 0.0, np.zeros(last), np.full(last, np.nan)
    stored = np.zeros(last)
    months = _months(homes.load_mw.index, zone)
    highest, month, count = 0.0, -1, 0
    for now in range(first, last, how.every_h):
        ahead = min(how.horizon_h, len(homes.load_mw) - now)
        wanted, exchange = _plan(homes, how, pool, energy, now, ahead, expect, highest if months[now] == month else 0.0)
        count += 1
        for k in range(min(how.every_h, last - now)):
            t = now + k
            if months[t] != month:
                month, highest = int(months[t]), 0.0
            hold = max(highest, float(exchange.max()))
            reserve = how.reserve_share * pool.capacity_mwh
            power[t], energy = follow(pool, energy, wanted[k], exchange[k], residual[t], hold, reserve)
            planned[t], stored[t] = exchange[k], energy
            highest = max(highest, residual[t] + power[t])
    span = slice(first, last)
    net = residual + power
    carbon = homes.carbon_t_per_mwh.to_numpy(dtype=float)
    table = pd.DataFrame(
        {
            "load_mw": load, "solar_mw": solar, "battery_mw": power, "baseline_mw": residual, "net_mw": net,
            "planned_mw": planned, "stored_mwh": stored,
            "cost": tariff[:last] * np.clip(net, 0.0, None),
            "baseline_cost": tariff[:last] * np.clip(residual, 0.0, None),
            "carbon_t": carbon[:last] * np.clip(net, 0.0, None),
            "baseline_carbon_t": carbon[:last] * np.clip(residual, 0.0, None),
        },
        index=homes.load_mw.index[:last],
    )  # fmt: skip
    return CommunityYear(table.iloc[span], _by_home(homes, pool, power, span), count, zone)


def _months(hours: pd.Index, zone: str) -> IntArray:
    """A number for every hour's month on a local clock."""
    return np.asarray(pd.DatetimeIndex(hours).tz_convert(zone).tz_localize(None).to_period("M").asi8)


def _plan(
    homes: Homes,
    how: CommunityPlan,
    pool: Pool,
    energy: float,
    now: int,
    hours: int,
    expect: Expect,
    highest: float,
) -> tuple[FloatArray, FloatArray]:
    """Battery power and exchange that are best for what is expected. Both [hour], MW taken"""
    load, solar, carbon = expect(homes, now, hours)
    starts = pd.DatetimeIndex(homes.load_mw.index[now : now + hours])
    price = homes.import_eur_per_mwh.to_numpy(dtype=float)[now : now + hours] + how.carbon_price * carbon
    prices = pd.DataFrame({"import_eur_per_mwh": price, "export_eur_per_mwh": 0.0}, index=starts)
    # Early morning is covered from what is left at midnight: worth the cheapest import it saves.
    worth = float(price.min()) * pool.efficiency
    soc = min(max(energy / pool.capacity_mwh, 0.0), 1.0)
    battery = Battery(
        pool.capacity_mwh, pool.power_mw, pool.power_mw, pool.efficiency, pool.efficiency,
        min_soc=min(how.reserve_share, soc), initial_soc=soc, degradation_cost=how.wear,
        end_value_per_mwh=worth, id="batteries",
    )  # fmt: skip
    homes_load = Load(load, sheddable=0.0, id="homes")
    roofs = Renewable(np.clip(solar, 0.0, None), curtailable=False, id="roofs")
    connection = Connection(contracted_peak_mw=highest, peak_price_per_mw=how.peak_price)
    made = schedule([battery, homes_load, roofs], prices, connection=connection)
    exchange = made.of("connection", "import_mw") - made.of("connection", "export_mw")
    return made.of("batteries", "p_mw").to_numpy(dtype=float), exchange.to_numpy(dtype=float)


def _by_home(homes: Homes, pool: Pool, power: FloatArray, span: slice) -> pd.DataFrame:
    """Every home's share of the bill, with and without control."""
    load, solar = (frame.to_numpy(dtype=float)[span] for frame in (homes.load_mw, homes.solar_mw))
    tariff = homes.import_eur_per_mwh.to_numpy(dtype=float)[span]
    rest = load - solar
    net = rest + np.outer(power[span], pool.share)
    baseline, cost = shared_cost(rest, tariff).sum(axis=0), shared_cost(net, tariff).sum(axis=0)
    return pd.DataFrame(
        {
            "load_mwh": load.sum(axis=0), "solar_mwh": solar.sum(axis=0),
            "baseline_alone": alone_cost(rest, tariff).sum(axis=0), "baseline": baseline, "cost": cost,
            "saved": baseline - cost, "saved_share": (baseline - cost) / baseline,
        },
        index=homes.load_mw.columns.rename("home"),
    )  # fmt: skip
