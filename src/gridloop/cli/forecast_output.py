"""A forecast for people, for JSON and as a file: the coming days, their peaks, and every interval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from gridloop.cli.forecast_days import Coming
from gridloop.cli.output import say, write_table

QUANTILES = ("p10", "p50", "p90")
ENDINGS = (".csv", ".parquet")
HOUR = pd.Timedelta(hours=1)


def outside_unit(made: Coming) -> pd.DataFrame:
    """The rows in the user's unit, whose columns wear it: issued_at, valid_at, point, p10_mw, p50_mw, p90_mw, model."""
    unit = made.asked.unit
    rows = made.rows[["issued_at", "valid_at", "point", *QUANTILES, "model"]].copy()
    rows[list(QUANTILES)] = rows[list(QUANTILES)] / unit.inside
    return rows.rename(columns={q: q + unit.suffix for q in QUANTILES})


def write_rows(made: Coming, file: Path) -> None:
    """Write the forecast. The ending says how."""
    write_table(outside_unit(made), file)


def by_day(made: Coming) -> list[dict[str, Any]]:
    """Per point and local day: mean and energy of P50, and where it is highest and lowest, with the band there."""
    found = []
    unit, hours = made.asked.unit, made.asked.step / HOUR
    for point, rows in made.rows.groupby("point", sort=True):
        for begin, end in zip(made.days[:-1], made.days[1:], strict=True):
            day = rows[(rows["valid_at"] >= begin) & (rows["valid_at"] < end)]
            entry: dict[str, Any] = {
                "point": str(point),
                "day": f"{begin.tz_convert(made.asked.zone):%Y-%m-%d}",
                "mean" + unit.suffix: unit.outwards(float(day["p50"].mean())),
            }
            if unit.power:
                entry["energy" + unit.suffix + "h"] = unit.outwards(float(day["p50"].sum()) * hours)
            for name, at in (("highest", int(day["p50"].argmax())), ("lowest", int(day["p50"].argmin()))):
                row = day.iloc[at]
                entry[name] = {
                    "valid_at": pd.Timestamp(row["valid_at"]).tz_convert(made.asked.zone).isoformat(),
                    **{q + unit.suffix: unit.outwards(float(row[q])) for q in QUANTILES},
                }
            found.append(entry)
    return found


def stand_ins(made: Coming) -> dict[str, list[str]]:
    """Models that answered, and the points of each."""
    pairs = made.rows.drop_duplicates(["point", "model"])
    return {str(m): sorted(str(p) for p in group) for m, group in pairs.groupby("model")["point"]}


def as_json(made: Coming) -> dict[str, Any]:
    """All of it as plain values; times in UTC, but for those of the days."""
    asked = made.asked
    known = made.known
    rows = outside_unit(made).drop(columns="issued_at")
    rows["valid_at"] = rows["valid_at"].map(lambda t: t.isoformat())
    return {
        "file": asked.file,
        "kind": asked.kind.name,
        "model": asked.model_name,
        "answered_by": stand_ins(made),
        "unit": asked.unit.name,
        "zone": asked.zone,
        "step_min": asked.step / pd.Timedelta(minutes=1),
        "issued_at": made.issued_at.isoformat(),
        "learned_from": {"first": known.index.min().isoformat(), "last": known.index.max().isoformat(),
                         "intervals": len(known), "gaps": int(known.isna().to_numpy().sum())},
        "days": by_day(made),
        "forecast": rows.to_dict("records"),
        "took": {"fit_s": made.fit_s, "predict_s": made.predict_s},
        "notes": list(asked.notes),
    }  # fmt: skip


def show(console: Console, made: Coming) -> None:
    """The coming days as a table; of a single day and point its hours as well."""
    asked, zone = made.asked, made.asked.zone
    points = len(asked.task.points)
    known = made.known
    minutes = f"{asked.step / pd.Timedelta(minutes=1):g} min"
    what = asked.task.points[0] if points == 1 else f"{points} columns"
    say(
        console,
        f"{asked.file}: {what}, {len(known):,} intervals of {minutes} from "
        f"{known.index.min().tz_convert(zone):%Y-%m-%d %H:%M} to "
        f"{(known.index.max() + asked.step).tz_convert(zone):%Y-%m-%d %H:%M} ({zone}).",
    )
    say(
        console,
        f"Model {asked.model_name}, {asked.model.says}: issued {made.issued_at.tz_convert(zone):%Y-%m-%d %H:%M}, "
        f"learned in {made.fit_s:.1f} s, forecast in {1000 * made.predict_s:.0f} ms.",
    )
    for name, of in stand_ins(made).items():
        if name.split(":")[0] != asked.model_name and name.startswith(("persistence", "climatology")):
            say(console, f"{name} stands in for {', '.join(of)}: too little is known for the model.")
    _days(console, made)
    if points == 1 and len(made.days) == 2:
        _hours(console, made)


def _days(console: Console, made: Coming) -> None:
    unit, several = made.asked.unit, len(made.asked.task.points) > 1
    table = Table(title=f"By day, {unit.name}" + (f" and {unit.name}h" if unit.power else ""))
    heads = ["column"] if several else []
    heads += ["day", "energy" if unit.power else "mean", "low", "at", "high", "at", "P10", "P90"]
    for k, head in enumerate(heads):
        table.add_column(head, justify="left" if k <= several else "right", no_wrap=head != "column")
    size = unit.outwards(float(made.rows["p50"].abs().max()))
    for day in by_day(made):
        low, high = day["lowest"], day["highest"]
        cells = [day["point"]] if several else []
        cells.append(f"{pd.Timestamp(day['day']):%a %Y-%m-%d}")
        mean = day["energy" + unit.suffix + "h"] if unit.power else day["mean" + unit.suffix]
        cells.append(unit.number(mean, size=max(size, abs(mean))))
        for row in (low, high):
            cells += [unit.number(row["p50" + unit.suffix], size=size), row["valid_at"][11:16]]
        cells += [unit.number(high[q + unit.suffix], size=size) for q in ("p10", "p90")]
        table.add_row(*cells)
    console.print(table)


def _hours(console: Console, made: Coming) -> None:
    """Means of every local hour."""
    unit = made.asked.unit
    local = made.rows["valid_at"].dt.tz_convert(made.asked.zone)
    hours = made.rows["valid_at"] - pd.to_timedelta(local.dt.minute, unit="min")  # the hour that comes twice stays two
    means = made.rows.groupby(hours)[list(QUANTILES)].mean()
    size = unit.outwards(float(means["p50"].abs().max()))
    table = Table(title=f"By hour, {unit.name}")
    for head in ("hour", "P10", "P50", "P90"):
        table.add_column(head, justify="right")
    for at, row in means.iterrows():
        hour = pd.Timestamp(str(at)).tz_convert(made.asked.zone)
        table.add_row(f"{hour:%H:%M}", *(unit.number(unit.outwards(float(row[q])), size=size) for q in QUANTILES))
    console.print(table)
