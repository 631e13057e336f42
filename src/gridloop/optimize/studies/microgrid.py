"""A community with a grid-forming battery, day by day: what keeping energy for an island costs, and what it is worth.

Every midnight the battery is planned by `schedule` against the tariff, on forecasts from the days before: load and sun
as on the mean of the last seven days, priority load at the ninth and sun at the first decile of the last four weeks,
hour by hour. One way keeps an `IslandReserve`, one does not, and one rests full. What was planned is carried out, and
settled on the load and sun that came. Then the connection is opened, in thought, at the beginning of every hour: each
time `survival` says how long priority load is served from what is stored then and the sun that really came. The same
hours of the four weeks before, as scenarios, say beforehand how likely that is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange, OutsideData
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.microgrid.former import GridFormer
from gridloop.optimize.microgrid.survival import Survival, survival
from gridloop.optimize.problems.schedule import schedule
from gridloop.units import FloatArray

REST, TRADE, KEEP = "rests full", "trades", "trades and keeps"
WAYS = (REST, TRADE, KEEP)
DAYS_KNOWN, TYPICAL = 28, 7
DAY = 24
FLOOR_HZ = 49.0


@dataclass(frozen=True)
class IslandPlan:
    """How a community is planned and tested.

    survive_h       how long an island should be lived through
    priority_share  of the load that must be served in it
    look_h          how far survival is looked at
    """

    survive_h: float = 4.0
    priority_share: float = 0.5
    look_h: int = 12

    def __post_init__(self) -> None:
        if not 0 < self.survive_h <= self.look_h or self.look_h < 1:
            raise OutOfRange(f"survive_h is {self.survive_h}, look_h {self.look_h}; needed is 0 < survive_h ≤ look_h.")
        if not 0 < self.priority_share <= 1:
            raise OutOfRange(f"priority_share is {self.priority_share}; allowed is above 0 and at most 1.")


@dataclass(frozen=True, eq=False)
class IslandDays:
    """What came of it. Money in the tariff's own currency.

    hours     by hour: load_mw, solar_mw, price, reserve_mwh (kept at its end), and for every way WAY/soc (at its
              beginning), WAY/net_mw (import positive), WAY/cost, WAY/survived_h, WAY/unserved_mwh (of an island of
              survive_h that opens then), WAY/hz (lowest frequency when it opens)
    foreseen  by hour: probability to live `survive_h`, as the scenarios of the days before say, for the way that keeps
    survived  by way, over the hours
    ends      by way: state of charge after the last hour
    """

    hours: pd.DataFrame
    foreseen: pd.Series
    survived: Mapping[str, Survival]
    ends: Mapping[str, float]
    plan: IslandPlan
    battery: Battery

    def facts(self) -> dict[str, dict[str, float]]:
        """Figures by way. In the cost, what is stored more or less in the end counts at the mean tariff."""
        found = {}
        for way in WAYS:
            h, lived = self.hours, self.survived[way].hours >= self.plan.survive_h - 1e-9
            found[way] = {
                "cost": float(h[f"{way}/cost"].sum()) - self._left(way),
                "lived_share": float(lived.mean()),
                "survived_mean_h": float(self.survived[way].hours.mean()),
                "survived_p05_h": self.survived[way].quantile(0.05),
                "unserved_mwh": float(h[f"{way}/unserved_mwh"].mean()),
                "hz_min": float(h[f"{way}/hz"].min()),
                "above_first_stage_share": float((h[f"{way}/hz"] >= FLOOR_HZ).mean()),
            }
        lived = self.survived[KEEP].hours >= self.plan.survive_h - 1e-9
        found[KEEP] |= {
            "foreseen_share": float(self.foreseen.mean()),
            "brier": float(((self.foreseen.to_numpy() - lived) ** 2).mean()),
        }
        return found

    def _left(self, way: str) -> float:
        """Worth of what is stored more in the end than in the beginning."""
        more = (self.ends[way] - float(self.hours[f"{way}/soc"].iloc[0])) * self.battery.capacity_mwh
        return more * self.battery.discharge_efficiency * float(self.hours["price"].mean())


def island_days(
    load_mw: pd.Series,
    solar_mw: pd.Series,
    price: pd.Series,
    battery: Battery,
    plan: IslandPlan | None = None,
    *,
    days: int | None = None,
    first: int = DAYS_KNOWN,
    former: GridFormer | None = None,
    on_day: Callable[[int], None] | None = None,
) -> IslandDays:
    """The study, hour by hour. Nothing is paid for what is exported.

    load_mw, solar_mw, price  the same hours, UTC, whole days; the first four weeks are learned from
    days, first   how many days are planned, from which one on (the count of days before it)
    former        the battery as a source; its own numbers by default

    Raises `GapInSeries`, `OutOfRange`, and `OutsideData` where there are too few days.
    """
    plan = plan or IslandPlan()
    _check(load_mw, solar_mw, price)
    there = (len(load_mw) - plan.look_h) // DAY - first
    many = there if days is None else days
    if first < DAYS_KNOWN or not 0 < many <= there:
        raise OutsideData(
            f"{len(load_mw) // DAY} days are there; {DAYS_KNOWN} are learned from before the first, and {plan.look_h} "
            f"hours are looked at after the last: from day {first} on {max(there, 0)} can be planned, not {many}.",
            days=len(load_mw) // DAY,
        )
    load, sun, money = (s.to_numpy(dtype=float) for s in (load_mw, solar_mw, price))
    begin, count = first * DAY, many * DAY
    former = former or GridFormer.of_battery(battery)
    table = pd.DataFrame(
        {"load_mw": load[begin : begin + count], "solar_mw": sun[begin : begin + count],
         "price": money[begin : begin + count]}, index=load_mw.index[begin : begin + count],
    )  # fmt: skip
    runs = {way: _Run(battery, battery.max_soc if way == REST else battery.initial_soc) for way in WAYS}
    kept = np.zeros(count)
    for day in range(many):
        if on_day is not None:
            on_day(day)
        now = begin + day * DAY
        for way in (TRADE, KEEP):
            kept[day * DAY : (day + 1) * DAY] = runs[way].plan(load, sun, money, now, plan, load_mw.index, way == KEEP)
        runs[REST].rest()
    table["reserve_mwh"] = kept
    survived = {}
    for way, run in runs.items():
        power, soc = np.concatenate(run.power), np.concatenate(run.soc)
        net = table["load_mw"].to_numpy() - table["solar_mw"].to_numpy() + power
        table[f"{way}/soc"], table[f"{way}/net_mw"] = soc, net
        table[f"{way}/cost"] = np.clip(net, 0, None) * table["price"].to_numpy()
        survived[way] = _live(former, load, sun, soc, begin, plan, plan.look_h)
        short = _live(former, load, sun, soc, begin, plan, int(np.ceil(plan.survive_h)))
        table[f"{way}/survived_h"] = survived[way].hours
        table[f"{way}/unserved_mwh"] = _unserved(short, load, begin, plan)
        table[f"{way}/hz"] = _lowest(former, net, power)
    foreseen = _foreseen(former, load, sun, table[f"{KEEP}/soc"].to_numpy(), begin, plan)
    return IslandDays(
        table,
        pd.Series(foreseen, index=table.index, name="probability"),
        survived,
        {way: run.now for way, run in runs.items()},
        plan,
        battery,
    )


class _Run:
    """A battery on one way: its charge from day to day, what it did, and its charge at the beginning of every hour."""

    def __init__(self, battery: Battery, soc: float) -> None:
        self.battery, self.now = battery, soc
        self.power: list[FloatArray] = []
        self.soc: list[FloatArray] = []

    def rest(self) -> None:
        self.power.append(np.zeros(DAY))
        self.soc.append(np.full(DAY, self.now))

    def plan(
        self,
        load: FloatArray,
        sun: FloatArray,
        money: FloatArray,
        now: int,
        plan: IslandPlan,
        index: pd.Index,
        keeps: bool,
    ) -> FloatArray:
        """Plan from `now` on, carry a day out; the reserve at the end of its hours. [hour], MWh"""
        ahead = DAY + int(np.ceil(plan.survive_h))
        ahead = min(ahead, len(load) - now)
        at = (now + np.arange(ahead)) % DAY
        expected, shining = _by_hour(load, now, TYPICAL).mean(axis=0)[at], _by_hour(sun, now, TYPICAL).mean(axis=0)[at]
        need = plan.priority_share * np.quantile(_by_hour(load, now, DAYS_KNOWN), 0.9, axis=0)[at]
        sure = np.quantile(_by_hour(sun, now, DAYS_KNOWN), 0.1, axis=0)[at]
        store = replace(self.battery, initial_soc=float(np.clip(self.now, 0.0, 1.0)))
        prices = pd.DataFrame(
            {"import_eur_per_mwh": money[now : now + ahead], "export_eur_per_mwh": 0.0}, index=index[now : now + ahead]
        )
        reserve = IslandReserve([store], plan.survive_h, need, sure)
        mix: list[Device] = [store, Load(expected, id="homes"), Renewable(shining, id="roofs")]
        found = schedule([*mix, reserve] if keeps else mix, prices)
        power = found.wide("p_mw")[store.id].to_numpy()[:DAY]
        soc = found.wide("soc")[store.id].to_numpy()[:DAY]
        self.power.append(power)
        self.soc.append(np.concatenate([[self.now], soc[:-1]]))
        self.now = float(soc[-1])
        return np.asarray(found.wide("reserve_mwh")[reserve.id])[:DAY] if keeps else np.zeros(DAY)


def _by_hour(series: FloatArray, now: int, days: int) -> FloatArray:
    """The last days before now, [day, hour of the day]; `now` is a midnight."""
    return series[now - days * DAY : now].reshape(days, DAY)


def _windows(series: FloatArray, begin: int, count: int, length: int) -> FloatArray:
    """What follows the beginning of every hour. [length, hour]"""
    at = begin + np.arange(count)[None, :] + np.arange(length)[:, None]
    return np.asarray(series[np.minimum(at, len(series) - 1)])


def _live(
    former: GridFormer, load: FloatArray, sun: FloatArray, soc: FloatArray, begin: int, plan: IslandPlan, length: int
) -> Survival:
    """An island that opens at the beginning of every hour: one scenario each."""
    need = plan.priority_share * _windows(load, begin, soc.size, length)
    return survival(former, need, _windows(sun, begin, soc.size, length), hours=1.0, initial_soc=soc)


def _unserved(short: Survival, load: FloatArray, begin: int, plan: IslandPlan) -> FloatArray:
    """Priority load from the end of an island's life to the end of `survive_h`. [hour], MWh"""
    length = int(np.ceil(plan.survive_h))
    need = plan.priority_share * _windows(load, begin, short.hours.size, length)
    hour = np.arange(length)[:, None]
    lasts = np.clip(plan.survive_h - np.maximum(hour, short.hours[None, :]), 0.0, None)
    share = np.minimum(lasts, np.clip(hour + 1 - np.maximum(hour, short.hours[None, :]), 0.0, 1.0))
    return np.asarray((need * share).sum(axis=0))


