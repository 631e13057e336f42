"""`gridloop study ev SESSIONS.csv …`: recorded charging, planned on drivers' words, beside charging at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console

from gridloop.cli.charging_words import ENDINGS, Events, for_json, say_events, write_events
from gridloop.cli.opf import check_page
from gridloop.cli.output import check_out
from gridloop.cli.study_parts import (
    AsJson,
    Plot,
    Stages,
    Zone,
    answer,
    check_zone,
    local_day,
    over,
    prices_of,
)
from gridloop.errors import OutOfRange, OutsideData, listed
from gridloop.io.carbon import read_carbon
from gridloop.io.columns import read_text
from gridloop.io.ev_sessions import read_ev_sessions
from gridloop.io.prices import usual_step
from gridloop.operate.plots.study_charging import build_charging_page
from gridloop.operate.plots.study_page import Comparison
from gridloop.optimize.charging.announced import Announced
from gridloop.optimize.charging.baselines import least_laxity_first, uncontrolled_charging
from gridloop.optimize.charging.departures import DepartureRisk
from gridloop.optimize.charging.replan import ChargingRules, replan_charging
from gridloop.optimize.charging.result import Charging
from gridloop.optimize.charging_events import charging_events
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.studies.ev_month import time_of_use

AT_ONCE, URGENCY, BELIEVING, PLANNED = "at once", "by urgency", "believing drivers", "planned"
WORDS = ("user_departure", "user_energy_mwh")
# Days before the study whose peak without control says what the plan treats as paid for.
PEAK_DAYS = 30
A_MOMENT = pd.Timedelta(seconds=1)


def ev(
    sessions: Annotated[list[Path], typer.Argument(help="CSV of sessions, ours or ACN-Data's; several follow on.")],
    prices: Annotated[
        Path | None, typer.Option(help="CSV of prices; without it Southern California's tariff for charging, USD.")
    ] = None,
    zone: Zone = "America/Los_Angeles",
    first: Annotated[
        str | None, typer.Option(help="First local day; what lies before it is learned from. The file's otherwise.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Local days; all that there are otherwise.")] = None,
    learn_days: Annotated[int, typer.Option(min=0, help="Days before the first that plans learn from.")] = 92,
    step_min: Annotated[int, typer.Option(min=1, max=60, help="Minutes between two plans, where no prices say.")] = 15,
    limit_kw: Annotated[float | None, typer.Option(help="What all cars may take together, kW.")] = None,
    peak_price: Annotated[float, typer.Option(min=0.0, help="Money per MW of the highest power.")] = 15_510.0,
    free_kw: Annotated[
        float | None, typer.Option(help="Power that counts as paid for, kW; 60 % of the last peak otherwise.")
    ] = None,
    charger_kw: Annotated[float, typer.Option(help="Power of chargers that do not say theirs (ACN), kW.")] = 7.2,
    carbon: Annotated[Path | None, typer.Option(help="CSV of the grid: valid_at, carbon_t_per_mwh.")] = None,
    events: Events = None,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Charge recorded cars by a plan that is made anew in every interval, knowing what drivers said and no more.

    Beside it: every car at once (the baseline), by urgency knowing when cars leave, and plans that believe every word.
    """
    check_page(plot)
    check_out(events, "--events", ENDINGS)
    check_zone(zone)
    for name, value in (("--limit-kw", limit_kw), ("--charger-kw", charger_kw)):
        if value is not None and not value > 0:
            raise OutOfRange(f"{name} is {value:g}; it must be above zero.")
    if free_kw is not None and not free_kw >= 0:
        raise OutOfRange(f"--free-kw is {free_kw:g}; it must be zero or more.")
    console = Console(stderr=as_json, highlight=False)
    begin = local_day(first, "--first", zone)
    limit = np.inf if limit_kw is None else limit_kw / 1e3
    with Stages(console, lines=not as_json) as stage:
        stage.tell(f"Reading {', '.join(file.name for file in sessions)}")
        table = pd.concat([_sessions(file, zone, charger_kw / 1e3) for file in sessions])
        twice = table.index[table.index.duplicated()]
        if len(twice):
            raise OutOfRange(
                f"{len(twice)} of {len(table)} sessions stand in more than one file "
                f"({listed([str(i) for i in twice])}); give each file once."
            )
        given, currency = (None, "USD") if prices is None else prices_of(prices, zone)
        begin = pd.Timestamp(table["arrival"].min()).tz_convert(zone).normalize() if begin is None else begin
        end = table["arrival"].max() + A_MOMENT if days is None else begin + pd.DateOffset(days=days)
        now = table[(table["arrival"] >= begin) & (table["arrival"] < end)]
        if now.empty:
            raise OutsideData(
                f"No session begins between {begin:%Y-%m-%d} and {end:%Y-%m-%d}; the {len(table)} of the files lie "
                f"between {table['arrival'].min():%Y-%m-%d} and {table['arrival'].max():%Y-%m-%d}."
            )
        step = pd.Timedelta(minutes=step_min) if given is None else usual_step(pd.DatetimeIndex(given.index))
        horizon = _horizon(now, begin, step)
        price = time_of_use(horizon.starts) if given is None else _over(given["import_eur_per_mwh"], horizon, prices)
        emits = None
        if carbon is not None:
            emits = over(read_carbon(carbon, zone), horizon.starts, carbon.name, "carbon", "plans")
        past = table[(table["arrival"] >= begin - pd.DateOffset(days=learn_days)) & (table["departure"] <= begin)]
        told = table["user_departure"].notna().any()
        if free_kw is None:
            last = past[past["arrival"] >= begin - pd.DateOffset(days=PEAK_DAYS)]
            free = 0.0 if last.empty else 0.6 * _alone(last, begin, step).peak_mw
        else:
            free = free_kw / 1e3
        rules = ChargingRules(limit_mw=limit, free_mw=min(free, limit), peak_price_per_mw=peak_price)
        ways = {AT_ONCE: uncontrolled_charging(now, horizon)}
        stage.tell(f"Planning {len(now):,} sessions, {len(horizon):,} times")
        announced = Announced()
        planned = replan_charging(
            now, price, rules, horizon=horizon, risk=None if past.empty or not told else DepartureRisk.fit(past),
            watch=announced,
        )  # fmt: skip
        notes = charging_events(planned, now, announced.charging(planned))
        ways[URGENCY] = least_laxity_first(now, horizon, min(limit, max(free, planned.peak_mw)))
        if told and not past.empty:
            stage.tell("Planning once more, believing every word")
            ways[BELIEVING] = replan_charging(now, price, rules, horizon=horizon)
        ways[PLANNED] = planned
    figures = _figures(ways, price, peak_price, currency, emits)
    money = {way: one.cost(price, peak_price) for way, one in ways.items()}
    base = ways[AT_ONCE]
    story = [
        f"{len(now):,} sessions, {now['energy_mwh'].sum():,.2f} MWh: planned, {100 * planned.served_share:.2f} % is "
        f"served, the peak is {100 * (1 - planned.peak_mw / base.peak_mw):.1f} % lower than at once and the bill "
        f"{100 * (1 - money[PLANNED] / money[AT_ONCE]):.1f} %."
        if base.peak_mw > 0 and money[AT_ONCE] > 0
        else f"{len(now):,} sessions; planned, {100 * planned.served_share:.2f} % is served.",
        f"Plans learned from {len(past):,} sessions before." if told and len(past) else "Nothing was learned before.",
    ]
    if base.peak_mw > limit:
        story.append(f"At once the cars would exceed the limit by {1e3 * (base.peak_mw - limit):,.1f} kW.")
    name = sessions[-1].name.split(".")[0]
    if events is not None:
        write_events(notes, events)
    if plot is not None:
        minutes = step / pd.Timedelta(minutes=1)
        span = f"charging study from {begin:%Y-%m-%d}, {len(horizon):,} intervals of {minutes:g} min"
        plot.write_text(build_charging_page(name, span, story, figures, ways, price, limit, zone), encoding="utf-8")
    data = {
        "files": [str(file) for file in sessions], "sessions": len(now), "learned_from": len(past),
        "energy_mwh": float(now["energy_mwh"].sum()), "currency": currency, "free_kw": 1e3 * rules.free_mw,
        "limit_kw": limit_kw, "intervals": len(horizon),
        "ways": {way: _way(one, price, money[way], emits) for way, one in ways.items()}, **for_json(notes, events),
    }  # fmt: skip
    answer(
        console, f"{name}, {len(now):,} sessions from {begin:%Y-%m-%d}", figures, story, plot, data if as_json else None
    )
    if not as_json:
        say_events(console, notes, events)


