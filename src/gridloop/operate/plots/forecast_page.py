"""The page of a forecast: one fan chart per column, with the days before."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from gridloop.operate.plots.forecast_fan import fan
from gridloop.operate.report.chart import Chart, Part
from gridloop.operate.report.page import document
from gridloop.operate.report.words import count, escaped, number

BEFORE = pd.Timedelta(days=3)
"""What was, drawn beside what comes: so long, or as long as the forecast where that is longer."""

Drawn = list[tuple[Chart, str, str]]
"""Charts, each with its heading and a name for a file."""


@dataclass(frozen=True)
class PageTitle:
    """Words at the top of a page; plain text."""

    name: str
    day: str
    story: str
    meta: str = ""

    def head(self, trouble: list[str] | None = None) -> str:
        """Finished HTML."""
        box = ""
        if trouble:
            box = f'<div class="trouble">{"".join(f"<p>{escaped(text)}</p>" for text in trouble)}</div>'
        meta = f"<p class='meta'>{escaped(self.meta)}</p>" if self.meta else ""
        return (
            f"<header><h1>{escaped(self.name)}</h1><p class='day'>{escaped(self.day)}</p>"
            f"<p class='story'>{escaped(self.story)}</p>{box}{meta}</header>"
        )


def forecast_charts(
    rows: pd.DataFrame, values: pd.DataFrame, *, zone: str, step: pd.Timedelta, unit: str, inside: float = 1.0
) -> Drawn:
    """A fan chart per point.

    rows    of forecasts: issued_at, point, valid_at, p10, p50, p90
    values  what came, UTC valid_at × point; both in the unit of the forecaster
    inside  what one of `unit` is in that
    """
    found: Drawn = []
    for point, own in rows.groupby("point", sort=True):
        times = own["valid_at"]
        span = max(BEFORE, times.max() + step - times.min())
        actual = values[str(point)][lambda v: (v.index >= times.min() - span) & (v.index <= times.max())] / inside  # noqa: B023
        quantiles = own.sort_values("valid_at").assign(**{q: own[q] / inside for q in ("p10", "p50", "p90")})
        chart = fan(str(point), quantiles, actual, zone=zone, step=step, unit=unit)
        found.append((_said(chart, quantiles, zone, unit), str(point), re.sub(r"\W+", "-", str(point)).strip("-")))
    return found


def _said(chart: Chart, rows: pd.DataFrame, zone: str, unit: str) -> Chart:
    """The chart with a sentence on its peak."""
    top = rows.iloc[int(rows["p50"].argmax())]
    at = pd.Timestamp(top["valid_at"]).tz_convert(zone)
    digits = 0 if top["p50"] >= 1000 else 1 if top["p50"] >= 100 else 2 if top["p50"] >= 1 else 4
    p10, p50, p90 = (number(float(top[q]), digits) for q in ("p10", "p50", "p90"))
    says = f"Highest on {at:%a} {at.day} {at:%b} at {at:%H:%M}: {p50} {unit}, between {p10} and {p90} in 8 of 10 cases."
    return Chart(chart.id, chart.data, chart.layout, says)


def build_forecast_page(drawn: Drawn, title: PageTitle, notes: list[str]) -> str:
    """One HTML file with everything inside."""
    parts = [Part(f"fan-{name}", heading, escaped(chart.summary), [chart]) for chart, heading, name in drawn]
    if notes:
        items = "".join(f"<li>{escaped(note)}</li>" for note in notes)
        parts.append(Part("notes", "Notes", f"{count(len(notes), 'remark')} on the input.", html=f"<ul>{items}</ul>"))
    return document(title.name, title.head(), parts)
