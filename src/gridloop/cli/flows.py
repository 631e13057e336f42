"""`gridloop flows FILE`: the power flows of many scenarios of a network, from a table or drawn around its own loads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from gridloop.cli.flows_report import Report
from gridloop.cli.output import print_json, say
from gridloop.errors import BadInput
from gridloop.io.read import read_network
from gridloop.io.scenarios import read_scenario_table
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.powerflow.batch import power_flows
from gridloop.powerflow.diagnosis.groups import Causes
from gridloop.powerflow.flow import TOLERANCE_PU
from gridloop.powerflow.scenarios import Scenarios, read_scenarios
from gridloop.powerflow.study.samplers import Independent, Uniform
from gridloop.powerflow.study.solver import solver_of

WORST = 10
# Bytes of voltages and loadings that are held at a time; every piece of the scenarios is as good as the whole.
_PIECE_BYTES = 256_000_000
# Seconds between two lines where there is no terminal.
_LINE_S = 5.0


def flows(
    file: Annotated[str, typer.Argument(help="Case file (.m, .raw, …), network folder, or simbench:CODE.")],
    scenarios: Annotated[
        Path | None, typer.Option(help="Table of scenarios, CSV or Parquet: docs/guides/flows.md has its two forms.")
    ] = None,
    random: Annotated[int | None, typer.Option(min=1, help="Draw so many scenarios instead.")] = None,
    spread: Annotated[
        float | None, typer.Option(min=0, help="Of --random: every load times a factor of its own, 1 ± this; 0.2.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of --random: the same seed, the same scenarios; 0.")] = None,
    reactive_limits: Annotated[bool, typer.Option(help="Hold generators within their reactive limits.")] = False,
    distributed_slack: Annotated[
        str | None, typer.Option(help="Who shares what is missing: p_max, or ID=SHARE,ID=SHARE,… (1 in all).")
    ] = None,
    persist: Annotated[
        bool, typer.Option(help="Follow what fails from no load upwards, one by one: slow, and finds more.")
    ] = False,
    tolerance_pu: Annotated[
        float, typer.Option(help="Largest mismatch at a node, per unit on 100 MVA.")
    ] = TOLERANCE_PU,
    threads: Annotated[int | None, typer.Option(min=1, help="As many as there are processors otherwise.")] = None,
    out: Annotated[Path | None, typer.Option(help="Table with a row per scenario: .csv or .parquet.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Solve the AC power flow of every scenario, and show failures, voltages, losses and what exceeds its limit.

    Exit code 0 where all converged, 3 where some did not (they are grouped by where they fail).
    """
    if (scenarios is None) == (random is None):
        raise BadInput("What varies: give --scenarios TABLE or --random N, and not both.")
    if random is None and (spread is not None or seed is not None):
        raise BadInput("--spread and --seed belong to --random; the table of --scenarios says all by itself.")
    if out is not None and (out.suffix not in (".csv", ".parquet") or not out.parent.is_dir()):
        raise BadInput(f"{str(out)!r} cannot be written: give --out a .csv or .parquet in a folder that is there.")
    net: Any = read_network(file)
    if isinstance(net, Feeder):
        raise BadInput(
            f"{file} is a feeder with single phases. `gridloop simulate` studies it, and gl.power_flows takes its "
            "scenarios."
        )
    pieces = _drawn(net, random, spread, seed) if random is not None else _given(net, scenarios)
    console = Console(stderr=as_json, highlight=False)
    options: dict[str, Any] = {
        "reactive_limits": reactive_limits,
        "distributed_slack": _shares(distributed_slack),
        "persist": persist,
        "tolerance_pu": tolerance_pu,
        "threads": threads,
    }
    report = Report(net, reactive_limits)
    with _Progress(console, pieces.count, lines=not as_json) as progress:
        for first in range(0, pieces.count, pieces.size):
            part = pieces.between(first, min(first + pieces.size, pieces.count))
            report.add(power_flows(net, part, progress=progress.after(first), **options))
    if out is not None:
        report.write(out)
    causes = report.causes(pieces.between)
    if as_json:
        data = {"case": file} | report.as_json(causes)
        print_json(data | {"per_s": progress.per_s, "out": None if out is None else str(out)})
    else:
        _show(console, file, report, causes, progress.per_s)
        if out is not None:
            say(console, f"Scenario by scenario: {out}")
    if report.failed:
        raise typer.Exit(3)


@dataclass(frozen=True)
class _Pieces:
    """Scenarios that come piece by piece: `between` gives those from a first to before a last."""

    count: int
    size: int
    between: Callable[[int, int], Scenarios]


