"""The page of a station's study: who runs when, pressure and use of air, power before and after, saving by week."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gridloop.operate.plots.study_page import LIMIT, Comparison, Curve, Panel, bars, build_study_page, profile
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace
from gridloop.operate.report.words import count, escaped
from gridloop.operate.studies.compressor_result import CASCADE, EQUAL, FORECAST, LEVEL, TRUTH, CompressorStudy
from gridloop.optimize.compressors.demand import INTERVAL_S
from gridloop.optimize.compressors.simulation import Simulated
from gridloop.units import FloatArray

LOOKS = {
    CASCADE: style.UNCONTROLLED, EQUAL: style.CATEGORIES[1], TRUTH: style.CATEGORIES[5], FORECAST: style.CONTROLLED,
}  # fmt: skip
# What a machine does, from white to blue: off, idles, half loaded, fully loaded.
_IDLE, _LEAST = 0.18, 0.36
SHADES = [[0.0, "#f1f3f5"], [0.09, "#f1f3f5"], [0.1, style.CATEGORIES[1]], [0.27, style.CATEGORIES[1]],
          [0.28, "#d3e4f0"], [1.0, style.CONTROLLED]]  # fmt: skip


def build_compressor_page(study: CompressorStudy, figures: Comparison, story: list[str], currency: str) -> str:
    """One HTML file: the figures, a week of machines, pressure and power, and the weeks side by side."""
    start, zone = study.first.start, study.demand.zone
    day = f"{study.demand.kind} weeks, {len(study.weeks)} from {start.tz_convert(zone):%Y-%m-%d}"
    parts = [_gantt(study, zone), _profile(study, zone, currency), _weeks(study, zone)]
    return build_study_page("Compressed air: a planned sequence", day, story, figures, parts)


def _gantt(study: CompressorStudy, zone: str) -> Part:
    charts = [
        _machines(name, study.shown[way], study, zone, f"{way}: what each machine does")
        for name, way in (("cascade", CASCADE), ("sequence", FORECAST))
    ]
    says = (
        "Above the cascade, below the sequence on forecasts, in the first week. Pale: off; amber: runs and delivers "
        f"nothing; blue: delivers, the darker the more. Times are {zone}."
    )
    return Part("machines", "Who runs", says, charts)


def _machines(name: str, run: Simulated, study: CompressorStudy, zone: str, title: str) -> Chart:
    many = round(INTERVAL_S / run.step_s)
    n = run.used.size // many
    full = np.array([m.most_m3_per_min for m in study.station.machines])

    def means(values: FloatArray) -> FloatArray:
        return np.asarray(values[: n * many].reshape(n, many, -1).mean(axis=1))

    share, on = means(run.flow_m3_per_min / full), means((run.phase > 0).astype(float))
    shade = np.where(on < 0.5, 0.0, np.where(share < 0.02, _IDLE, _LEAST + (1.0 - _LEAST) * share))
    index = pd.date_range(study.first.start, periods=n, freq=pd.Timedelta(seconds=INTERVAL_S)).tz_convert(zone)
    names = [m.id for m in study.station.machines]
    heat: Trace = {
        "type": "heatmap",
        "x": [f"{t:%Y-%m-%dT%H:%M:%S}" for t in index],
        "y": list(reversed(names)),
        "z": [[round(float(v), 3) for v in row] for row in shade.T[::-1]],
        "customdata": [[round(float(100 * v)) for v in row] for row in share.T[::-1]],
        "colorscale": SHADES,
        "zmin": 0.0,
        "zmax": 1.0,
        "ygap": 2,
        "showscale": False,
        "hovertemplate": "%{y}, %{x}: %{customdata} % of its flow<extra></extra>",
    }
    tick = {"tickfont": {"size": 12, "color": style.MUTED}}
    layout: dict[str, Any] = style.base_layout(110 + 28 * len(names)) | {
        "hovermode": "closest",
        "xaxis": {"type": "date", **tick},
        "yaxis": {"automargin": True, **tick},
        "annotations": [style.panel_title(escaped(title), 1.0)],
    }
    return Chart(f"chart-{name}", [heat], layout, title)


def _profile(study: CompressorStudy, zone: str, currency: str) -> Part:
    start = study.first.start
    tables: Mapping[str, pd.DataFrame] = {
        way: study.shown[way].means(INTERVAL_S, start) for way in (CASCADE, TRUTH, FORECAST)
    }
    before, after = tables[CASCADE], tables[FORECAST]
    flat = pd.Series(1.0, index=before.index)
    panels = [
        Panel("Use of air, without leaks", "m³/min", [Curve("used", after["used"], {"color": style.INK})], 1.4),
        Panel(
            "Pressure: lowest and highest of each quarter of an hour", "bar",
            [
                Curve(f"{CASCADE}, lowest", before["low_bar"], {"color": LOOKS[CASCADE], "width": 1.2}),
                Curve(f"{CASCADE}, highest", before["high_bar"], {"color": LOOKS[CASCADE], "width": 1.2}),
                Curve(f"{FORECAST}, lowest", after["low_bar"], {"color": LOOKS[FORECAST], "width": 1.2}),
                Curve(f"{FORECAST}, highest", after["high_bar"], {"color": LOOKS[FORECAST], "width": 1.2}),
                Curve("band", flat * study.station.min_bar, LIMIT),
                Curve("band", flat * study.station.max_bar, LIMIT | {"showlegend": False}),
            ],
        ),
        Panel(
            "Power", "kW",
            [Curve(way, tables[way]["p_kw"], {"color": LOOKS[way]}) for way in (CASCADE, FORECAST)],
            1.6,
        ),
    ]  # fmt: skip
    if study.prices is not None:
        price = study.prices.reindex(after.index)
        line = Curve("price", price, {"color": style.INK})
        panels.append(Panel("Price of energy", f"{currency} per MWh", [line], 1.0))
    chart = profile("air", panels, zone, "Use of air, pressure and power of the first week")
    says = f"The first week, simulated in steps of {study.shown[CASCADE].step_s:g} s. Times are {zone}."
    return Part("profile", "Before and after", says, [chart], note="Double-click to see all of the time.")


def _weeks(study: CompressorStudy, zone: str) -> Part:
    labels = [f"{t.tz_convert(zone):%m-%d}" for t in pd.DatetimeIndex(study.weeks.index)]
    sides = {way: (list(100.0 * study.saving(way)), LOOKS[way]) for way in (TRUTH, FORECAST)}
    chart = bars("weeks", labels, sides, "%", "Energy saved beside the cascade, by week")
    charts = [chart]
    if study.prices is not None:
        sides = {way: (list(100.0 * study.saving(way, what="cost")), LOOKS[way]) for way in (TRUTH, FORECAST)}
        charts.append(bars("money", labels, sides, "%", "Cost of energy saved beside the cascade, by week"))
    says = (
        f"{count(len(labels), f'{study.demand.kind} week')}: energy saved beside the cascade, on average "
        f"{_mean(study, TRUTH)} with the true demand and {_mean(study, FORECAST)} with its forecast."
    )
    return Part("weeks", "Saving by week", says, charts)


def _mean(study: CompressorStudy, way: str) -> str:
    """The mean saving with its ends."""
    low, high = (100.0 * end for end in study.interval(way))
    ends = "" if np.isnan(low) else f" ({100 * LEVEL:.0f} %: {low:.1f} … {high:.1f})"
    return f"{100 * study.saving(way).mean():.1f} %{ends}"
