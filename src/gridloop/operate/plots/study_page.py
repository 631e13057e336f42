"""What the pages of studies share: panels over time, bars by month, and a table of the ways side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace, extended, line, numbers
from gridloop.operate.report.page import document
from gridloop.operate.report.words import escaped, number, table

WEEK = pd.Timedelta(days=7)
LIMIT = {"color": style.LIMIT, "dash": "4px,3px", "width": 1.4}


@dataclass(frozen=True)
class Comparison:
    """The ways of a study side by side: the baseline first.

    rows  name with its unit, one value per way (NaN: it has none; infinite: never), decimals
    """

    ways: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...], int], ...]

    def html(self) -> str:
        """The table of the page."""
        cells = [
            [escaped(name), *("never" if math.isinf(v) else number(v, digits) for v in values)]
            for name, values, digits in self.rows
        ]
        return table(["", *map(escaped, self.ways)], cells, numeric=range(1, len(self.ways) + 1))


@dataclass(frozen=True)
class Curve:
    """A line of a panel. values by start of the interval (UTC), a mean over it."""

    name: str
    values: pd.Series
    look: Mapping[str, object] = field(default_factory=lambda: {"color": style.CONTROLLED})


@dataclass(frozen=True)
class Panel:
    """Some lines over the same time."""

    title: str
    unit: str
    curves: Sequence[Curve]
    height: float = 2.0


def profile(
    name: str, panels: Sequence[Panel], zone: str, summary: str, shown: pd.Timestamp | None = None
) -> Chart:  # fmt: skip
    """Panels above each other over all of the time, of which the week from `shown` on is seen first."""
    starts = pd.DatetimeIndex(panels[0].curves[0].values.index)
    last = starts[-1] + (starts[1] - starts[0] if len(starts) > 1 else pd.Timedelta(hours=1))
    clock = [f"{t:%Y-%m-%dT%H:%M:%S}" for t in [*starts.tz_convert(zone), last.tz_convert(zone)]]
    domains = style.stacked([panel.height for panel in panels], 0.11)
    traces: list[Trace] = []
    axes = ["y" if k == 0 else f"y{k + 1}" for k in range(len(panels))]
    for panel, axis in zip(panels, axes, strict=True):
        for curve in panel.curves:
            hover = f"%{{y:.3f}} {escaped(panel.unit)}<extra>{escaped(curve.name)}</extra>"
            made = line(
                clock, extended(curve.values), name=escaped(curve.name), yaxis=axis, hovertemplate=hover, **curve.look
            )
            traces.append(made)
    across: dict[str, object] = {
        "type": "date",
        "anchor": axes[-1],
        "ticks": "outside",
        "ticklen": 8,
        "tickcolor": "#ffffff",
        "tickfont": {"size": 12, "color": style.MUTED},
    }
    if shown is not None and last - starts[0] > WEEK:
        first = min(shown, last - WEEK).tz_convert(zone)
        across["range"] = [f"{first:%Y-%m-%dT%H:%M:%S}", f"{first + WEEK:%Y-%m-%dT%H:%M:%S}"]
    titles = [style.panel_title(escaped(panel.title), domain[1]) for panel, domain in zip(panels, domains, strict=True)]
    layout = style.base_layout(150 + 150 * len(panels)) | {
        "modebar": {"orientation": "v"},
        "xaxis": across,
        "annotations": titles,
    }
    for panel, axis, domain in zip(panels, axes, domains, strict=True):
        layout[axis.replace("y", "yaxis")] = style.value_axis(panel.unit, domain=list(domain))
    return Chart(f"chart-{name}", traces, layout, summary)


def bars(
    name: str, labels: Sequence[str], sides: Mapping[str, tuple[Sequence[float], str]], unit: str, summary: str
) -> Chart:  # fmt: skip
    """Groups of bars. sides: name → (values by label, colour)"""
    traces: list[Trace] = [
        {"type": "bar", "name": escaped(side), "x": list(labels), "y": numbers(values), "marker": {"color": color},
         "hovertemplate": f"%{{y:.3f}} {escaped(unit)}<extra>{escaped(side)}</extra>"}
        for side, (values, color) in sides.items()
    ]  # fmt: skip
    layout = style.base_layout(320) | {
        "barmode": "group",
        "modebar": {"orientation": "v"},
        "xaxis": {"type": "category", "automargin": True, "tickfont": {"size": 12, "color": style.MUTED}},
        "yaxis": style.value_axis(unit),
    }
    return Chart(f"chart-{name}", traces, layout, summary)


def by_period(values: pd.Series, zone: str, how: Literal["sum", "max"]) -> pd.Series:
    """Sums or highest values by local month, or by local day where the series lasts less than two months."""
    index = pd.DatetimeIndex(values.index).tz_convert(zone)
    form = "%Y-%m" if index[-1] - index[0] > pd.Timedelta(days=62) else "%m-%d"
    found: pd.Series = values.groupby(index.strftime(form), sort=False).agg(how)
    return found


def week_of(values: pd.Series, zone: str) -> pd.Timestamp:
    """Local midnight three days before the highest value: the week to be seen first."""
    top = pd.DatetimeIndex(values.index)[int(np.nanargmax(values.to_numpy(dtype=float)))].tz_convert(
        zone
    ).normalize() - pd.Timedelta(days=3)
    return max(top.tz_convert("UTC"), pd.DatetimeIndex(values.index)[0])


def build_study_page(name: str, day: str, story: Sequence[str], figures: Comparison, parts: Sequence[Part]) -> str:
    """One HTML file with everything inside: the ways side by side, then the charts."""
    head = (
        f"<header><h1>{escaped(name)}</h1><p class='day'>{escaped(day)}</p>"
        f"<p class='story'>{escaped(' '.join(story))}</p></header>"
    )
    first = Part("figures", "Figures", "The baseline comes first; all ways are of the same run.", html=figures.html())
    return document(name, head, [first, *parts])
