"""Panels of a schedule above each other: means of intervals as steps, states as lines through their ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Trace, band, extended, line
from gridloop.operate.report.words import escaped
from gridloop.optimize.plan import Plan

HEAD_PX, PANEL_PX = 150, 110
OUTAGE = style.tint(style.LIMIT, 0.10)


@dataclass
class Panels:
    """A drawing that is filled panel by panel; `chart` finishes it."""

    plan: Plan
    zone: str
    titles: list[tuple[str, str, float]] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    ranges: dict[int, list[float]] = field(default_factory=dict)

    @property
    def clock(self) -> list[str]:
        """Local starts of the intervals and the end of the last one."""
        horizon = self.plan.horizon
        return [f"{t.tz_convert(self.zone):%Y-%m-%dT%H:%M:%S}" for t in [*horizon.starts, horizon.ends[-1]]]

    def panel(self, title: str, unit: str, height: float = 1.0, values: list[float] | None = None) -> None:
        """A new panel below the others. values: ends of its axis"""
        self.titles.append((title, unit, height))
        if values is not None:
            self.ranges[len(self.titles)] = values

    @property
    def _axis(self) -> str:
        return "y" if len(self.titles) == 1 else f"y{len(self.titles)}"

    def means(self, values: pd.Series, name: str, **look: object) -> None:
        """A mean of every interval. [step]"""
        self._add(extended(values), name, **look)

    def states(self, first: float, values: Iterable[float], name: str, **look: object) -> None:
        """A state at the begin of the plan, and at the end of every interval. [step]"""
        self._add([first, *values], name, shape="linear", **look)

    def _add(self, values: Sequence[float], name: str, **look: object) -> None:
        unit = self.titles[-1][1]
        hover = f"%{{y:.4g}} {escaped(unit)}<extra>{escaped(name)}</extra>"
        look = {"yaxis": self._axis, "hovertemplate": hover} | look
        self.traces.append(line(self.clock, values, name=escaped(name), **look))

    def between(self, low: Sequence[float], high: Sequence[float], name: str, *, legend: bool = True) -> None:
        """The room between two states at the ends of the intervals. [step]"""
        self.traces += band(
            self.clock, [low[0], *low], [high[0], *high], name=escaped(name), color=style.CONTROLLED, alpha=0.12,
            shape="linear", unit=escaped(self.titles[-1][1]), yaxis=self._axis, legendgroup="band",
        )  # fmt: skip
        self.traces[-1]["showlegend"] = legend

    def chart(self, name: str, summary: str, open_: Sequence[tuple[pd.Timestamp, pd.Timestamp]] = ()) -> Chart:
        """The finished drawing. open_: times in which the connection is open, shaded"""
        shares = [height for _, _, height in self.titles]
        height = HEAD_PX + round(PANEL_PX * sum(shares)) + 34 * (len(shares) - 1)
        domains = style.stacked(shares, 40 / (height - HEAD_PX + 34))
        axes = ["y" if k == 0 else f"y{k + 1}" for k in range(len(shares))]
        ticks = {"size": 12, "color": style.MUTED}
        layout = style.base_layout(height) | {
            "modebar": {"orientation": "v"},
            "xaxis": {"type": "date", "anchor": axes[-1], "tickfont": ticks},
            "annotations": [
                style.panel_title(escaped(title), domain[1])
                for (title, _, _), domain in zip(self.titles, domains, strict=True)
            ],
            "shapes": shaded(open_, self.zone),
        }
        for k, ((_, unit, _), axis, domain) in enumerate(zip(self.titles, axes, domains, strict=True), start=1):
            more = {"range": self.ranges[k]} if k in self.ranges else {}
            layout[axis.replace("y", "yaxis")] = style.value_axis(unit, domain=list(domain), **more)
        return Chart(f"chart-{name}", self.traces, layout, summary)


def shaded(times: Sequence[tuple[pd.Timestamp, pd.Timestamp]], zone: str) -> list[dict[str, object]]:
    """Upright bands of a drawing over some times, for plotly's layout."""
    return [
        {"type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0}, "layer": "below",
         "fillcolor": OUTAGE, "x0": f"{begin.tz_convert(zone):%Y-%m-%dT%H:%M:%S}",
         "x1": f"{end.tz_convert(zone):%Y-%m-%dT%H:%M:%S}"}
        for begin, end in times
    ]  # fmt: skip
