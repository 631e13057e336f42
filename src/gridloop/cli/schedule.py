"""`gridloop schedule SITE.toml`: the cheapest plan for the flexible devices of a site, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from gridloop.cli.charging_words import ENDINGS as EVENT_ENDINGS
from gridloop.cli.charging_words import Events, for_json, say_events, write_events
from gridloop.cli.opf import check_page
from gridloop.cli.output import check_out, print_json, records, say, write_table
from gridloop.cli.schedule_file import Site, read_schedule
from gridloop.errors import BadInput
from gridloop.operate.plots.schedule_page import build_schedule_page, emitted_t, net_mw, story_of
from gridloop.optimize.before import Before, left_alone
from gridloop.optimize.charging_events import charging_events
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.explain import sentence
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule as solve_schedule

ENDINGS = (".csv", ".parquet")


def schedule(
    file: Annotated[Path, typer.Argument(help="Site file (TOML); docs/guides/schedule-file.md shows one.")],
    start: Annotated[str | None, typer.Option(help="First interval, such as 2026-06-15T00:00Z.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Intervals to plan; all that have prices otherwise.")] = None,
    time_limit_s: Annotated[float, typer.Option(min=0.001, help="Stop the solver after so many seconds.")] = 60.0,
    compare: Annotated[bool, typer.Option(help="Also work out what the devices would do left alone.")] = True,
    out: Annotated[Path | None, typer.Option(help="Write every set-point to this .csv or .parquet.")] = None,
    events: Events = None,
    plot: Annotated[Path | None, typer.Option(help="Write profiles, costs and reasons to this .html page.")] = None,
    top: Annotated[int, typer.Option(min=0, help="Set-points to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Plan batteries, vehicles, flexible loads and plants together: against prices, a connection, and a network.

    Exit code 0 where there is a plan, 3 where there is none (the diagnosis is printed).
    """
    check_page(plot)
    check_out(out, "--out", ENDINGS)
    check_out(events, "--events", EVENT_ENDINGS)
    site = read_schedule(file, start, steps)
    fleets = [device for device in site.devices if isinstance(device, EVFleet)]
    if events is not None and not fleets:
        raise BadInput(f"--events is for drivers, and {file.name} has none; add [[ev_fleet]], or leave it out.")
    plan = solve_schedule(
        site.devices, site.prices, connection=site.connection, network=site.network, horizon=site.horizon,
        weights=site.weights, time_limit_s=time_limit_s,
    )  # fmt: skip
    alone = (
        left_alone(site.devices, site.prices, connection=site.connection, horizon=site.horizon)
        if compare and plan.solved
        else None
    )
    if out is not None:
        write_table(plan.table, out)
    notes = _events(plan, fleets)
    if events is not None and notes is not None:
        write_events(notes, events)
    if plot is not None:
        page = build_schedule_page(
            plan, site.prices, site.connection, alone, site.name, site.zone, on_network=site.network is not None,
            carbon=site.carbon,
        )  # fmt: skip
        plot.write_text(page, encoding="utf-8")
    if as_json:
        told = {} if notes is None else for_json(notes, events)
        print_json({**_data(file, site, plan, alone, out, plot), **told})
    else:
        _show(Console(highlight=False), site, plan, alone, top)
        if notes is not None:
            say_events(Console(highlight=False), notes, events)
        for path in (out, plot):
            if path is not None:
                say(Console(highlight=False), f"Wrote {path}.")
    if not plan.solved:
        raise typer.Exit(3)


def _events(plan: Plan, fleets: Sequence[EVFleet]) -> pd.DataFrame | None:
    """What drivers are told of the plan, by time; None where there is no plan, or no fleet."""
    if not plan.solved or not fleets:
        return None
    found = pd.concat([charging_events(plan, fleet.sessions) for fleet in fleets], ignore_index=True)
    return found.sort_values(["at", "session", "event"], kind="stable").reset_index(drop=True)


def _data(
    file: Path, site: Site, plan: Plan, alone: Before | None, out: Path | None, plot: Path | None
) -> dict[str, Any]:
    before = None
    if alone is not None:
        before = {"cost": alone.cost, "parts": dict(alone.parts), "peak_mw": float(alone.net_mw.max()),
                  "beyond_mw": dict(alone.beyond)}  # fmt: skip
        if site.carbon is not None:
            before["carbon_t"] = emitted_t(alone.net_mw, plan, site.carbon)
    return {
        "file": str(file),
        "site": site.name,
        "status": plan.status,
        "cost": plan.cost,
        "gap": plan.gap,
        **({} if site.carbon is None or not plan.solved else {"carbon_t": emitted_t(net_mw(plan), plan, site.carbon)}),
        "parts": dict(plan.parts),
        "gave_way": dict(plan.gave_way),
        "settled": plan.settled,
        "rounds": plan.rounds,
        "solver_s": plan.solver_s,
        "diagnosis": None if plan.diagnosis is None else str(plan.diagnosis),
        "left_alone": before,
        "setpoints": [
            {**row, "why": sentence(row["reason"], row["binding"], row["shadow_price"])}
            for row in records(plan.setpoints().reset_index(drop=True))
        ],
        "limits": records(plan.limits) if len(plan.limits) else [],
        **({"out": str(out)} if out is not None else {}),
        **({"page": str(plot)} if plot is not None else {}),
    }


def _show(console: Console, site: Site, plan: Plan, alone: Before | None, top: int) -> None:
    first, last = (t.tz_convert(site.zone) for t in (plan.horizon.starts[0], plan.horizon.ends[-1]))
    say(
        console,
        f"{site.name}: {len(site.devices)} devices, {len(plan.horizon)} intervals from {first:%Y-%m-%d %H:%M} to "
        f"{last:%Y-%m-%d %H:%M} {site.zone}",
    )
    if plan.diagnosis is not None:
        say(console, f"Diagnosis: {plan.diagnosis}")
    for text in story_of(plan, alone, on_network=site.network is not None, carbon=site.carbon):
        say(console, text)
    if not plan.solved:
        return
    say(console, ", ".join(f"{part} {value:,.2f}" for part, value in plan.parts.items() if abs(value) > 5e-3) + ".")
    now = plan.setpoints()
    table = Table(title=f"Set-points for {first:%Y-%m-%d %H:%M}")
    for column in ("device", "quantity", "value", "why"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for row in now.head(top).to_dict("records"):
        why = sentence(row["reason"], row["binding"], row["shadow_price"])
        table.add_row(str(row["device"]), str(row["quantity"]), f"{row['value']:,.4f}", why)
    if top:
        console.print(table)
    if len(now) > top:
        say(console, f"{len(now) - top} more; --out FILE.csv has all.")
