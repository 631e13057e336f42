"""`gridloop study compressors`: a planned sequence of air compressors beside a tuned cascade, on synthetic weeks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from gridloop.cli.opf import check_page
from gridloop.cli.study_parts import AsJson, Plot, Stages, answer
from gridloop.errors import BadInput
from gridloop.operate.plots.study_compressors import build_compressor_page
from gridloop.operate.plots.study_page import Comparison
from gridloop.operate.studies.compressors import CASCADE, FORECAST, TRUTH, WAYS, CompressorStudy, study
from gridloop.optimize.compressors.demand import demo_station

VOLKSWAGEN_PCT = 12.0
"""What Volkswagen Poznań reported for its compressors: the case that this study stands beside."""

LEAST_BAND_BAR = 0.3


def compressors(
    weeks: Annotated[int, typer.Option(min=1, max=200, help="Synthetic weeks that are judged.")] = 10,
    volume_m3: Annotated[float, typer.Option(help="Receiver and network, m³.")] = 30.0,
    min_bar: Annotated[float, typer.Option(help="Lowest pressure of the network, bar gauge.")] = 6.2,
    max_bar: Annotated[float, typer.Option(help="Highest pressure of the network, bar gauge.")] = 7.2,
    leak: Annotated[float, typer.Option(help="Leaks at the lowest pressure, m³/min.")] = 8.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic factory: the same seed, the same weeks.")] = 0,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Run six air compressors by a planned sequence, on true and on forecast demand, over synthetic weeks.

    Beside it: cascaded pressure switches and equal shares, both tuned on weeks before, in the same simulation.
    """
    check_page(plot)
    if not max_bar - min_bar >= LEAST_BAND_BAR:
        raise BadInput(
            f"--max-bar {max_bar:g} is {max_bar - min_bar:.2g} bar above --min-bar; {LEAST_BAND_BAR:g} bar are needed."
        )
    # It begins where rules may hold it: at the end of the band the first minute would leave it.
    begins = round(min_bar + 0.4 * (max_bar - min_bar), 3)
    station = demo_station(
        volume_m3=volume_m3, min_bar=min_bar, max_bar=max_bar, leak_m3_per_min=leak, start_bar=begins
    )  # fmt: skip
    console = Console(stderr=as_json, highlight=False)
    with Stages(console, lines=not as_json) as stage:
        found = study(weeks, seed=seed, station=station, told=stage.tell)
    figures = comparison(found)
    story = _story(found)
    if plot is not None:
        Path(plot).write_text(build_compressor_page(found, figures, story), encoding="utf-8")
    data: dict[str, Any] | None = {**found.facts(), "volkswagen_pct": VOLKSWAGEN_PCT, "seed": seed} if as_json else None
    answer(console, f"Compressed air, {weeks} synthetic weeks", figures, story, plot, data)


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


def _story(found: CompressorStudy) -> list[str]:
    table, many = found.weeks, len(found.weeks)
    truth, forecast = (100.0 * found.saving(way) for way in (TRUTH, FORECAST))
    weeks = "; ".join(f"{t:.1f} and {f:.1f}" for t, f in zip(truth, forecast, strict=True))
    outside = float(np.sum([table[f"{way} outside_s"].sum() for way in (TRUTH, FORECAST)]))
    band = "The pressure never left its band." if outside == 0 else f"The pressure left its band for {outside:.0f} s."
    miss = found.forecast
    return [
        f"Synthetic: on {many} made-up weeks of a made-up factory a planned sequence saves {truth.mean():.1f} % of the "
        f"energy of a tuned cascade with the true demand, {forecast.mean():.1f} % with its forecast. {band}",
        f"By week, true demand and forecast, %: {weeks}.",
        f"The forecast from the production plan is off by {miss['mae_m3_per_min']:.1f} m³/min on average in the hour "
        f"that is acted on, the week before by {miss['last_week_mae_m3_per_min']:.1f}. The sequences are at most "
        f"{100 * float(table['gap'].max()):.2f} % from the best.",
        f"Volkswagen Poznań reported {VOLKSWAGEN_PCT:g} % for its compressors; how they were run before is not known. "
        "What a station saves depends on its machines: a variable one as large as the largest fixed one leaves less.",
    ]
