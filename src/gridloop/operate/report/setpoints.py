"""Set-points and their reasons: how often each reason decided, and a table of who did what, when and why."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace
from gridloop.operate.report.clock import LocalClock
from gridloop.operate.report.episodes import decided, episodes, loud
from gridloop.operate.report.tables import RunTables
from gridloop.operate.report.words import count, escaped, number, split_unit, table
from gridloop.optimize.explain import limit_in_words, sentence

MOST_ROWS = 300
MOST_REASONS = len(style.CATEGORIES) - 1
QUERY = "SELECT tick, device, quantity, value, reason, binding, shadow_price FROM plans WHERE reason <> ''"


def part(tables: RunTables, clock: LocalClock) -> Part:
    """The section with the reasons over time and the searchable table."""
    heading = "Set-points and their reasons"
    rows = decided(tables)
    if rows.empty:
        return Part("setpoints", heading, "No set-point with a reason was stored.")
    acted = loud(rows)
    shown = episodes(acted, MOST_ROWS)
    note = (
        f"The table gathers {number(int(shown['setpoints'].sum()), 0)} of {number(len(rows), 0)} set-points: those of "
        "one kind that follow each other for the same reason share a row. At most "
        f"{MOST_ROWS} rows, those at a limit first, then the largest. The shadow price is what one more MWh (or Mvarh) "
        f'at the bus is worth. All set-points: <code>gridloop query "{escaped(QUERY)}"</code>'
    )
    charts = [_chart(acted, clock)] if len(acted) else []
    return Part("setpoints", heading, _says(rows, acted), charts, _table(shown, clock), note)


def _spoken(code: object) -> str:
    return escaped(str(code).replace("_", " "))


def _says(rows: pd.DataFrame, acted: pd.DataFrame) -> str:
    said = (
        f"{count(len(rows), 'set-point')} for {count(rows['device'].nunique(), 'device')}; {number(len(acted), 0)} of "
        "them are shown, at the others there was nothing to decide"
    )
    bound = acted.loc[acted["binding"] != "", "binding"]
    if bound.empty:
        return f"{said}. No limit was binding."
    counts = bound.value_counts().head(3)
    names = ", ".join(f"{escaped(limit_in_words(str(name)))} ({number(n, 0)})" for name, n in counts.items())
    return f"{said}. A limit decided {number(len(bound), 0)} of them, most often {names}."


def _chart(acted: pd.DataFrame, clock: LocalClock) -> Chart:
    """Stacked bars: how many set-points of each tick had which reason."""
    kept = list(acted["reason"].value_counts().index[:MOST_REASONS])
    codes = acted["reason"].where(acted["reason"].isin(kept), "other reasons")
    counts = acted.assign(code=codes).groupby(["issued_at", "code"]).size().unstack(fill_value=0).sort_index()
    times = pd.DatetimeIndex(counts.index)
    colors = {**dict(zip(kept, style.CATEGORIES, strict=False)), "other reasons": style.OTHER}
    traces: list[Trace] = [
        {
            "type": "bar",
            "x": clock.x(times),
            "y": [int(v) for v in counts[code]],
            "width": _width(times),
            "offset": 0,
            "name": _spoken(code),
            "marker": {"color": colors[code], "line": {"width": 0}},
            "hovertemplate": f"%{{y}}<extra>{_spoken(code)}</extra>",
        }
        for code in [*kept, "other reasons"]
        if code in counts
    ]
    layout = style.base_layout(360) | {
        "barmode": "stack",
        "bargap": 0,
        "xaxis": clock.axis(showspikes=False),
        "yaxis": style.value_axis("set-points per tick", rangemode="tozero"),
    }
    return Chart("chart-setpoints", traces, layout, "Number of set-points per tick by reason")


def _width(times: pd.DatetimeIndex) -> float:
    """Length of an interval: the shortest distance between ticks. [ms]"""
    steps = times[1:] - times[:-1]
    return float(steps.min() / pd.Timedelta(milliseconds=1)) if len(steps) else 900_000.0


def _table(shown: pd.DataFrame, clock: LocalClock) -> str:
    if shown.empty:
        return ""
    options = "".join(
        f'<option value="{escaped(code)}">{_spoken(code)}</option>' for code in sorted(shown["reason"].unique())
    )
    filters = (
        '<div class="filters"><label>Search <input type="search" data-filter="setpoints-table" '
        'placeholder="device, bus, time, limit"></label> '
        f'<label>Reason <select data-reason="setpoints-table"><option value="">all</option>{options}</select></label> '
        '<span class="hits" data-hits="setpoints-table"></span></div>'
    )
    head = (
        "from",
        "ticks",
        "devices",
        "kind",
        "quantity",
        "largest",
        "together",
        "why",
        "shadow price, EUR",
    )
    rows = [_row(row, clock) for row in shown.to_dict("records")]
    body = table(head, rows, css="setpoints", numeric=(5, 6, 8))
    return f'{filters}<div class="scroll" id="setpoints-table">{body}</div>'


def _row(row: Mapping[Hashable, Any], clock: LocalClock) -> tuple[str, ...]:
    name, unit = split_unit(str(row["quantity"]))
    digits = 0 if row["quantity"] == "tap_pos" else 3
    several = len(row["devices"]) > 1
    price = float(row["shadow_price"])
    span = f"{row['first']}" if row["first"] == row["last"] else f"{row['first']}–{row['last']}"
    return (
        clock.says(row["start"]),
        span,
        _devices(row),
        _spoken(row["kind"]),
        escaped(name),
        f"{number(float(row['value']), digits)} {unit}".strip(),
        f"{number(float(row['total']), digits)} {unit}".strip() if several and unit else "",
        f'<span data-code="{escaped(row["reason"])}">{escaped(sentence(row["reason"], row["binding"]))}</span>',
        "" if price != price else number(price, 2),
    )


def _devices(row: Mapping[Hashable, Any]) -> str:
    """The device with the largest set-point and its bus; the names of the others unfold, and are searched."""
    largest = escaped(row["device"]) + (f" <small>at {escaped(row['bus'])}</small>" if row["bus"] else "")
    others = [str(name) for name in row["devices"] if name != row["device"]]
    if not others:
        return largest
    names = ", ".join(escaped(name) for name in others)
    return f"<details><summary>{largest} and {number(len(others), 0)} more</summary>{names}</details>"
