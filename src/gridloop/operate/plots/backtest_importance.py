"""What a model looks at: shares of its features, and the weights of its experts over time."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from gridloop.operate.plots.forecast_axis import Days
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Trace, numbers
from gridloop.operate.report.words import number

MOST_FEATURES = 12

NAMES = {
    "air": "temperature",
    "air_then": "temperature on the newest day",
    "air_week": "temperature a week before",
    "slow_then": "smoothed temperature on the newest day",
    "day_mean": "mean temperature of the day",
    "day_high": "highest temperature of the day",
    "day_low": "lowest temperature of the day",
    "day_mean_before": "mean temperature of the day before",
    "day_high_before": "highest temperature of the day before",
    "day": "same time on the newest day",
    "week": "same time in the newest week",
    "yesterday": "same time on the newest day",
    "mean_type": "same time on alike days",
    "mean_weeks": "same time over the weeks",
    "newest": "newest value",
    "last": "newest value",
    "month": "mean of the last 28 days",
    "lead": "time ahead",
    "rest": "day of rest",
    "rest_then": "day of rest on the newest day",
    "day_index": "newest day over its usual",
    "before_24h": "mean of the 24 h before those",
    "quiet": "weeks at the turn of the year",
    "linear model": "what the linear model says",
}
PATTERNS: tuple[tuple[str, Callable[..., str]], ...] = (
    (r"(\w+)_above_(\d+)", lambda name, k: f"{words(name)} above bend {int(k) + 1}"),
    (r"slow_(\d+)h", lambda h: f"temperature smoothed over {h} h"),
    (r"air_(\d+)h_ago", lambda h: f"temperature {h} h before"),
    (r"newest_(\d+)([hd])", lambda n, unit: f"mean of the newest {n} {unit}"),
    (r"(\d+)_days_before_day", lambda n: f"same time {n} days before that"),
    (r"index_(\d+)h", lambda h: f"clear-sky index of the newest {h} h"),
    (r"unusual_(\d+)h", lambda h: f"how unusual the newest {h} h were"),
    (r"(mon|tues|wednes|thurs|fri|satur|sun)day", lambda day: f"{day.capitalize()}day"),
    (r"year_(sin|cos)_?(\d*)", lambda wave, k: f"season ({wave}{' ' + k if k else ''})"),
    (r"mean_(\d+)d?", lambda n: f"same time over {n} days"),
)


def importance_chart(table: pd.DataFrame) -> Chart:
    """Bars of the most important features. table: feature × model, shares of 1 per model"""
    order = table.mean(axis=1).sort_values(ascending=False).index[:MOST_FEATURES]
    shown = table.loc[order[::-1]]
    colours = (style.FORECAST, style.CONTROLLED, "#5fae92", style.UNCONTROLLED)
    models = list(table.columns)[: len(colours)]
    traces: list[Trace] = [
        {
            "type": "bar", "orientation": "h", "y": [words(str(f)) for f in shown.index],
            "x": numbers(100 * shown[model], 2), "name": str(model), "marker": {"color": colour},
            "hovertemplate": f"%{{x:.1f}} %<extra>{model}</extra>",
        }
        for model, colour in list(zip(models, colours, strict=False))[::-1]
    ]  # fmt: skip
    layout = style.base_layout(130 + (10 + 9 * len(models)) * len(shown)) | {
        "barmode": "group",
        "bargap": 0.25,
        "hovermode": "closest",
        "xaxis": style.value_axis("share of what the model gains from it, %", rangemode="tozero"),
        "yaxis": style.value_axis("", showgrid=False, type="category", ticks="outside", ticklen=6, tickcolor="#ffffff"),
    }
    layout["legend"] = layout["legend"] | {"traceorder": "reversed"}
    return Chart("chart-importance", traces, layout, "Shares of the most important features, by model")


def importance_said(table: pd.DataFrame) -> str:
    """The three most important features of each model."""
    parts = []
    for model in table.columns:
        top = table[model].sort_values(ascending=False).head(3)
        told = ", ".join(f"{words(str(f))} ({number(100 * float(v), 0)} %)" for f, v in top.items())
        parts.append(f"{model}: {told}")
    left = len(table) - MOST_FEATURES
    more = f" Shown are {MOST_FEATURES} of {len(table)}." if left > 0 else ""
    return "; ".join(parts) + "." + more


def words(feature: str) -> str:
    """A feature's name for people; one that nobody has named without its underscores."""
    if feature in NAMES:
        return NAMES[feature]
    if feature.startswith("log "):
        return f"log of {words(feature.removeprefix('log '))}"
    for pattern, name in PATTERNS:
        found = re.fullmatch(pattern, feature)
        if found:
            return name(*found.groups())
    return feature.replace("_", " ")


def weights_chart(table: pd.DataFrame, zone: str) -> Chart:
    """Weights of the experts, stacked. table: UTC issue × expert, each row adds up to 1"""
    times = pd.DatetimeIndex(table.index)
    days = Days(zone, times.min(), times.max() if len(times) > 1 else times.min() + pd.Timedelta(days=1))
    x = days.x(times)
    traces: list[Trace] = [
        {
            "type": "scatter", "mode": "lines", "x": x, "y": numbers(100 * table[name], 2), "name": str(name),
            "stackgroup": "w", "fillcolor": colour, "line": {"width": 0.5, "color": colour, "shape": "linear"},
            "hovertemplate": f"%{{y:.0f}} %<extra>{name}</extra>",
        }
        for name, colour in zip(table.columns, style.CATEGORIES, strict=False)
    ]  # fmt: skip
    layout = style.base_layout(320) | {
        "xaxis": days.axis(),
        "yaxis": style.value_axis("weight, %", range=[0, 100]),
    }
    return Chart("chart-weights", traces, layout, "Weights of the experts over time")


def weights_said(table: pd.DataFrame) -> str:
    """Mean weights, and those of the end."""
    mean, last = table.mean(), table.iloc[-1]
    told = ", ".join(
        f"{name} {number(100 * float(mean[name]), 0)} % (at the end {number(100 * float(last[name]), 0)} %)"
        for name in mean.sort_values(ascending=False).index
    )
    return f"Weights in the median, over all parts of the day, on average: {told}."
