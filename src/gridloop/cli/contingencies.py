"""`gridloop contingencies FILE`: AC power flows with every element out in turn, or pairs of branches."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from gridloop.cli.output import Interrupted, print_json, say
from gridloop.io.read import read_balanced
from gridloop.powerflow.contingency import Contingencies
from gridloop.powerflow.contingency import contingencies as solve_contingencies
from gridloop.powerflow.contingency.report import describe

# Seconds between two lines where there is no terminal.
_LINE_S = 5.0


def contingencies(
    file: Annotated[str, typer.Argument(help="Case file (.m, .raw, …), network folder, or simbench:CODE.")],
    order: Annotated[int, typer.Option(min=1, max=2, help="1: every element alone; 2: all pairs of branches.")] = 1,
    out: Annotated[
        list[str] | None, typer.Option(help="Only this: an id, or several out together as ID,ID; may be repeated.")
    ] = None,
    screen: Annotated[
        float | None, typer.Option(help="Skip where the DC flow sees no branch above 1 − this of its rating.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Solve every pair, without screening.")] = False,
    reactive_limits: Annotated[bool, typer.Option(help="Hold generators within their reactive limits.")] = False,
    tolerance_pu: Annotated[float, typer.Option(help="Largest mismatch at a node, per unit on 100 MVA.")] = 1e-8,
    threads: Annotated[int | None, typer.Option(min=1, help="As many as there are processors otherwise.")] = None,
    top: Annotated[int, typer.Option(min=0, help="Rows to show, the worst first.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show what each loss of a line, transformer or generator would do, the worst first.

    Exit code 0 where every case was solved, 3 where one has no power flow.
    """
    console = Console(stderr=as_json, highlight=False)
    net = read_balanced(file)
    progress = _Progress(console, lines=not as_json)
    try:
        with progress:
            report = solve_contingencies(
                net,
                outages=[tuple(part.strip() for part in ids.split(",")) for ids in out] if out else None,
                order=order,
                screen=False if all_ else screen,
                threads=threads,
                reactive_limits=reactive_limits,
                tolerance_pu=tolerance_pu,
                progress=progress.show,
            )
    except KeyboardInterrupt as stop:
        raise Interrupted("Interrupted; nothing was kept. --screen or --out make fewer cases.") from stop
    if as_json:
        print_json(_as_json(file, report, top))
    else:
        _show(console, file, report, top)
    if not report.converged.all():
        raise typer.Exit(3)


def _as_json(file: str, report: Contingencies, top: int) -> dict[str, Any]:
    screened = report.screened
    return {
        "case": file,
        "contingencies": len(report),
        **report.counts,
        "new_violations": int((report.table["new_violations"] > 0).sum()),
        "broken_in_base": int(report.base.sum()),
        "screened": None
        if screened is None
        else {"margin": screened.margin, "looked": screened.looked, "skipped": screened.skipped},
        "worst": json.loads(report.worst(top).to_json(orient="records", double_precision=15)),
    }


def _show(console: Console, file: str, report: Contingencies, top: int) -> None:
    net = report.network
    say(console, f"{file}: {len(net.bus)} buses, {len(net.line)} lines, {len(net.transformer)} transformers")
    for line in report.summary():
        say(console, line)
    for row in report.worst(top).to_dict("records"):
        say(console, describe(row))


class _Progress:
    """One live line with rate and time left; on a console that is no terminal a plain line every few seconds."""

    def __init__(self, console: Console, *, lines: bool) -> None:
        self.console = console
        self.lines = lines and not console.is_terminal
        self.live = Live(console=console, refresh_per_second=8, transient=True)
        self.begun_s = self.said_s = time.monotonic()

    def __enter__(self) -> _Progress:
        self.live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.live.stop()

    def show(self, done: int, total: int) -> None:
        """Cases done and in all."""
        now = time.monotonic()
        per_s = done / max(now - self.begun_s, 1e-9)
        text = (
            f"{100 * done / total:5.1f} %  {done:,} of {total:,} cases  {per_s:,.0f} per second  "
            f"{(total - done) / per_s:,.0f} s left"
        )
        if self.console.is_terminal:
            self.live.update(text)
        elif self.lines and done < total and now - self.said_s >= _LINE_S:
            self.said_s = now
            say(self.console, text)
