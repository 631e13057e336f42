"""The page of a backtest: key figures, errors by month, hour and lead, fans, reliability, what the model looks at."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gridloop.forecast.tested.backtest_scores import Backtest
from gridloop.forecast.tested.error_table import error_table
from gridloop.forecast.tested.reliability import bins, reliability
from gridloop.operate.plots import backtest_errors as errors
from gridloop.operate.plots.backtest_importance import importance_chart, importance_said, weights_chart, weights_said
from gridloop.operate.plots.backtest_reliability import reliability_chart, reliability_said
from gridloop.operate.plots.forecast_fan import fan
from gridloop.operate.plots.forecast_page import PageTitle
from gridloop.operate.report.chart import Chart, Part
from gridloop.operate.report.page import document
from gridloop.operate.report.words import count, escaped, number, table

WEEK = 7
LEADS_H = 26
"""So many hours ahead at most come with one local hour each: a chart of its own would show the same."""


@dataclass(frozen=True)
class BacktestFigures:
    """What the pictures are made of; powers and prices in `unit`.

    result      rows in that unit
    error       column of the error table that people compare
    reference   the persistence that fan charts show: day or week
    capacity    per point, in that unit
    importance  per point: feature × model, shares of 1
    weights     per point: UTC issue × expert
    """

    result: Backtest
    unit: str
    step: pd.Timedelta
    error: str
    reference: str = "week"
    capacity: dict[str, float] | None = None
    importance: dict[str, pd.DataFrame] = field(default_factory=dict)
    weights: dict[str, pd.DataFrame] = field(default_factory=dict)

    def table(self, by: str) -> pd.DataFrame:
        """Errors by group."""
        return error_table(self.result, by, capacity=self.capacity, error=self.error)

    @property
    def measure(self) -> errors.Measure:
        """The error that is drawn."""
        return errors.Measure.of(self.error, self.unit)


def backtest_parts(figures: BacktestFigures) -> list[Part]:
    """The sections with charts, in the order of the page; charts have names that fit files."""
    months, hours = figures.table("month"), figures.table("hour")
    measure, rows = figures.measure, figures.result.rows
    parts = [
        Part(
            "month", "Error by month", escaped(errors.said(months, measure, "in {}")),
            [errors.month_chart(months, measure)], html=_month_table(months, figures),
        ),
        Part(
            "hour", "Error by hour", escaped(errors.said(hours, measure, "at {} h")),
            [errors.line_chart(hours, measure, id_="chart-hour", title=f"local hour, {figures.result.zone}", every=3)],
        ),
    ]  # fmt: skip
    leads = figures.table("lead_h")
    if len(leads) > LEADS_H:
        chart = errors.line_chart(
            leads, measure, id_="chart-lead", title="hours ahead", every=6 if len(leads) < 72 else 24
        )
        parts.append(Part("lead", "Error by hours ahead", escaped(errors.said(leads, measure, "{} h ahead")), [chart]))
    else:
        parts[-1] = Part(
            "hour", "Error by hour", parts[-1].says, parts[-1].charts,
            note=f"Each local hour is forecast {leads.index.min()} to {leads.index.max()} hours ahead, always the same "
            "number of hours but for days on which the clock changes.",
        )  # fmt: skip
    found = reliability(rows)
    parts += _fans(figures)
    parts.append(
        Part(
            "reliability", "Reliability", escaped(reliability_said(found)), [reliability_chart(found, bins(rows))],
            note="The grey band is what a calibrated forecast would show by chance nine times out of ten, with errors "
            "alike within a day and independent from day to day; where errors last for days it is too narrow.",
        )
    )  # fmt: skip
    for point, shares in figures.importance.items():
        note = (
            "Trees: gain of the splits on a feature. Linear model: size of its coefficients on standardised features."
        )
        of = "" if len(figures.importance) == 1 else f", {point}"
        parts.append(
            Part("importance" + _id(of), f"What the model looks at{of}", escaped(importance_said(shares)),
                 [_renamed(importance_chart(shares), _id(of))], note=note)
        )  # fmt: skip
    for point, weights in figures.weights.items():
        of = "" if len(figures.weights) == 1 else f", {point}"
        parts.append(
            Part("weights" + _id(of), f"Weights of the experts{of}", escaped(weights_said(weights)),
                 [_renamed(weights_chart(weights, figures.result.zone), _id(of))])
        )  # fmt: skip
    return parts


def build_backtest_page(figures: BacktestFigures, title: PageTitle, notes: list[str]) -> str:
    """One HTML file with everything inside."""
    parts = [Part("figures", "Key figures", "", html=_tiles(figures)), *backtest_parts(figures)]
    items = "".join(f"<li>{escaped(note)}</li>" for note in [*figures.result.notes, *notes])
    protocol = (
        "Each local day is forecast once, from what was known at its issue; then what came is learned from. The first "
        "issues are asked twice, the second time with everything unknown turned to nonsense: an answer that moved "
        "would have stopped the backtest."
    )
    parts.append(Part("protocol", "Protocol", protocol, html=f"<ul>{items}</ul>" if items else ""))
    return document(title.name, title.head(), parts)


def _fans(figures: BacktestFigures) -> list[Part]:
    """The last week of the test, and the worst day with its neighbours; of the point with the largest values."""
    rows = figures.result.rows
    point = str(rows.groupby("point")["actual"].mean().idxmax())
    own = rows[rows["point"] == point].sort_values(["valid_at", "issued_at"]).drop_duplicates("valid_at", keep="last")
    known = own.dropna(subset="actual")
    if known.empty:
        return []
    error = (known["p50"] - known["actual"]).abs().groupby(known["issued_at"]).mean()
    worst = pd.Timestamp(error.index[int(error.argmax())])
    issues = sorted(own["issued_at"].unique())
    k = issues.index(worst)
    chosen = {
        "last": (issues[-WEEK:], f"The last {min(WEEK, len(issues))} days"),
        "worst": (issues[max(0, k - 1) : k + 2], "The worst day, and the days beside it"),
    }
    parts = []
    for name, (of, heading) in chosen.items():
        part = own[own["issued_at"].isin(of)]
        actual = part.set_index("valid_at")["actual"]
        chart = fan(name, part, actual, zone=figures.result.zone, step=figures.step, unit=figures.unit,
                    reference=part[figures.reference], issued=False,
                    title=f"{heading} of {point}: quantiles beside what came and what persistence said")  # fmt: skip
        parts.append(
            Part(f"fan-{name}", heading, _fan_said(part, figures, worst if name == "worst" else None),
                 [chart])
        )  # fmt: skip
    return parts


def _fan_said(part: pd.DataFrame, figures: BacktestFigures, worst: pd.Timestamp | None) -> str:
    own = part if worst is None else part[part["issued_at"] == worst]
    off = (own["p50"] - own["actual"]).abs().mean()
    rival = (own[figures.reference] - own["actual"]).abs().mean()
    middle = pd.Timestamp(own["valid_at"].iloc[len(own) // 2]).tz_convert(figures.result.zone)
    when = "Over these days" if worst is None else f"On {middle:%a} {middle.day} {middle:%b %Y}"
    digits = 0 if off >= 100 else 1 if off >= 10 else 2 if off >= 1 else 4
    rival_said = "" if np.isnan(rival) else f", persistence by {number(float(rival), digits)} {figures.unit}"
    return f"{when} the median was off by {number(float(off), digits)} {figures.unit}{rival_said}."


def _tiles(figures: BacktestFigures) -> str:
    every = figures.table("all").iloc[0]
    measure, unit = figures.measure, figures.unit
    column = measure.column
    rival = min(("week", "day"), key=lambda n: (np.isnan(every[f"{n}_{column}"]), every[f"{n}_{column}"]))
    size = 2 if measure.unit == "%" or every["mae"] < 100 else 0
    wide = 0 if every["rmse"] >= 100 else 2

    def tile(name: str, value: str, unit_: str, before: str) -> str:
        return (
            f'<div class="tile"><div class="name">{escaped(name)}</div><div class="value">{value} '
            f'<span class="unit">{escaped(unit_)}</span></div><div class="before">{escaped(before)}</div></div>'
        )

    said = errors.NAMES[rival]
    tiles = [
        tile("Mean absolute error", number(float(every[measure.column]), size), measure.unit,
             f"{said} {number(float(every[f'{rival}_{measure.column}']), size)} {measure.unit}"),
        tile("Below persistence by", number(100 * float(every["skill"]), 1), "%", f"of its error ({said})"),
        tile("RMSE", number(float(every["rmse"]), wide), unit,
             f"{said} {number(float(every[f'{rival}_rmse']), wide)} {unit}"),
        tile("P10 to P90 covers", number(100 * float(every["coverage"]), 1), "%", "right is 80 %"),
        tile("Pinball loss", number(float(every["pinball"]), wide), unit, "mean of P10, P50, P90"),
        tile("Bias", number(float(every["bias"]), wide, sign=True), unit, "forecast less actual"),
    ]  # fmt: skip
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _month_table(months: pd.DataFrame, figures: BacktestFigures) -> str:
    measure, unit = figures.measure, figures.unit
    digits = measure.digits(months)
    wide = 0 if months["rmse"].max() >= 100 else 2
    heads = ["month", f"error, {measure.unit}", f"RMSE, {unit}", f"pinball, {unit}", "P10–P90 covers, %",
             f"last week, {measure.unit}", f"last day, {measure.unit}", "below persistence by, %"]  # fmt: skip
    rows = [
        [
            escaped(str(month)),
            number(float(r[measure.column]), digits),
            number(float(r["rmse"]), wide),
            number(float(r["pinball"]), wide),
            number(100 * float(r["coverage"]), 1),
            number(float(r[f"week_{measure.column}"]), digits),
            number(float(r[f"day_{measure.column}"]), digits),
            number(100 * float(r["skill"]), 1),
        ]
        for month, r in months.iterrows()
    ]
    return table(heads, rows, numeric=range(1, len(heads)))


def named_charts(parts: list[Part]) -> list[tuple[Chart, str, str]]:
    """Charts of parts: each with its heading, and its sentence; the part's id fits a file."""
    return [(chart, part.heading, part.says) for part in parts for chart in part.charts]


def _renamed(chart: Chart, suffix: str) -> Chart:
    return Chart(chart.id + suffix, chart.data, chart.layout, chart.summary) if suffix else chart


def _id(text: str) -> str:
    inside = "".join(c if c.isalnum() else "-" for c in text).strip("-").lower()
    return f"-{inside}" if inside else ""


def days_said(result: Backtest) -> str:
    """`365 days`."""
    return count(int(result.rows["issued_at"].nunique()), "day")
