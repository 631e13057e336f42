"""`gridloop dispatch FILE`: the cheapest outputs of running units that meet a demand, and what that saves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from gridloop.cli.opf import check_page
from gridloop.cli.output import print_json, say
from gridloop.errors import BadInput, MissingColumn, MissingFile
from gridloop.io.read import read_balanced
from gridloop.network.model import Network
from gridloop.operate.plots.dispatch_page import build_dispatch_page
from gridloop.optimize.dispatch_result import Dispatch
from gridloop.optimize.dispatch_units import COLUMNS
from gridloop.optimize.explain_dispatch import sentence
from gridloop.optimize.problems.dispatch import dispatch as solve_dispatch


def dispatch(
    file: Annotated[str, typer.Argument(help="Case file or network folder; or a .csv table of units, one per row.")],
    demand: Annotated[
        str | None, typer.Option(help="MW, or a .csv with the columns time and demand_mw; a network's loads otherwise.")
    ] = None,
    available: Annotated[
        list[str] | None, typer.Option(help="Forecast UNIT=MW, repeated; or a .csv with time and a column per unit.")
    ] = None,
    reserve_mw: Annotated[float, typer.Option(min=0.0, help="Spinning reserve to hold, MW.")] = 0.0,
    losses: Annotated[bool, typer.Option("--losses", help="Of a network: count the losses of its DC flows.")] = False,
    hours: Annotated[float, typer.Option(help="Length of a step.")] = 1.0,
    plot: Annotated[Path | None, typer.Option(help="Write outputs and savings to this .html page.")] = None,
    top: Annotated[int, typer.Option(min=0, help="Units to show, the largest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Share a demand among units so that it costs least, beside every unit giving in proportion to its capacity.

    Exit code 0 where there is an optimum, 3 where there is none (the diagnosis is printed).
    """
    check_page(plot)
    system = _units(file) if file.lower().endswith(".csv") else read_balanced(file)
    found = solve_dispatch(
        system,
        _demand(demand),
        available_mw=_available(available or []),
        reserve_mw=reserve_mw,
        losses="network" if losses else None,
        hours=hours,
    )
    name = system.name if isinstance(system, Network) else Path(file).stem
    if plot is not None:
        plot.write_text(build_dispatch_page(found, name), encoding="utf-8")
    console = Console(highlight=False)
    if as_json:
        print_json({"case": file, **found.to_dict(), **({"page": str(plot)} if plot is not None else {})})
    else:
        _show(console, file, found, top)
        if plot is not None:
            say(console, f"Wrote {plot}. Open it in a browser.")
    if not found.solved:
        raise typer.Exit(3)


def _table(file: str, what: str) -> pd.DataFrame:
    if not Path(file).is_file():
        raise MissingFile(f"no file {file!r} with {what}; check the path.", path=file)
    try:
        return pd.read_csv(file)
    except (ValueError, UnicodeDecodeError) as error:
        raise BadInput(f"{file!r} is no table of comma-separated values: {error}.", path=file) from error


def _units(file: str) -> pd.DataFrame:
    """A table of units; its first column, or the one named unit or id, names them."""
    table = _table(file, "units")
    names = next((c for c in table.columns if c in ("unit", "id")), table.columns[0])
    if names in (*COLUMNS, "kind", "cost_points"):
        raise MissingColumn(
            f"{file!r} needs a column unit (or id) that names the units; its first is {names}.", path=file
        )
    return table.set_index(names)


def _timed(file: str, what: str) -> pd.DataFrame:
    table = _table(file, what)
    if "time" not in table.columns:
        raise MissingColumn(f"{file!r} needs the column time; it has {', '.join(map(str, table.columns))}.", path=file)
    try:
        table["time"] = pd.to_datetime(table["time"], utc=True)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{file!r} has a time that cannot be read: {error}.", path=file) from error
    return table.set_index("time")


def _demand(given: str | None) -> float | pd.Series | None:
    if given is None:
        return None
    if given.lower().endswith(".csv"):
        table = _timed(given, "the demand")
        if "demand_mw" not in table.columns:
            raise MissingColumn(f"{given!r} needs the column demand_mw; it has {', '.join(table.columns)}.", path=given)
        return _numbers(table["demand_mw"], given)
    return _number(given, "--demand")


