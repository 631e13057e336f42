"""`gridloop study compressors [STATION.toml]`: a planned sequence of air compressors beside a tuned cascade."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gridloop.cli.opf import check_page
from gridloop.cli.study_compressors_file import BEGINS, LEAST_BAND_BAR, read_station
from gridloop.cli.study_compressors_prices import prices_for
from gridloop.cli.study_compressors_words import VOLKSWAGEN_PCT, comparison, story_of
from gridloop.cli.study_parts import MONEY, AsJson, Plot, Stages, answer
from gridloop.errors import BadInput, listed
from gridloop.operate.plots.study_compressors import build_compressor_page
from gridloop.operate.report.words import count
from gridloop.operate.studies.compressor_weeks import LEARN_WEEKS, Demand
from gridloop.operate.studies.compressors import TUNE_WEEKS, study
from gridloop.optimize.compressors.demand import demo_station
from gridloop.optimize.devices.compressor_station import CompressorStation


def compressors(
    station_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="STATION.toml",
            help="Your machines, network, air and prices: docs/guides/compressors.md. None: a made-up station.",
        ),
    ] = None,
    weeks: Annotated[
        int | None, typer.Option(min=1, max=200, help="Weeks that are judged. [10, or all that are recorded]")
    ] = None,
    tune_weeks: Annotated[
        int, typer.Option(min=1, max=LEARN_WEEKS, help="Weeks before on which the rules are tuned.")
    ] = TUNE_WEEKS,
    volume_m3: Annotated[
        float | None, typer.Option(help="Receiver and network of the made-up station, m³. [30]")
    ] = None,
    min_bar: Annotated[float | None, typer.Option(help="Its lowest pressure, bar gauge. [6.2]")] = None,
    max_bar: Annotated[float | None, typer.Option(help="Its highest pressure, bar gauge. [7.2]")] = None,
    leak: Annotated[float | None, typer.Option(help="Its leaks at the lowest pressure, m³/min. [8]")] = None,
    prices: Annotated[
        Path | None, typer.Option(help="CSV of prices: Ember's, SMARD's, CAISO's, ours; in place of [prices].")
    ] = None,
    area: Annotated[str | None, typer.Option(help="Bidding zone of a price file with several.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic factory: the same seed, the same weeks.")] = 0,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Run a station of air compressors by a planned sequence, on true and on forecast demand.

    Beside it: cascaded pressure switches and equal shares, both tuned on weeks before, in the same simulation. Without
    a recording the use of air is synthetic. Flows are free air in m³/min, pressures bar gauge. With prices sequences
    are planned on them, and money stands beside energy.
    """
    check_page(plot)
    if area is not None and prices is None:
        raise BadInput("--area is of the file of --prices; give both.")
    own = {"volume_m3": volume_m3, "min_bar": min_bar, "max_bar": max_bar, "leak_m3_per_min": leak}
    given = {name: value for name, value in own.items() if value is not None}
    said: Mapping[str, Any] = {}
    if station_file is None:
        name, station = "made-up station", _made_up(**given)
        demand = Demand.synthetic(10 if weeks is None else weeks, seed=seed)
    elif given:
        raise BadInput(f"{listed(list(given))}: where there is a file, [station] of {station_file.name} says it.")
    else:
        file = read_station(station_file, weeks, seed)
        name, station, demand, said = file.name, file.station, file.demand, file.prices
    where = Path() if station_file is None else station_file
    priced = prices_for(prices, area, said, where.name, where.parent, demand)
    console = Console(stderr=as_json, highlight=False)
    with Stages(console, lines=not as_json) as stage:
        found = study(
            station=station, demand=demand, tune_weeks=tune_weeks, told=stage.tell,
            prices=None if priced is None else priced[0],
        )  # fmt: skip
    currency = MONEY if priced is None else priced[1]
    figures = comparison(found, currency)
    story = story_of(found, name, currency)
    if plot is not None:
        Path(plot).write_text(build_compressor_page(found, figures, story, currency), encoding="utf-8")
    data: dict[str, Any] = {"station": name, **found.facts(), "volkswagen_pct": VOLKSWAGEN_PCT}
    data |= {} if demand.recorded else {"seed": seed}
    data |= {} if priced is None else {"currency": currency}
    title = f"Compressed air, {name}, {count(len(found.weeks), f'{demand.kind} week')}"
    answer(console, title, figures, story, plot, data if as_json else None)


def _made_up(
    volume_m3: float = 30.0, min_bar: float = 6.2, max_bar: float = 7.2, leak_m3_per_min: float = 8.0
) -> CompressorStation:
    if not max_bar - min_bar >= LEAST_BAND_BAR:
        raise BadInput(
            f"--max-bar {max_bar:g} is {max_bar - min_bar:.2g} bar above --min-bar; {LEAST_BAND_BAR:g} bar are needed."
        )
    # It begins where rules may hold it: at the end of the band the first minute would leave it.
    begins = round(min_bar + BEGINS * (max_bar - min_bar), 3)
    return demo_station(
        volume_m3=volume_m3, min_bar=min_bar, max_bar=max_bar, leak_m3_per_min=leak_m3_per_min, start_bar=begins
    )  # fmt: skip
