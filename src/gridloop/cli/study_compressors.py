"""`gridloop study compressors [STATION.toml]`: a planned sequence of air compressors beside a tuned cascade."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from gridloop.cli.opf import check_page
from gridloop.cli.study_compressors_file import BEGINS, LEAST_BAND_BAR, read_station
from gridloop.cli.study_parts import AsJson, Plot, Stages, answer
from gridloop.errors import BadInput, listed
from gridloop.operate.plots.study_compressors import build_compressor_page
from gridloop.operate.plots.study_page import Comparison
from gridloop.operate.report.words import count
from gridloop.operate.studies.compressor_weeks import LEARN_WEEKS, Demand
from gridloop.operate.studies.compressors import (
    CASCADE,
    FORECAST,
    TRUTH,
    TUNE_WEEKS,
    WAYS,
    CompressorStudy,
    study,
)
from gridloop.optimize.compressors.demand import demo_station
from gridloop.optimize.devices.compressor_station import CompressorStation

VOLKSWAGEN_PCT = 12.0
"""What Volkswagen Poznań reported for its compressors: the case that this study stands beside."""


def compressors(
    station_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="STATION.toml", help="Your machines, network and recorded air. None: a made-up station."
        ),
    ] = None,
    weeks: Annotated[
        int | None, typer.Option(min=1, max=200, help="Weeks that are judged; 10, or all that are recorded.")
    ] = None,
    tune_weeks: Annotated[
        int, typer.Option(min=1, max=LEARN_WEEKS, help="Weeks before on which the rules are tuned.")
    ] = TUNE_WEEKS,
    volume_m3: Annotated[float | None, typer.Option(help="Receiver and network, m³; 30.")] = None,
    min_bar: Annotated[float | None, typer.Option(help="Lowest pressure of the network, bar gauge; 6.2.")] = None,
    max_bar: Annotated[float | None, typer.Option(help="Highest pressure of the network, bar gauge; 7.2.")] = None,
    leak: Annotated[float | None, typer.Option(help="Leaks at the lowest pressure, m³/min; 8.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic factory: the same seed, the same weeks.")] = 0,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Run a station of air compressors by a planned sequence, on true and on forecast demand.

    Beside it: cascaded pressure switches and equal shares, both tuned on weeks before, in the same simulation. Without
    a recording the use of air is synthetic.
    """
    check_page(plot)
    own = {"volume_m3": volume_m3, "min_bar": min_bar, "max_bar": max_bar, "leak_m3_per_min": leak}
    given = {name: value for name, value in own.items() if value is not None}
    if station_file is None:
        name, station = "made-up station", _made_up(**given)
        demand = Demand.synthetic(10 if weeks is None else weeks, seed=seed)
    elif given:
        raise BadInput(f"{listed(list(given))}: where there is a file, [station] of {station_file.name} says it.")
    else:
        name, station, demand = read_station(station_file, weeks, seed)
    console = Console(stderr=as_json, highlight=False)
    with Stages(console, lines=not as_json) as stage:
        found = study(station=station, demand=demand, tune_weeks=tune_weeks, told=stage.tell)
    figures = comparison(found)
    story = _story(found, name)
    if plot is not None:
        Path(plot).write_text(build_compressor_page(found, figures, story), encoding="utf-8")
    facts = {"station": name, **found.facts(), "volkswagen_pct": VOLKSWAGEN_PCT}
    data: dict[str, Any] = facts if demand.recorded else {**facts, "seed": seed}
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


def comparison(found: CompressorStudy) -> Comparison:
    """The ways side by side, the cascade first."""
    table = found.weeks
    air = float(table["air_m3"].sum())

    def row(name: str, column: str, how: str, digits: int = 0, by: float = 1.0) -> tuple[str, tuple[float, ...], int]:
        return name, tuple(by * float(getattr(table[f"{way} {column}"], how)()) for way in WAYS), digits

    saved = tuple(0.0 if way == CASCADE else 100.0 * float(found.saving(way).mean()) for way in WAYS)
    worst = tuple(0.0 if way == CASCADE else 100.0 * float(found.saving(way).min()) for way in WAYS)
    return Comparison(
        WAYS,
        (
            row("energy, MWh", "mwh", "sum", 1),
            row("energy, kWh per 1,000 m³", "mwh", "sum", 1, 1e6 / air),
            ("energy saved, mean of the weeks, %", saved, 1),
            ("energy saved, worst week, %", worst, 1),
            row("starts of machines", "starts", "sum"),
            row("lowest pressure, bar", "low_bar", "min", 2),
            row("highest pressure, bar", "high_bar", "max", 2),
            row("outside the band, s", "outside_s", "sum"),
        ),
    )


def _beside(saved_pct: float) -> str:
    """A saving in words."""
    return f"saves {saved_pct:.1f} % of the energy" if saved_pct >= 0 else f"takes {-saved_pct:.1f} % more energy"


def _story(found: CompressorStudy, name: str) -> list[str]:
    table, many, demand = found.weeks, len(found.weeks), found.demand
    truth, forecast = (100.0 * found.saving(way) for way in (TRUTH, FORECAST))
    weeks = "; ".join(f"{t:.1f} and {f:.1f}" for t, f in zip(truth, forecast, strict=True))
    outside = float(np.sum([table[f"{way} outside_s"].sum() for way in (TRUTH, FORECAST)]))
    band = "The pressure never left its band." if outside == 0 else f"The pressure left its band for {outside:.0f} s."
    miss = found.forecast
    kind = (
        f"Recorded: on {count(many, 'week')} of {name}"
        if demand.recorded
        else f"Synthetic: on {count(many, 'made-up week')} of a made-up factory"
    )
    said = [
        f"{kind} a planned sequence {_beside(truth.mean())} beside a tuned cascade with the true demand; with its "
        f"forecast it {_beside(forecast.mean())}. {band}",
        f"By week, true demand and forecast, %: {weeks}.",
        f"The forecast from the production plan is off by {miss['mae_m3_per_min']:.1f} m³/min on average in the hour "
        f"that is acted on, the week before by {miss['last_week_mae_m3_per_min']:.1f}. The sequences are at most "
        f"{100 * float(table['gap'].max()):.2f} % from the best.",
        f"Volkswagen Poznań reported {VOLKSWAGEN_PCT:g} % for its compressors; how they were run before is not known. "
        "What a station saves depends on its machines: a variable one as large as the largest fixed one leaves less.",
    ]
    if demand.recorded:
        said.append(
            f"The first {count(demand.learn, 'week')} of the recording were learned from and tuned on, and are not "
            "counted. Machines, pressure and energy are simulated, the cascade too: it is not how the plant was run. "
            "Within an interval of the recording the use of air is held to be even."
        )
    return said