def _sessions(file: Path, zone: str, charger_mw: float) -> pd.DataFrame:
    """Sessions with their drivers' words (missing where nobody said any). ACN repeats the truth where nobody did."""
    text = read_text(file, "EV sessions")
    buses = ["site"] if "bus" not in text else sorted(text["bus"].dropna().astype(str).unique()) or ["site"]
    table = read_ev_sessions(file, buses, zone, max_charge_mw=charger_mw)
    for word in WORDS:
        if word not in table:
            table[word] = (
                pd.Series(pd.NaT, index=table.index, dtype=table["departure"].dtype) if "dep" in word else np.nan
            )
    if {"claimed", "session_id"} <= set(text.columns):
        said = text.set_index("session_id")["claimed"].str.lower().eq("true").reindex(table.index).to_numpy(dtype=bool)
        for word in WORDS:
            table[word] = table[word].where(said)
    return table


def _horizon(sessions: pd.DataFrame, begin: pd.Timestamp, step: pd.Timedelta) -> Horizon:
    last = pd.Timestamp(sessions["departure"].max()) + pd.Timedelta(days=1)
    return Horizon.regular(pd.date_range(begin.tz_convert("UTC"), last.ceil(step), freq=step, inclusive="left"))


def _alone(sessions: pd.DataFrame, begin: pd.Timestamp, step: pd.Timedelta) -> Charging:
    """Charging at once of the days before."""
    start = begin - pd.DateOffset(days=PEAK_DAYS)
    return uncontrolled_charging(sessions, _horizon(sessions, start, step))


