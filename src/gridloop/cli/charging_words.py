"""What drivers are told of a plan: for people, as counts for JSON, and as a file of events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console

from gridloop.cli.output import say, write_table
from gridloop.optimize.charging_events import EVENTS

ENDINGS = (".jsonl", ".csv", ".parquet")
Events = Annotated[
    Path | None,
    typer.Option(help="Write what drivers are told to this .jsonl (a line per event), .csv or .parquet."),
]
SAID = {
    "charging_start": "charging starts",
    "charging_complete": "complete",
    "schedule_change": "schedules changed",
    "cannot_be_met": "cannot be met",
}
SHOWN = 3


def counts(events: pd.DataFrame) -> dict[str, int]:
    """How many there are of each kind."""
    found = events["event"].value_counts()
    return {name: int(found.get(name, 0)) for name in EVENTS}


def write_events(events: pd.DataFrame, file: Path) -> None:
    """Write the events, by time. The ending says how: JSON lines have times as ISO 8601 in UTC."""
    if file.suffix.lower() != ".jsonl":
        write_table(events, file)
        return
    text = events.assign(at=events["at"].map(lambda t: t.isoformat())).to_json(
        orient="records", lines=True, double_precision=9, force_ascii=False
    )
    file.write_text(text, encoding="utf-8")


def say_events(console: Console, events: pd.DataFrame, file: Path | None) -> None:
    """How many drivers are told what, and the first whose need cannot be met."""
    said = ", ".join(f"{count:,} {SAID[name]}" for name, count in counts(events).items())
    say(console, f"Drivers are told: {said}.")
    short = events[events["event"] == "cannot_be_met"].sort_values("energy_mwh", ascending=False, kind="stable")
    for text in short["text"].head(SHOWN):
        say(console, f"  {text}")
    if len(short) > SHOWN:
        say(console, f"  and {len(short) - SHOWN:,} more.")
    if file is not None:
        say(console, f"Wrote {file}.")


def for_json(events: pd.DataFrame, file: Path | None) -> dict[str, Any]:
    """Counts, and where the file is."""
    return {"events": counts(events), **({} if file is None else {"events_file": str(file)})}
