"""`gridloop schedule SITE.toml`: the cheapest plan for the flexible devices of a site, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console

from gridloop.cli.charging_words import ENDINGS as EVENT_ENDINGS
from gridloop.cli.charging_words import Events, for_json, say_events, write_events
from gridloop.cli.opf import check_page
from gridloop.cli.output import check_out, print_json, print_rows, records, say, write_table
from gridloop.cli.schedule_file import Site, read_schedule
from gridloop.cli.schedule_robust import futures_data, futures_table, plan_futures, show_futures
from gridloop.cli.study_parts import Stages
from gridloop.errors import BadInput
from gridloop.operate.plots.schedule_batches import rows as batch_rows
from gridloop.operate.plots.schedule_devices import device_facts
from gridloop.operate.plots.schedule_futures import build_futures_page
from gridloop.operate.plots.schedule_page import build_schedule_page, emitted_t, net_mw, setpoint_rows, story_of
from gridloop.operate.plots.schedule_words import money_part
from gridloop.operate.report.words import count
from gridloop.optimize.before import Before, left_alone
from gridloop.optimize.charging_events import charging_events
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.process import Process
from gridloop.optimize.explain import sentence
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import MIP_GAP
from gridloop.optimize.problems.schedule import schedule as solve_schedule
from gridloop.optimize.robust.plan import RobustPlan

ENDINGS = (".csv", ".parquet")


def schedule(
    file: Annotated[Path, typer.Argument(help="Site file (TOML); docs/guides/schedule-file.md shows one.")],
    start: Annotated[
        str | None, typer.Option(help="First interval, such as 2026-06-15T00:00Z; the file's otherwise.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Intervals to plan; all that have prices otherwise.")] = None,
    time_limit_s: Annotated[
        float,
        typer.Option(min=0.001, help="Stop the solver after so many seconds; the best plan found by then counts."),
    ] = 60.0,
    gap: Annotated[
        float,
        typer.Option(
            min=0.0, max=0.99, help="Share of the cost by which whole decisions may miss the best: 0.005 for 0.5 %."
        ),
    ] = MIP_GAP,
    compare: Annotated[bool, typer.Option(help="Also work out what the devices would do left alone.")] = True,
    out: Annotated[Path | None, typer.Option(help="Write every set-point to this .csv or .parquet.")] = None,
    events: Events = None,
    plot: Annotated[Path | None, typer.Option(help="Write profiles, costs and reasons to this .html page.")] = None,
    top: Annotated[int, typer.Option(min=0, help="Set-points to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Plan flexible devices together against prices, a connection, and a network.

    Batteries, vehicles, buildings, compressed air, production in batches, flexible loads, sun and wind, energy kept
    for an island; docs/guides/schedule-devices.md has each with its keys. Powers in files and results are MW.

    Exit code 0 where there is a plan, 3 where there is none (the diagnosis is printed).
    """
    check_page(plot)
    check_out(out, "--out", ENDINGS)
    check_out(events, "--events", EVENT_ENDINGS)
    with Stages(Console(stderr=True, highlight=False), lines=False) as stage:
        site = _read(stage, file, start, steps, {"--out": out, "--plot": plot, "--events": events})
        if site.futures is not None:
            robust = plan_futures(file, site, time_limit_s)
        else:
            plan, alone = _worked_out(stage, file, site, time_limit_s, gap, compare)
    if site.futures is not None:
        _tell_futures(file, site, robust, out, plot, top, as_json)
        return
    notes = _events(plan, [device for device in site.devices if isinstance(device, EVFleet)])
    page = None if plot is None else build_schedule_page(
        plan, site.prices, site.connection, alone, site.name, site.zone, on_network=site.network is not None,
        carbon=site.carbon, devices=site.devices,
    )  # fmt: skip
    if out is not None:
        write_table(plan.table, out)
    if events is not None and notes is not None:
        write_events(notes, events)
    if plot is not None and page is not None:
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


def _read(stage: Stages, file: Path, start: str | None, steps: int | None, written: Mapping[str, Path | None]) -> Site:
    """The site. written: option → file, none of which the site is read from"""
    stage.tell(f"Reading {file.name}")
    site = read_schedule(file, start, steps, stage.tell)
    _spare(site, written)
    if written["--events"] is not None and not any(isinstance(device, EVFleet) for device in site.devices):
        raise BadInput(f"--events is for drivers, and {file.name} has none; add [[ev_fleet]], or leave it out.")
    if written["--events"] is not None and site.futures is not None:
        raise BadInput(f"--events tells drivers of one plan, and {file.name} has several futures; leave it out.")
    stage.tell(f"Planning {count(len(site.devices), 'device')}")
    return site