def _over(price: pd.Series, horizon: Horizon, file: Path | None) -> pd.Series:
    """Prices of the study's intervals. Raises `OutsideData` where the file does not have them."""
    found = price.reindex(horizon.starts)
    missing = int(found.isna().sum())
    if missing and file is not None:
        raise OutsideData(
            f"{file.name} lacks {missing} of {len(found)} intervals from {horizon.starts[0]} to {horizon.ends[-1]}: "
            "until a day after the last car leaves prices are needed. Shorten with --days."
        )
    return found


def _figures(
    ways: dict[str, Charging], price: pd.Series, peak_price: float, currency: str, emits: pd.Series | None
) -> Comparison:
    every = list(ways.values())
    return Comparison(
        tuple(ways),
        (
            ("served, %", tuple(100 * one.served_share for one in every), 2),
            ("sessions short", tuple(float((one.short_mwh > 0).sum()) for one in every), 0),
            ("peak, kW", tuple(1e3 * one.peak_mw for one in every), 1),
            (f"energy, {currency}", tuple(one.cost(price) for one in every), 2),
            (f"energy and peak, {currency}", tuple(one.cost(price, peak_price) for one in every), 2),
            *([] if emits is None else [("carbon, t", tuple(one.cost(emits) for one in every), 3)]),
        ),
    )


def _way(one: Charging, price: pd.Series, money: float, emits: pd.Series | None) -> dict[str, float]:
    return {
        "served_share": one.served_share,
        "sessions_short": float((one.short_mwh > 0).sum()),
        "short_kwh": 1e3 * float(one.short_mwh.sum()),
        "peak_kw": 1e3 * one.peak_mw,
        "energy_money": one.cost(price),
        "money": money,
        **({} if emits is None else {"carbon_t": one.cost(emits)}),
    }
