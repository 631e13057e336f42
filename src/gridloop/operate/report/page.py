"""The page: one HTML file with everything inside, plotly's JavaScript included, that asks no network for anything."""

from __future__ import annotations

import json
from importlib.resources import files

from plotly.offline import get_plotlyjs

from gridloop.operate.report import (
    expected,
    feeder,
    flexibility,
    island,
    loading,
    prices,
    quality,
    setpoints,
    story,
    voltage,
)
from gridloop.operate.report.chart import Chart, Part
from gridloop.operate.report.clock import LocalClock, day_clock
from gridloop.operate.report.info import RunInfo
from gridloop.operate.report.tables import RunTables
from gridloop.operate.report.words import count, escaped

# The browser itself refuses whatever would leave the page.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def build_page(tables: RunTables) -> str:
    """The whole report of a run as HTML.

    Parts whose tables are empty say so; nothing is raised for a run that stopped early.
    """
    info = RunInfo.read(tables.run)
    clock = day_clock(tables.ticks, info.zone)
    parts = [
        Part("figures", "Key figures", "", html=story.tiles(info) + story.kpi_table(info)),
        expected.part(tables, info, clock),
        voltage.part(tables, clock),
        loading.part(tables, clock),
        feeder.part(tables, clock),
        *([drilled] if (drilled := island.part(tables, clock)) is not None else []),
        flexibility.part(tables, clock),
        prices.part(tables, clock),
        setpoints.part(tables, clock),
        quality.scores(info),
        quality.timing(tables, info, clock),
        quality.audit(tables),
    ]
    return document(f"{info.site}, {info.day}", _head(tables, info, clock), parts)


def document(title: str, head: str, parts: list[Part]) -> str:
    """A whole page: `head` is finished HTML, `title` plain text."""
    links = "".join(f'<li><a href="#{part.id}">{escaped(part.heading)}</a></li>' for part in parts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escaped(title)} · gridloop</title>
<style>{_own("page.css")}</style>
</head>
<body>
<nav aria-label="Contents"><div class="brand">gridloop</div><ol>{links}</ol></nav>
<main>
{head}
{"".join(_section(part) for part in parts)}
</main>
<script>{get_plotlyjs()}</script>
<script>{_own("page.js")}</script>
</body>
</html>
"""


def _head(tables: RunTables, info: RunInfo, clock: LocalClock) -> str:
    versions = " · ".join(f"{escaped(name)} {escaped(version)}" for name, version in info.versions.items())
    facts = " · ".join(
        part
        for part in (
            f"run {escaped(info.id)}" if info.id else "",
            f"times in {escaped(info.zone)}",
            f"{count(len(tables.bus), 'bus', 'buses')}, {count(len(tables.line), 'line')}, "
            f"{count(len(tables.transformer), 'transformer')}",
        )
        if part
    )
    return (
        f"<header><h1>{escaped(info.site)}</h1><p class='day'>{escaped(info.long_day)}</p>"
        f"<p class='story'>{story.summary(tables, info, clock)}</p>{story.trouble(tables, clock)}"
        f"<p class='meta'>{facts}</p>" + (f"<p class='meta'>{versions}</p>" if versions else "") + "</header>"
    )


def _section(part: Part) -> str:
    charts = "".join(placed(chart) for chart in part.charts)
    says = f'<p class="says">{part.says}</p>' if part.says else ""
    note = f'<p class="note">{part.note}</p>' if part.note else ""
    return f'<section id="{part.id}"><h2>{escaped(part.heading)}</h2>{says}{charts}{part.html}{note}</section>\n'


def placed(chart: Chart) -> str:
    """The room of a chart on the page, and its data beside it."""
    spec = json.dumps({"data": chart.data, "layout": chart.layout}, separators=(",", ":"), allow_nan=False)
    # "</" would end the script element early, whatever an id in the network may contain.
    safe = spec.replace("</", "<\\/").replace("<!--", "<\\u0021--")
    height = int(chart.layout["height"])
    return (
        f'<div class="plot" id="{chart.id}" role="img" aria-label="{escaped(chart.summary)}" '
        f'style="height:{height}px"></div>'
        f'<script type="application/json" id="{chart.id}-spec">{safe}</script>'
    )


def _own(name: str) -> str:
    return files("gridloop.operate.report").joinpath(name).read_text(encoding="utf-8")
