"""`gridloop study dr METERS`: a demand-response programme on recorded loads, beside the same record without one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console

from gridloop.cli.opf import check_page
from gridloop.cli.output import records
from gridloop.cli.study_homes import FlatPrice, Start, Tariff, load_and_tariff
from gridloop.cli.study_parts import (
    AsJson,
    Plot,
    Stages,
    Zone,
    answer,
    check_zone,
    local_day,
    money,
)
from gridloop.errors import OutOfRange, OutsideData
from gridloop.market.demand_response.program import DRProgram
from gridloop.market.demand_response.response import Response
from gridloop.market.demand_response.study import COMPARED_DAYS, DRStudy, study_program
from gridloop.operate.plots.study_page import Comparison
from gridloop.operate.plots.study_response import build_response_page

LEARN_DAYS = 120
"""Days before the first event that baselines and their intervals learn from, where no --first is given."""


class Unit(StrEnum):
    """Of meters in a CSV: mean power, or energy of each interval."""

    kw = "kw"
    mw = "mw"
    kwh = "kwh"


def dr(
    meters: Annotated[Path, typer.Argument(help="CSV: valid_at and a column per customer; or a folder of CityLearn.")],
    unit: Annotated[Unit, typer.Option(help="Of the CSV: mean power, or energy per interval (kwh).")] = Unit.kw,
    start: Start = "2016-08-01T00:00-08:00",
    prices: Tariff = None,
    price: FlatPrice = None,
    zone: Zone = "UTC",
    begin_h: Annotated[float, typer.Option(min=0, max=23, help="Local clock hour at which events begin.")] = 16.0,
    hours: Annotated[float, typer.Option(min=0.25, max=8, help="Hours of an event.")] = 4.0,
    max_events: Annotated[int, typer.Option(min=1, help="Events in a calendar year.")] = 15,
    max_calls: Annotated[int, typer.Option(min=1, help="Calls of one customer in a calendar year.")] = 10,
    payment: Annotated[float, typer.Option(min=0, help="Money per MWh delivered.")] = 1000.0,
    need_share: Annotated[float, typer.Option(help="Share of the load that is called for, 0 … 1.")] = 0.05,
    answers: Annotated[float, typer.Option(help="Share of calls that are answered (assumed), 0 … 1.")] = 0.8,
    elasticity: Annotated[float, typer.Option(help="Of what is not moved (assumed).")] = -0.15,
    first: Annotated[
        str | None, typer.Option(help=f"First local day of events; {LEARN_DAYS} days after the first otherwise.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of who answers: the same seed, the same study.")] = 0,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Call customers on busy days as an operator would, answer as assumed, measure what came, and pay for it.

    The baseline is the same record without a programme. How customers answer is no record, but an assumption.
    """
    check_page(plot)
    check_zone(zone)
    if not 0 < need_share <= 1:
        raise OutOfRange(f"--need-share is {need_share:g}; allowed is above 0, and 1 at most.")
    program = DRProgram(
        max_hours=max(4.0, hours), min_hours=min(1.0, hours), max_events=max_events, max_calls=max_calls,
        payment_per_mwh=payment, zone=zone,
    )  # fmt: skip
    response = Response(answers=answers, elasticity=elasticity)
    name = meters.resolve().name
    console = Console(stderr=as_json, highlight=False)
    with Stages(console, lines=not as_json) as stage:
        stage.tell(f"Reading {name}")
        load, tariff, currency = load_and_tariff(meters, unit.value, start, prices, price, zone)
        begins = local_day(first, "--first", zone)
        opening = pd.Timestamp(load.index[0]).tz_convert(zone).tz_localize(None).normalize()
        day = opening + pd.Timedelta(days=LEARN_DAYS) if begins is None else begins.tz_localize(None)
        if day < opening + pd.Timedelta(days=COMPARED_DAYS + 2) or day >= load.index[-1].tz_convert(zone).tz_localize(
            None
        ):
            raise OutsideData(
                f"{name}: events from {day:%Y-%m-%d} on, in a record from {opening:%Y-%m-%d} to "
                f"{load.index[-1].tz_convert(zone):%Y-%m-%d}; {COMPARED_DAYS + 2} days are needed before the first."
            )
        stage.tell(f"Running a programme of {load.shape[1]} customers from {day:%Y-%m-%d}")
        study = study_program(
            load, tariff, program, begin_h=begin_h, hours=hours, need_share=need_share, first_day=day,
            response=response, seed=seed,
        )  # fmt: skip
    figures = _figures(study, currency)
    facts = study.facts()
    story = [
        f"{facts['events']} events and {facts['calls']} calls of {load.shape[1]} customers: "
        f"{1e3 * facts['true_mwh']:,.1f} kWh delivered, measured {1e3 * facts['measured_mwh']:,.1f} kWh "
        f"({1e3 * facts['corrected_mwh']:,.1f} kWh corrected).",
        f"{money(facts['paid'], currency)} is paid; the energy costs "
        f"{money(facts['energy_cost_without'] - facts['energy_cost'], currency)} less than without the programme.",
        f"That {answers:.0%} of calls are answered, and how, is assumed.",
    ]
    if not facts["events"]:
        story = ["No event was called: no busy day, or no customer with a record of the days before."]
    if plot is not None:
        span = f"demand-response study from {day:%Y-%m-%d}, events at {begin_h:g} o'clock for {hours:g} h"
        page = build_response_page(name, span, story, figures, study, load, tariff, zone)
        plot.write_text(page, encoding="utf-8")
    data = {
        "file": str(meters), "customers": load.shape[1], "first_day": f"{day:%Y-%m-%d}", "currency": currency,
        **facts, "event_table": records(study.event) if len(study.event) else [],
    }  # fmt: skip
    answer(console, f"{name}, {load.shape[1]} customers", figures, story, plot, data if as_json else None)


def _figures(study: DRStudy, currency: str) -> Comparison:
    facts, table = study.facts(), study.event
    nan = float("nan")
    some = len(table) > 0
    peaks = [1e3 * float(table[c].astype(float).mean()) if some else nan for c in ("peak_without_mw", "peak_mw")]
    delivered = 1e3 * facts["true_mwh"]
    return Comparison(
        ("without programme", "with programme"),
        (
            ("events", (0.0, float(facts["events"])), 0),
            ("delivered, kWh", (0.0, delivered), 1),
            ("highest power in the events' hours, mean, kW", (peaks[0], peaks[1]), 2),
            (f"energy, {currency}", (facts["energy_cost_without"], facts["energy_cost"]), 2),
            (f"paid to customers, {currency}", (0.0, facts["paid"]), 2),
        ),
    )