def _available(given: list[str]) -> pd.DataFrame | dict[str, float] | None:
    if not given:
        return None
    if len(given) == 1 and given[0].lower().endswith(".csv"):
        table = _timed(given[0], "forecasts")
        return pd.DataFrame({c: _numbers(table[c], given[0]) for c in table.columns}, index=table.index)
    pairs = [part.rpartition("=") for part in given]
    wrong = [part for part, (unit, _, _mw) in zip(given, pairs, strict=True) if not unit]
    if wrong:
        raise BadInput(f"--available {wrong[0]!r} is no UNIT=MW, such as G3=75, and no .csv file.")
    return {unit: _number(mw, f"--available {unit}") for unit, _, mw in pairs}


def _numbers(values: pd.Series, file: str) -> pd.Series:
    try:
        return pd.to_numeric(values)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{file!r} has a {values.name} that is no number: {error}.", path=file) from error


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{what} {text!r} is no number of MW.") from None


def _show(console: Console, file: str, found: Dispatch, top: int) -> None:
    units = found.unit.index.get_level_values("unit").unique()
    steps = f" in {len(found.step)} steps of {found.step['hours'].iloc[0]:g} h" if len(found.step) > 1 else ""
    say(console, f"{file}: {len(units)} units, {found.step['demand_mw'].max():,.2f} MW of demand at most{steps}")
    if found.diagnosis is not None:
        say(console, f"Diagnosis: {found.diagnosis}")
    if not found.solved:
        return
    for line in told(found):
        say(console, line)
    _show_units(console, found, top)


def told(found: Dispatch) -> list[str]:
    """What a dispatch says in sentences."""
    price = found.price
    span = f"{price.min():,.2f} to {price.max():,.2f}" if price.max() - price.min() > 0.005 else f"{price.mean():,.2f}"
    lines = [
        f"Cost {found.cost / found.hours:,.2f} per hour, price {span} per MWh; "
        f"built in {found.build_s:.3f} s, solved in {found.solve_s:.3f} s."
    ]
    if math.isfinite(found.baseline_cost):
        share = 100 * found.savings / found.baseline_cost if found.baseline_cost else 0.0
        lines.append(
            f"In proportion to capacity it would cost {found.baseline_cost / found.hours:,.2f} per hour: "
            f"{found.savings_per_h:,.2f} per hour saved ({share:.1f} %), {found.savings_per_year:,.0f} per year."
        )
    else:
        lines.append("No share of all capacities meets the demand: there is no proportional baseline.")
    lost, kept = found.step["losses_mw"].mean(), found.step["reserve_mw"].mean()
    more = [f"renewable share {100 * found.renewable_share:.1f} %"] if math.isfinite(found.renewable_share) else []
    if math.isfinite(found.emissions_t):
        more.append(f"{found.emissions_t / found.hours:,.1f} t of CO2 per hour")
    more += [f"losses {lost:,.2f} MW"] if lost else []
    more += [f"reserve {kept:,.2f} MW"] if kept else []
    return [*lines, "; ".join(more)[:1].upper() + "; ".join(more)[1:] + "."] if more else lines


def _show_units(console: Console, found: Dispatch, top: int) -> None:
    first = found.step.index[0]
    shown = found.unit.loc[first].sort_values("p_mw", ascending=False, kind="stable").head(top)
    table = Table(title=None if len(found.step) == 1 else f"First step, {first}")
    for column in ("unit", "MW", "cost per h", "next MWh", "why"):
        table.add_column(column, justify="left" if column in ("unit", "why") else "right")
    rows: Any = shown.to_dict("index")
    for name, row in rows.items():
        numbers = (
            f"{row[c]:,.4f}" if c == "p_mw" else f"{row[c]:,.2f}" for c in ("p_mw", "cost_per_h", "marginal_per_mwh")
        )
        table.add_row(str(name), *numbers, sentence(row))
    console.print(table)
