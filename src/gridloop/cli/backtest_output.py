"""A backtest for people and for JSON: errors by month and by hours ahead, beside both persistences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from gridloop.cli.backtest_run import NO_VALUES, Tested
from gridloop.cli.forecast_units import Unit
from gridloop.cli.output import say, write_table
from gridloop.forecast.tested.error_table import error_table
from gridloop.forecast.tested.reliability import bins, reliability
from gridloop.operate.plots.backtest_errors import Measure
from gridloop.operate.plots.backtest_page import BacktestFigures

PARTS = ("mae", "rmse", "bias", "pinball", "point_pinball")


def figures(done: Tested) -> BacktestFigures:
    """What the pictures are made of."""
    kind = done.asked.kind
    return BacktestFigures(
        done.result, done.asked.unit.name, done.asked.step, kind.error, kind.usual_reference, done.capacity,
        {p or done.asked.task.points[0]: t for p, t in done.importance.items()}, done.weights,
    )  # fmt: skip


def as_json(done: Tested, *, retrain_days: int | None) -> dict[str, Any]:
    """All of it as plain values; what has a unit wears it."""
    asked, unit = done.asked, done.asked.unit

    def grouped(by: str) -> dict[str, dict[str, float]]:
        table = with_units(error_table(done.result, by, capacity=done.capacity, error=done.asked.kind.error), unit)
        return {str(key): {str(k): v for k, v in row.items()} for key, row in table.to_dict("index").items()}

    return {
        "file": asked.file,
        "kind": asked.kind.name,
        "model": asked.model_name,
        "answered_by": {str(k): int(v) for k, v in done.result.rows["model"].value_counts().items()},
        "unit": unit.name,
        "zone": asked.zone,
        "first": done.first,
        "last": done.last,
        "before_h": asked.task.before / pd.Timedelta(hours=1),
        "days": asked.task.days,
        "retrain_days": retrain_days,
        "fits": done.fits,
        "issues": int(done.result.rows["issued_at"].nunique()),
        "rows": len(done.result.rows),
        "scores": grouped("all")["0"],
        "by_month": grouped("month"),
        "by_lead_h": grouped("lead_h"),
        "by_day_ahead": grouped("day_ahead"),
        "by_hour": grouped("hour"),
        "by_point": grouped("point"),
        "reliability": reliability(done.result.rows).to_dict("index"),
        "parts_of_the_band": bins(done.result.rows).to_dict(),
        "importance": {
            point: {str(model): {str(f): float(v) for f, v in table[model].items()} for model in table}
            for point, table in done.importance.items()
        },
        "weights_at_the_end": {p: {str(k): float(v) for k, v in t.iloc[-1].items()} for p, t in done.weights.items()},
        "took": {"fit_s": done.fit_s, "predict_s": done.predict_s, "wall_s": done.wall_s},
        "notes": [*done.result.notes, *asked.notes],
    }


def with_units(table: pd.DataFrame, unit: Unit) -> pd.DataFrame:
    """An error table whose columns wear the unit, such as week_mae_mw."""
    names = {
        c: str(c) + unit.suffix for c in table.columns if str(c).removeprefix("day_").removeprefix("week_") in PARTS
    }
    return table.rename(columns=names).astype({"rows": int})


def write_rows(done: Tested, file: Path) -> None:
    """Write every forecast beside what came and what persistence had said. The ending says how."""
    unit = done.asked.unit
    rows = done.result.rows
    write_table(rows.rename(columns={n: str(n) + unit.suffix for n in rows.columns if n not in NO_VALUES}), file)


def show(console: Console, done: Tested) -> None:
    """What was tested, the scores of everything, and two tables."""
    asked, unit = done.asked, done.asked.unit
    issues = int(done.result.rows["issued_at"].nunique())
    hours = asked.task.before / pd.Timedelta(hours=1)
    say(
        console,
        f"{asked.file}: {issues} local days ({asked.zone}) from {done.first} to {done.last}, each issued {hours:g} h "
        f"before it begins.",
    )
    fits = "one fit" if done.fits == 1 else f"{done.fits} fits"
    say(
        console,
        f"Model {asked.model_name}, {asked.model.says}: {fits} in {done.fit_s:.1f} s, a forecast in "
        f"{1000 * done.predict_s / max(1, issues):.0f} ms.",
    )
    measure = Measure.of(asked.kind.error, unit.name)
    every = error_table(done.result, "all", capacity=done.capacity, error=done.asked.kind.error).iloc[0]
    say(console, _summary(every, measure, unit))
    others = [m for m in done.result.rows["model"].unique() if str(m).startswith(("persistence", "climatology"))]
    if others and not asked.model_name.startswith("persistence"):
        share = float(done.result.rows["model"].isin(others).mean())
        say(console, f"In {100 * share:.1f} % of the intervals {', '.join(map(str, others))} stood in for the model.")
    _table(
        console,
        error_table(done.result, "month", capacity=done.capacity, error=done.asked.kind.error),
        measure,
        unit,
        "month",
    )
    by = "lead_h" if asked.task.days == 1 else "day_ahead"
    leads = error_table(done.result, by, capacity=done.capacity, error=done.asked.kind.error)
    _table(console, leads, measure, unit, "hours ahead" if by == "lead_h" else "days ahead")
    if len(asked.task.points) > 1:
        _table(
            console,
            error_table(done.result, "point", capacity=done.capacity, error=done.asked.kind.error),
            measure,
            unit,
            "column",
        )


def _summary(every: pd.Series, measure: Measure, unit: Unit) -> str:
    rivals = {"last week": every[f"week_{measure.column}"], "last day": every[f"day_{measure.column}"]}
    told = ", ".join(f"{name} {value:,.2f}" for name, value in rivals.items() if np.isfinite(value))
    size = float(every["rmse"])
    return (
        f"Error {every[measure.column]:,.2f} {measure.unit} ({told}): {100 * every['skill']:.1f} % below the better "
        f"persistence. RMSE {unit.number(size, size=size)} {unit.name}, bias "
        f"{unit.number(float(every['bias']), size=size)} {unit.name}, pinball "
        f"{unit.number(float(every['pinball']), size=size)} {unit.name}; "
        f"P10–P90 covers {100 * every['coverage']:.1f} %."
    )


def _table(console: Console, table: pd.DataFrame, measure: Measure, unit: Unit, name: str) -> None:
    both = "" if measure.unit == unit.name else f", RMSE in {unit.name}"
    shown = Table(title=f"Errors in {measure.unit}{both}")
    for head in (name, "error", "last week", "last day", "below by", "RMSE", "covers"):
        shown.add_column(head, justify="left" if head == name == "month" else "right", no_wrap=head == name)
    size = float(table["rmse"].max())
    digits = measure.digits(table)
    for key, row in table.iterrows():
        values = [row[measure.column], row[f"week_{measure.column}"], row[f"day_{measure.column}"]]
        shown.add_row(
            str(key),
            *("–" if not np.isfinite(v) else f"{v:,.{digits}f}" for v in values),
            "–" if not np.isfinite(row["skill"]) else f"{100 * row['skill']:.0f} %",
            unit.number(float(row["rmse"]), size=size),
            f"{100 * row['coverage']:.0f} %",
        )
    console.print(shown)
