"""`gridloop commit FILE`: which units run when, at least cost, with a certified gap."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gridloop.cli.commit_input import read_question
from gridloop.cli.live_line import LiveLine
from gridloop.cli.opf import check_page
from gridloop.cli.output import Interrupted, print_json, say
from gridloop.operate.plots.commitment_page import build_commitment_page
from gridloop.optimize.commitment.result import Commitment
from gridloop.optimize.problems.commitment import commit_units


def commit(
    file: Annotated[str, typer.Argument(help="PGLib-UC case of units (JSON), or a case file or network folder.")],
    network: Annotated[
        str | None, typer.Option(help="Case file or network folder that carries the units of FILE.")
    ] = None,
    demand: Annotated[
        str | None,
        typer.Option(help="Of a network: .csv by hour, demand_mw or a column per load; else its loads."),
    ] = None,
    available: Annotated[
        str | None, typer.Option(help="Of a network: .csv by hour, a column per generator that follows the weather.")
    ] = None,
    reserve_mw: Annotated[float, typer.Option(min=0.0, help="Of a network: spinning reserve to hold, MW.")] = 0.0,
    hours: Annotated[int, typer.Option(min=1, help="Of a network without --demand: how many hours.")] = 24,
    gap: Annotated[float, typer.Option(help="Stop within this share of the bound; 0.001 is 0.1 %.")] = 1e-3,
    time_limit_s: Annotated[
        float, typer.Option(help="Stop searching after so many seconds, with what there is.")
    ] = 60.0,
    plot: Annotated[Path | None, typer.Option(help="Write the stack and the commitment chart to this page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Find the cheapest plan for units that start, stop and ramp, and say how far from the best it can be.

    On a network the plan keeps the limits of all branches in all hours (DC), and says which of them cost money.

    Exit code 0 where the gap is reached, 3 where it is not or where there is no plan (the diagnosis is printed).
    """
    check_page(plot)
    system, net = read_question(file, network, demand, available, reserve_mw, hours)
    console = Console(stderr=as_json, highlight=False)
    progress = _Progress(console, lines=not as_json)
    try:
        with progress:
            plan = commit_units(system, gap=gap, time_limit_s=time_limit_s, told=progress.show, network=net)
    except KeyboardInterrupt as stop:
        raise Interrupted(
            "Interrupted; nothing was kept. --time-limit-s stops by itself, with the best so far."
        ) from stop
    if plot is not None:
        plot.write_text(build_commitment_page(plan), encoding="utf-8")
    if as_json:
        print_json({"file": file, **plan.to_dict(), **({"page": str(plot)} if plot is not None else {})})
    else:
        _show(console, file, plan)
        if plot is not None:
            say(console, f"Wrote {plot}. Open it in a browser.")
    if plan.status != "optimal":
        raise typer.Exit(3)


def _show(console: Console, file: str, plan: Commitment) -> None:
    say(console, f"{file}: {len(plan.system.unit)} units, {plan.system.hours} hours")
    if plan.diagnosis is not None:
        say(console, f"Diagnosis: {plan.diagnosis}")
    if not plan.solved:
        return
    known = f"{100 * plan.gap:.3f} %" if math.isfinite(plan.gap) else "unknown"
    word = "" if plan.status == "optimal" else f" ({plan.status.replace('_', ' ')}, plan from {plan.source})"
    say(
        console,
        f"Cost {plan.objective:,.2f}, no plan below {plan.bound:,.2f}: gap {known}{word}. "
        f"Built in {plan.build_s:.2f} s, solved in {plan.solve_s:.2f} s, {plan.nodes} nodes.",
    )
    say(console, ", ".join(f"{part} {value:,.2f}" for part, value in plan.parts.items() if value) + ".")
    price = plan.price_per_mwh
    say(
        console,
        f"{int(plan.start.to_numpy().sum())} starts; prices from {price.min():,.2f} (hour {int(price.argmin())}) to "
        f"{price.max():,.2f} (hour {int(price.argmax())}) per MWh.",
    )
    if len(plan.bus_price_per_mwh):
        say(console, _congestion(plan))


def _congestion(plan: Commitment) -> str:
    """Which limits of the network cost money, in one sentence."""
    found = plan.congested()
    if found.empty:
        return "No limit of the network costs anything."
    told = [
        f"{name} in {int(row['hours'])} hours (one more MW would save up to {row['shadow_price_per_mwh']:,.2f} per h)"
        for name, row in found.head(3).to_dict("index").items()
    ]
    more = f", and {len(found) - 3} more" if len(found) > 3 else ""
    return f"{len(found)} branches are full where it costs money: {'; '.join(told)}{more}."


class _Progress(LiveLine):
    """Bound, best plan and gap."""

    def show(self, seconds: float, bound: float, objective: float) -> None:
        """Seconds, bound and cost of the best plan so far."""
        best = "no plan yet"
        if math.isfinite(objective):
            best = f"best {objective:,.0f}, gap {100 * (objective - bound) / max(abs(objective), 1e-9):.3f} %"
        text = f"{seconds:5.1f} s  bound {bound:,.0f}  {best}"
        self.tell(text)