def _worked_out(
    stage: Stages, file: Path, site: Site, time_limit_s: float, gap: float, compare: bool
) -> tuple[Plan, Before | None]:
    """The plan of a site, and its devices left alone."""
    try:
        plan = solve_schedule(
            site.devices, site.prices, connection=site.connection, network=site.network, horizon=site.horizon,
            weights=site.weights, time_limit_s=time_limit_s, mip_gap=gap,
        )  # fmt: skip
    except BadInput as error:
        raise type(error)(f"{file.name}: {error.args[0]}", **error.facts) from error
    if not compare or not plan.solved:
        return plan, None
    stage.tell("Working out what the devices would do left alone")
    return plan, left_alone(site.devices, site.prices, connection=site.connection, horizon=site.horizon)


def _tell_futures(
    file: Path, site: Site, plan: RobustPlan, out: Path | None, plot: Path | None, top: int, as_json: bool
) -> None:
    """Writes and says what was planned for several futures. Raises `typer.Exit` where there is no plan."""
    assert site.futures is not None
    page = None if plot is None else build_futures_page(
        plan, site.futures.scenarios, site.name, site.zone, on_network=site.network is not None
    )  # fmt: skip
    if out is not None:
        write_table(futures_table(plan), out)
    if plot is not None and page is not None:
        plot.write_text(page, encoding="utf-8")
    if as_json:
        written = {key: str(path) for key, path in (("out", out), ("page", plot)) if path is not None}
        print_json({**futures_data(file, site, plan), **written})
    else:
        show_futures(Console(highlight=False), site, plan, top)
        for path in (out, plot):
            if path is not None:
                say(Console(highlight=False), f"Wrote {path}.")
    if plan.status != "optimal":
        raise typer.Exit(3)


def _spare(site: Site, written: Mapping[str, Path | None]) -> None:
    """Refuse to write over what the site is read from. written: option → file. Raises `BadInput`."""
    for option, file in written.items():
        if file is not None and file.resolve() in site.files:
            raise BadInput(f"{option} {file.name} is a file that the site is read from; give another name.")


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
        "devices": device_facts(plan, site.devices),
        **_profile(plan),
        **({"out": str(out)} if out is not None else {}),
        **({"page": str(plot)} if plot is not None else {}),
    }


def _profile(plan: Plan) -> dict[str, Any]:
    """Starts of the intervals, their lengths, and by device and quantity one value for each."""
    profile: dict[str, dict[str, list[float]]] = {}
    for (device, quantity), rows in plan.table.groupby(["device", "quantity"], sort=False):
        profile.setdefault(str(device), {})[str(quantity)] = [float(value) for value in rows["value"]]
    return {
        "starts": [t.isoformat() for t in plan.horizon.starts],
        "hours": [float(h) for h in plan.horizon.hours],
        "profile": profile,
    }


def _show(console: Console, site: Site, plan: Plan, alone: Before | None, top: int) -> None:
    first, last = (t.tz_convert(site.zone) for t in (plan.horizon.starts[0], plan.horizon.ends[-1]))
    many = f"{count(len(site.devices), 'device')}, {count(len(plan.horizon), 'interval')}"
    say(console, f"{site.name}: {many} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} {site.zone}")
    if plan.diagnosis is not None:
        say(console, f"Diagnosis: {plan.diagnosis}")
    on_network = site.network is not None
    for text in story_of(
        plan, alone, on_network=on_network, carbon=site.carbon, devices=site.devices, connection=site.connection
    ):
        say(console, text)
    if not plan.solved:
        return
    parts = [f"{money_part(part)} {value:,.2f}" for part, value in plan.parts.items() if abs(value) > 5e-3]
    say(console, f"Of that: {', '.join(parts)}." if parts else "")
    for process in site.devices:
        if isinstance(process, Process):
            of_batch = ("batch", "holds", "begins", "ends", "due")
            batches = batch_rows(plan, process, site.zone)
            print_rows(console, f"Batches of {process.id}", of_batch, batches, ["begins"], top)
    now = setpoint_rows(plan, on_network=on_network)
    heads = ("device", "quantity", "value", "why")
    print_rows(console, f"Set-points for {first:%Y-%m-%d %H:%M}", heads, now, ["value"], top)
