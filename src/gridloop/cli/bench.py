"""`gridloop bench NAME`: the promised speeds, measured beside other tools; from a checkout."""

from __future__ import annotations

import datetime as dt
import importlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gridloop.cli.output import print_json, say
from gridloop.errors import MissingFile

ROOT = Path(__file__).resolve().parents[3]


class Name(StrEnum):
    """The benchmarks there are."""

    powerflow = "powerflow"
    feeder = "feeder"
    contingencies = "contingencies"
    opf = "opf"
    opf_table = "opf-table"
    commitment = "commitment"
    forecast = "forecast"
    flexibility = "flexibility"
    study = "131m"


class Choice(StrEnum):
    """PGLib's sets of cases."""

    typical = "typical"
    api = "api"
    sad = "sad"


class Physics(StrEnum):
    """Physics of an optimal power flow."""

    ac = "ac"
    dc = "dc"


def bench(
    name: Annotated[Name, typer.Argument(help="Which promise to measure.")],
    case: Annotated[list[str] | None, typer.Option(help="Only this case, such as case118; may be repeated.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of every tool, in turns; the median counts.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Threads or processes of every tool.")] = 2,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer scenarios, fewer answers compared.")] = False,
    peers: Annotated[bool, typer.Option(help="Run the other tools too, in an environment of their own.")] = True,
    fraction: Annotated[
        float | None,
        typer.Option(min=1e-6, max=1, help="Share of the study that 131m runs: all of it, or 0.01 with --quick."),
    ] = None,
    answers: Annotated[int, typer.Option(min=1, help="Scenarios per case whose answers are compared.")] = 10_000,
    sets: Annotated[
        list[Choice] | None, typer.Option("--set", help="opf-table: only this set of PGLib's; may be repeated.")
    ] = None,
    physics: Annotated[
        list[Physics] | None, typer.Option(help="opf, opf-table: only this physics; may be repeated.")
    ] = None,
    buses: Annotated[
        int, typer.Option(min=0, help="opf-table: cases of so many buses at most; 0 for what is promised.")
    ] = 0,
    resume: Annotated[
        Path | None,
        typer.Option(help="opf-table: a line per finished case goes here; those that it has are not run again."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File for the result; runs/bench/NAME-TIME.json otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Measure speed and quality on the same work as other tools, compare answers, and say which promises are kept.

    Exit code 0 where our answers are right, 3 where one is not. A promise that is missed is said in words.
    """
    console = Console(stderr=as_json, highlight=False)
    door = _checkout()
    with console.status("Starting …") as status:
        settings = door.Bench(
            runs=runs,
            threads=threads,
            quick=quick,
            with_peers=peers,
            cases=tuple(case or ()),
            fraction=fraction if fraction is not None else 0.01 if quick else 1.0,
            answers=answers,
            sets=tuple(choice.value for choice in sets or ()),
            physics=tuple(choice.value for choice in physics or ()),
            buses=buses,
            journal=resume,
            line=lambda text: say(console, text),
            say=lambda text: status.update(text),
        )
        data, kept = door.run_benchmark(name.value, settings, at=dt.datetime.now(dt.UTC), out=out)
    if as_json:
        print_json(data)
    else:
        _show(console, data, kept)
    if any(row["wrong"] for row in data["results"]):
        raise typer.Exit(3)


def _checkout() -> Any:
    """The benchmarks of the checkout that this package runs from; an installed one has none."""
    if not (ROOT / "benchmarks" / "run.py").is_file():
        raise MissingFile(
            "the benchmarks come with the source and not with the installed package. Clone the repository and run "
            "`make bench` there."
        )
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return importlib.import_module("benchmarks.run")


def _rate(per_s: float) -> str:
    """Thousands without decimals, a few per second with two."""
    return f"{per_s:,.0f}" if per_s >= 100 else f"{per_s:.2f}"


def _show(console: Console, data: dict[str, Any], kept: Path) -> None:
    machine = data["machine"]
    say(console, f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}")
    table = Table()
    for column in ("case", "tool", "per second", "min … max", "how"):
        table.add_column(column)
    for row in data["results"]:
        for tool, timed in row["runs"].items():
            spread = f"{_rate(timed['min'])} … {_rate(timed['max'])}"
            table.add_row(row["case"], tool, _rate(timed["median"]), spread, timed["method"])
        table.add_section()
    if table.row_count:
        console.print(table)
    for row in data["results"]:
        if not (row["runs"] or row["wrong"] or row["notes"]):
            continue  # a line of a table of answers, told when it was done
        ratio = "" if row["ratio"] is None else f" {row['ratio']:.2f} × the fastest peer."
        apart = "" if row["max_dv_pu"] is None else f" |ΔV| ≤ {row['max_dv_pu']:.1e} pu over {row['compared']:,}."
        # A benchmark that tells its own story in notes does not say of every case that nothing is promised.
        promise = row["promise"]["words"]
        promise = "" if promise.startswith("Nothing is promised") and row["notes"] else f" {promise}"
        say(console, f"{row['case']}:{ratio}{apart}{promise}")
        for note in (*row["wrong"], *row["notes"]):
            say(console, f"  {note}")
    for note in data["notes"]:
        say(console, note)
    say(console, f"Kept in {kept}.")
