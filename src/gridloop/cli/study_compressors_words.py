"""What `gridloop study compressors` says: the ways side by side, and sentences."""

from __future__ import annotations

import math

import numpy as np

from gridloop.cli.study_parts import money
from gridloop.market.savings.savings import Savings
from gridloop.operate.plots.study_page import Comparison
from gridloop.operate.report.words import count
from gridloop.operate.studies.compressor_result import CASCADE, FORECAST, LEVEL, TRUTH, WAYS, CompressorStudy

VOLKSWAGEN_PCT = 12.0
"""What Volkswagen Poznań reported for its compressors: the case that this study stands beside."""


def comparison(found: CompressorStudy, currency: str) -> Comparison:
    """The ways side by side, the cascade first; money where there are prices."""
    table = found.weeks
    air = float(table["air_m3"].sum())

    def row(name: str, column: str, how: str, digits: int = 0, by: float = 1.0) -> tuple[str, tuple[float, ...], int]:
        return name, tuple(by * float(getattr(table[f"{way} {column}"], how)()) for way in WAYS), digits

    rows = [
        row("energy, MWh", "mwh", "sum", 1),
        row("energy, kWh per 1,000 m³", "mwh", "sum", 1, 1e6 / air),
        *_saved(found, "energy", "mwh"),
    ]
    if found.prices is not None:
        rows += [row(f"cost of energy, {currency}", "cost", "sum"), *_saved(found, "cost", "cost")]
    rows += [
        row("starts of machines", "starts", "sum"),
        row("lowest pressure, bar", "low_bar", "min", 2),
        row("highest pressure, bar", "high_bar", "max", 2),
        row("outside the band, s", "outside_s", "sum"),
    ]
    return Comparison(WAYS, tuple(rows))


def _saved(found: CompressorStudy, name: str, what: str) -> list[tuple[str, tuple[float, ...], int]]:
    """What is saved beside the cascade: mean of the weeks, between which ends it lies, and the worst week. %"""
    others = [way for way in WAYS if way != CASCADE]
    each = {way: 100.0 * found.saving(way, what=what) for way in others}
    ends = {way: [100.0 * end for end in found.interval(way, what)] for way in others}
    level = f"{LEVEL:.0%}".replace("%", " %")
    return [
        (f"{name} saved, mean of the weeks, %", (0.0, *(float(each[way].mean()) for way in others)), 1),
        (f"  {level} of such means, low end, %", (math.nan, *(ends[way][0] for way in others)), 1),
        (f"  {level} of such means, high end, %", (math.nan, *(ends[way][1] for way in others)), 1),
        (f"{name} saved, worst week, %", (0.0, *(float(each[way].min()) for way in others)), 1),
    ]


def _beside(saved_pct: float, what: str = "the energy") -> str:
    """A saving in words."""
    return f"saves {saved_pct:.1f} % of {what}" if saved_pct >= 0 else f"takes {-saved_pct:.1f} % more of {what}"


def _between(ends: tuple[float, float]) -> str:
    low, high = (100.0 * end for end in ends)
    return "" if math.isnan(low) else f" ({LEVEL * 100:.0f} %: {low:.1f} … {high:.1f})"


def story_of(found: CompressorStudy, name: str, currency: str) -> list[str]:
    """Sentences of the answer and of the page."""
    table, many, demand = found.weeks, len(found.weeks), found.demand
    truth, forecast = (100.0 * found.saving(way) for way in (TRUTH, FORECAST))
    weeks = "; ".join(f"{t:.1f} and {f:.1f}" for t, f in zip(truth, forecast, strict=True))
    outside = float(np.sum([table[f"{way} outside_s"].sum() for way in (TRUTH, FORECAST)]))
    band = "The pressure never left its band" if outside == 0 else f"The pressure left its band for {outside:.0f} s"
    beside = float(table[f"{CASCADE} outside_s"].sum())
    band += "." if beside == 0 else f"; with the cascade it was outside for {beside:.0f} s."
    miss = found.forecast
    kind = (
        f"Recorded: on {count(many, 'week')} of {name}"
        if demand.recorded
        else f"Synthetic: on {count(many, 'made-up week')} of a made-up factory"
    )
    said = [
        f"{kind} a planned sequence {_beside(truth.mean())} beside a tuned cascade with the true demand"
        f"{_between(found.interval(TRUTH))}; with its forecast it {_beside(forecast.mean())}"
        f"{_between(found.interval(FORECAST))}. {band}",
        f"By week, true demand and forecast, %: {weeks}.",
        *_of_money(found, currency),
        _of_a_year(found, found.savings(FORECAST), currency),
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


def _of_money(found: CompressorStudy, currency: str) -> list[str]:
    """What prices make of it."""
    if found.prices is None:
        return []
    less = float(found.weeks[f"{CASCADE} cost"].sum() - found.weeks[f"{FORECAST} cost"].sum())
    saved = 100.0 * float(found.saving(FORECAST, what="cost").mean())
    station = found.station
    air_kwh = sum(m.full_kw for m in station.machines) / station.most_m3_per_min / 60.0
    stored = station.volume_m3 * (station.max_bar - station.min_bar) * air_kwh
    free = float((found.prices <= 0.0).mean())
    spared = f" In the {100.0 * free:.0f} % of time where energy costs nothing or less the plan spares none."
    spared = spared if free > 0.0 else ""
    return [
        f"Planned on these prices with the forecast it {_beside(saved, 'the cost of energy')}"
        f"{_between(found.interval(FORECAST, 'cost'))}, {money(less, currency, 0)} in all. Air can hardly wait: the "
        f"whole band of the receiver stores what {stored:.1f} kWh press.{spared}"
    ]


def _of_a_year(found: CompressorStudy, saved: Savings, currency: str) -> str:
    """A year made of weeks like these."""
    if not len(saved.yearly):
        return "Fewer days than a week say nothing of a year."
    row = {str(name): float(saved.yearly["saved"].to_numpy()[k]) for k, name in enumerate(saved.yearly.index)}
    worth = "" if found.prices is None else f" and {money(row['cost'], currency, 0)}"
    return (
        f"As if every week of a year were like these, with the forecast: {row['energy_mwh']:,.0f} MWh{worth} a year; "
        "seasons that are not in these weeks are not in it."
    )