def _size(net: Network) -> int:
    return max(1, _PIECE_BYTES // (16 * (len(net.bus) + 3 * (len(net.line) + len(net.transformer)))))


def _given(net: Network, file: Path | None) -> _Pieces:
    assert file is not None
    cases = read_scenarios(net, read_scenario_table(file, net.tables))
    if not cases.count:
        raise BadInput(f"{file} has no scenarios: it needs a row for each.")
    return _Pieces(cases.count, _size(net), cases.between)


def _drawn(net: Network, count: int, spread: float | None, seed: int | None) -> _Pieces:
    """Loads times factors of their own, as `gridloop simulate` draws them: a scenario is known by seed and number."""
    if net.load.empty:
        raise BadInput("The network has no loads: nothing can vary. Give --scenarios TABLE.")
    share = 0.2 if spread is None else spread
    sampler = Independent({"load.p_mw": Uniform(1 - share, 1 + share)}, tied={"load.q_mvar": "load.p_mw"})
    draws = sampler.bind(solver_of(net), seed or 0)

    def between(first: int, end: int) -> Scenarios:
        values = {key: value.T for key, value in draws.draw(first, end - first).items()}
        return Scenarios(pd.RangeIndex(first, end, name="scenario"), read_scenarios(net, values).parts)

    return _Pieces(count, _size(net), between)


def _shares(text: str | None) -> str | dict[str, float] | None:
    """`p_max`, or shares by generator from `ID=SHARE,ID=SHARE`."""
    if text is None or text == "p_max":
        return text
    found = {}
    for part in text.split(","):
        name, is_given, share = part.rpartition("=")
        try:
            found[name.strip()] = float(share)
        except ValueError:
            is_given = ""
        if not is_given:
            raise BadInput(f"--distributed-slack {text!r} is neither p_max nor ID=SHARE,ID=SHARE; look at {part!r}.")
    return found


def _show(console: Console, file: str, report: Report, causes: Causes | None, per_s: float) -> None:
    net, summary = report.net, report.summary
    say(console, f"{file}: {len(net.bus)} buses, {len(net.line)} lines, {len(net.transformer)} transformers")
    good = summary[summary["status"] == "converged"]
    say(console, f"{len(good):,} of {len(summary):,} scenarios converged, {per_s:,.0f} per second.")
    if causes is not None:
        for group in causes.groups:
            say(console, f"  {group}")
            if group.diagnosis is not None:
                say(console, f"    {group.diagnosis}")
    if report.cut_off:
        say(console, f"{report.cut_off:,} scenarios cut buses off; what is left of them is solved.")
    if good.empty:
        return
    low, high = (good.iloc[int(k)] for k in (good["v_min_pu"].argmin(), good["v_max_pu"].argmax()))
    say(
        console,
        f"Voltage {low['v_min_pu']:.4f} pu (bus {low['v_min_bus']}, scenario {low.name!s}) to "
        f"{high['v_max_pu']:.4f} pu (bus {high['v_max_bus']}, scenario {high.name!s}).",
    )
    losses = good["losses_mw"]
    say(console, f"Losses {losses.min():.3f} to {losses.max():.3f} MW, {losses.mean():.3f} MW on average.")
    broken = report.violations()
    if broken.empty:
        say(console, "All limits hold in all of them.")
        return
    table = Table(
        title=f"{len(broken)} limits do not hold in {int((good['violations'] > 0).sum()):,} scenarios; "
        f"the {min(WORST, len(broken))} that are missed most often"
    )
    for column in ("kind", "id", "quantity", "scenarios", "worst", "limit", "in scenario"):
        table.add_column(column)
    for row in broken.head(WORST).to_dict("records"):
        table.add_row(
            str(row["kind"]), str(row["id"]), str(row["quantity"]), f"{row['scenarios']:,}", f"{row['worst']:.4f}",
            f"{row['limit']:.4f}", str(row["worst_scenario"]),
        )  # fmt: skip
    console.print(table)


class _Progress:
    """One live line with rate and time left; on a console that is no terminal a plain line every few seconds."""

    def __init__(self, console: Console, total: int, *, lines: bool) -> None:
        self.console, self.total = console, total
        self.lines = lines and not console.is_terminal
        self.live = Live(console=console, refresh_per_second=8, transient=True)
        self.begun_s = self.said_s = time.monotonic()
        self.took_s = 0.0

    def __enter__(self) -> _Progress:
        self.live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.live.stop()

    @property
    def per_s(self) -> float:
        """Scenarios per second from the first to the last that was solved, with what was made of them between."""
        return self.total / max(self.took_s, 1e-9)

    def after(self, before: int) -> Callable[[int, int], None]:
        """What to call with the scenarios done of a piece, and in it; `before` stand before it."""

        def show(done: int, _: int) -> None:
            now, done = time.monotonic(), before + done
            self.took_s = now - self.begun_s
            per_s = done / max(self.took_s, 1e-9)
            text = (
                f"{100 * done / self.total:5.1f} %  {done:,} of {self.total:,} scenarios  {per_s:,.0f} per second  "
                f"{(self.total - done) / per_s:,.0f} s left"
            )
            if self.console.is_terminal:
                self.live.update(text)
            elif self.lines and done < self.total and now - self.said_s >= _LINE_S:
                self.said_s = now
                say(self.console, text)

        return show
