"""`gridloop commit FILE`: which units run when, at least cost, with a certified gap."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gridloop.cli.live_line import LiveLine
from gridloop.cli.opf import check_page
from gridloop.cli.output import Interrupted, print_json, say
from gridloop.io.pglib_uc import read_units
from gridloop.operate.plots.commitment_page import build_commitment_page
from gridloop.optimize.commitment.result import Commitment
from gridloop.optimize.problems.commitment import commit_units


def commit(
    file: Annotated[str, typer.Argument(help="Unit commitment case in the JSON of PGLib-UC.")],
    gap: Annotated[float, typer.Option(help="Stop within this share of the bound; 0.001 is 0.1 %.")] = 1e-3,
    time_limit_s: Annotated[
        float, typer.Option(help="Stop searching after so many seconds, with what there is.")
    ] = 60.0,
    plot: Annotated[Path | None, typer.Option(help="Write the stack and the commitment chart to this page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Find the cheapest plan for units that start, stop and ramp, and say how far from the best it can be.

    Exit code 0 where the gap is reached, 3 where it is not or where there is no plan (the diagnosis is printed).
    """
    check_page(plot)
    system = read_units(file)
    console = Console(stderr=as_json, highlight=False)
    progress = _Progress(console, lines=not as_json)
    try:
        with progress:
            plan = commit_units(system, gap=gap, time_limit_s=time_limit_s, told=progress.show)
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


class _Progress(LiveLine):
    """Bound, best plan and gap."""

    def show(self, seconds: float, bound: float, objective: float) -> None:
        """Seconds, bound and cost of the best plan so far."""
        best = "no plan yet"
        if math.isfinite(objective):
            best = f"best {objective:,.0f}, gap {100 * (objective - bound) / max(abs(objective), 1e-9):.3f} %"
        text = f"{seconds:5.1f} s  bound {bound:,.0f}  {best}"
        self.tell(text)