def _lowest(former: GridFormer, net: FloatArray, power: FloatArray) -> FloatArray:
    """Lowest frequency where the connection opens on a mean hour: what it carried is the step. [hour], Hz"""
    per_mw = former.machine().nadir_hz(1.0)[0]
    found = 50.0 + per_mw * np.clip(net, 0.0, None)
    beyond = net + (-power) > former.discharge_mw  # more than it can give: relays have to shed
    return np.where(beyond, np.minimum(found, FLOOR_HZ - 0.2), found)


def _foreseen(
    former: GridFormer, load: FloatArray, sun: FloatArray, soc: FloatArray, begin: int, plan: IslandPlan
) -> FloatArray:
    """Probability to live `survive_h` from every hour on, by the same hours of the four weeks before."""
    length, count = int(np.ceil(plan.survive_h)), soc.size
    lived = np.zeros(count)
    for back in range(1, DAYS_KNOWN + 1):
        need = plan.priority_share * _windows(load, begin - back * DAY, count, length)
        found = survival(former, need, _windows(sun, begin - back * DAY, count, length), hours=1.0, initial_soc=soc)
        lived += found.hours >= plan.survive_h - 1e-9
    return lived / DAYS_KNOWN


def _check(load_mw: pd.Series, solar_mw: pd.Series, price: pd.Series) -> None:
    for name, series in (("load_mw", load_mw), ("solar_mw", solar_mw), ("price", price)):
        gaps = int(series.isna().sum())
        if gaps:
            raise GapInSeries(f"{gaps} of {len(series)} values of {name} are missing; fill them by name.", missing=gaps)
        if not series.index.equals(load_mw.index):
            raise OutOfRange(f"{name} is for other hours than load_mw; give all for the same.")
        if name != "price" and (series < 0).any():
            raise OutOfRange(f"{int((series < 0).sum())} of {len(series)} values of {name} are below zero.")
