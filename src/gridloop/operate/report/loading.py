"""The loading strip: every line and transformer over the day, with and without control on one colour scale."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gridloop.operate.report import facts, style
from gridloop.operate.report.chart import Chart, Part, Trace, numbers
from gridloop.operate.report.clock import LocalClock
from gridloop.operate.report.tables import BASELINE, CONTROLLED, RunTables
from gridloop.operate.report.words import count, escaped, number

MOST_ROWS = 70
TOP_PCT = 120.0
# Light to dark blue up to the rating, orange to dark red beyond: an overload cannot be mistaken for a high load.
BELOW = ("#f3f6f9", "#cfdfec", "#93bbd8", "#4a8dbb", "#1c5a86")
ABOVE = ("#f0962e", "#a3230c")


def scale(top: float) -> list[list[Any]]:
    """A colour scale over 0 to `top` % that breaks at 100 %."""
    limit = 100 / top
    steps = [[round(limit * i / (len(BELOW) - 1), 5), color] for i, color in enumerate(BELOW)]
    return [*steps, [round(limit, 5), ABOVE[0]], [1.0, ABOVE[1]]]


def color_axis(top: float) -> dict[str, Any]:
    """The plotly colour axis that the strip and the map share."""
    return {
        "cmin": 0,
        "cmax": top,
        "colorscale": scale(top),
        "colorbar": {
            "title": {"text": "loading, %", "side": "right", "font": {"size": 12, "color": style.MUTED}},
            "thickness": 12,
            "outlinewidth": 0,
            "tickfont": {"size": 12, "color": style.MUTED},
            "tickvals": [v for v in (0, 25, 50, 75, 100, 120, 150, 200) if v <= top],
        },
    }


def top_of_scale(tables: RunTables) -> float:
    """Where the scale ends: 120 %, or the highest loading seen where that is more."""
    highest = [float(loading.max().max()) for loading in tables.loadings.values()]
    return round(max([TOP_PCT, *[h for h in highest if h == h]]), 1)


def ordered(tables: RunTables) -> pd.Series:
    """The highest loading of each branch over all runs [%]: transformers first, then lines, most loaded first."""
    worst = pd.concat([loading.max() for loading in tables.loadings.values()], axis=1).max(axis=1).dropna()
    is_line = ~worst.index.isin(tables.transformer.index)
    return worst.to_frame("pct").assign(line=is_line).sort_values(["line", "pct"], ascending=[True, False])["pct"]


def part(tables: RunTables, clock: LocalClock) -> Part:
    """The section with one strip per run, side by side, rows in the same order."""
    heading = "Loading of lines and transformers"
    if not tables.loadings:
        return Part("loading", heading, "No flow was stored.")
    worst = ordered(tables)
    rows = list(worst.index[:MOST_ROWS])
    top = top_of_scale(tables)
    layout = style.base_layout(130 + max(8 * len(rows), 160)) | {"hovermode": "closest", "coloraxis": color_axis(top)}
    layout["annotations"] = []
    traces: list[Trace] = []
    runs = list(tables.loadings)
    domains = style.stacked([1.0] * len(runs), 0.05)
    # `stacked` counts from the top; sideways the same shares count from the left.
    columns = [(1 - high, 1 - low) for low, high in domains]
    for i, (run, (left, right)) in enumerate(zip(runs, columns, strict=True)):
        suffix = "" if i == 0 else str(i + 1)
        loading = tables.loadings[run].reindex(columns=rows)
        hours = float(facts.hours_of(tables, run).iloc[0])
        traces.append(_strip(loading, clock, f"x{suffix}", run, hours))
        layout[f"xaxis{suffix}"] = clock.axis(
            anchor="y",
            domain=[round(left, 4), round(right, 4)],
            showspikes=False,
            showgrid=False,
            nticks=9,
            **({"matches": "x"} if i else {}),
        )
        title = style.panel_title(style.RUN_NAME[run].capitalize(), 1.0) | {"x": left}
        layout["annotations"].append(title)
    layout["yaxis"] = style.value_axis(
        "", autorange="reversed", showgrid=False, tickfont={"size": 9, "color": style.MUTED}, type="category"
    )
    layout["margin"] = layout["margin"] | {"l": 130, "t": 30}
    chart = Chart("chart-loading", traces, layout, "Loading of each branch over the day, with and without control")
    return Part("loading", heading, _says(tables, clock), [chart], note=_left_out(worst))


def _strip(loading: pd.DataFrame, clock: LocalClock, axis: str, run: str, hours: float) -> Trace:
    name = style.RUN_NAME[run]
    return {
        "type": "heatmap",
        "x": clock.x(pd.DatetimeIndex(loading.index)),
        "y": [escaped(column) for column in loading.columns],
        "z": [numbers(loading[column], 1) for column in loading.columns],
        "xaxis": axis,
        "yaxis": "y",
        "coloraxis": "coloraxis",
        "name": name,
        # A cell covers the interval that starts at its time; the hover keeps the start.
        "xperiod": hours * 3_600_000,
        "xperiodalignment": "middle",
        "ygap": 1,
        "hoverongaps": False,
        "hovertemplate": f"%{{y}}<br>%{{x|%H:%M}}: %{{z:.1f}} %<extra>{name}</extra>",
    }


def _says(tables: RunTables, clock: LocalClock) -> str:
    said = []
    for run in (BASELINE, CONTROLLED):
        worst = facts.extreme_loading(tables, run)
        if worst is not None:
            said.append(
                f"{style.RUN_NAME[run].capitalize()}, the highest loading is {number(worst.value, 1)} % "
                f"({escaped(worst.id)}, {clock.says(worst.at)})."
            )
    return " ".join(said)


def _left_out(worst: pd.Series) -> str:
    rest = worst.iloc[MOST_ROWS:]
    order = "Transformers first, then lines, each by their highest loading of the two runs; 100 % is the rating."
    if rest.empty:
        return order
    return (
        f"{order} The {MOST_ROWS} most loaded of {count(len(worst), 'branch', 'branches')} are shown; "
        f"the others stay below {number(float(rest.max()), 1)} % all day."
    )
