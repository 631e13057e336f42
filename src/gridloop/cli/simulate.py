"""`gridloop simulate FILE`: a Monte-Carlo study of a network or feeder, with progress, and resumable."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from gridloop.cli.output import Interrupted, print_json, say
from gridloop.cli.study_file import read_study
from gridloop.cli.study_results import Results, check_folder, show, write
from gridloop.errors import BadInput, OutOfRange
from gridloop.io.read import read_network
from gridloop.network.feeder.model import Feeder
from gridloop.powerflow.study.feeder_solver import FeederStudySolver
from gridloop.powerflow.study.reducers import Quantiles, Range, Reducer, Violations, WorstK
from gridloop.powerflow.study.samplers import Independent, Sampler, Uniform
from gridloop.powerflow.study.simulate import simulate as run_study
from gridloop.powerflow.study.solver import Solver, solver_of
from gridloop.powerflow.study.study import Progress

SCENARIOS = 10_000
WORST = 10
# Seconds between two lines where there is no terminal.
_LINE_S = 5.0


class Format(StrEnum):
    """Formats of the tables that `--out` writes."""

    csv = "csv"
    parquet = "parquet"


def simulate(
    file: Annotated[str, typer.Argument(help="Case file (.m, .raw, .dss, …), network folder, or simbench:CODE.")],
    spread: Annotated[
        float | None, typer.Option(help="Every load times a factor of its own, 1 ± this; power factors stay.")
    ] = None,
    adoption: Annotated[
        Path | None, typer.Option(help="Study of solar roofs and electric cars instead: a TOML file.")
    ] = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help=f"Scenarios; {SCENARIOS:,}, or all that the study file has.")
    ] = None,
    controls: Annotated[bool, typer.Option(help="Of a feeder: let regulators step in every scenario.")] = False,
    v_min_pu: Annotated[
        float | None, typer.Option(help="Lowest voltage allowed; the grid's own band otherwise.")
    ] = None,
    v_max_pu: Annotated[float | None, typer.Option(help="Highest voltage allowed.")] = None,
    loading_pct: Annotated[
        float | None, typer.Option(help="Of a network: highest loading of branches allowed.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all random numbers: the same seed, the same study.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="As many as there are processors otherwise.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder that keeps how far it came; the same command goes on from there.")
    ] = None,
    checkpoint_s: Annotated[float, typer.Option(min=0, help="Seconds between two states that are kept.")] = 10.0,
    out: Annotated[Path | None, typer.Option(help="Folder for the results: summary.json and tables.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="Of the tables in that folder.")] = Format.csv,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Solve many scenarios of a grid and keep what matters: voltages by node, violations, the worst scenarios.

    With --spread the loads vary one by one, with --adoption customers get roofs and cars, level by level, and the
    level that the grid can host is found. Exit code 0, or 3 where no scenario converged.
    """
    if (spread is None) == (adoption is None):
        raise BadInput("A study needs what varies: --spread SHARE or --adoption FILE, and not both.")
    if v_min_pu is not None and v_max_pu is not None and v_min_pu >= v_max_pu:
        raise OutOfRange(f"--v-min-pu {v_min_pu:g} must be below --v-max-pu {v_max_pu:g}.")
    if out is not None:
        check_folder(out, checkpoint)
    console = Console(stderr=as_json, highlight=False)
    solver = _solver(file, controls, loading_pct)
    limits = {"low_pu": v_min_pu, "high_pu": v_max_pu, "loading_pct": loading_pct}
    sampler, reduce = _what(solver, spread, adoption, limits)
    count = n if n is not None or adoption is not None else SCENARIOS
    if not as_json:
        say(console, f"{file}: {len(solver.grid.nodes)} nodes, {len(solver.elements('load.p_mw'))} loads.")
    progress = _Progress(console, lines=not as_json)
    try:
        with progress:
            study = run_study(
                solver,
                sampler,
                count,
                reduce,
                seed=seed,
                threads=threads,
                checkpoint=checkpoint,
                checkpoint_every_s=checkpoint_s,
                progress=progress.show,
            )
    except KeyboardInterrupt as stop:
        raise Interrupted(_what_now(checkpoint)) from stop
    results = Results.of(file, study, seed, spread if spread is not None else str(adoption), limits, controls)
    if out is not None:
        write(results, out, format_.value)
    if as_json:
        print_json(results.as_json())
    else:
        show(console, results, WORST)
        if out is not None:
            say(console, f"Results: {out}")
    if study.failed == study.n:
        raise typer.Exit(3)


def _solver(file: str, controls: bool, loading_pct: float | None) -> Solver:
    net = read_network(file)
    if isinstance(net, Feeder):
        if loading_pct is not None:
            raise BadInput("--loading-pct is for networks: studies of feeders give voltages only.")
        return FeederStudySolver(net, controls=controls)
    if controls:
        raise BadInput("--controls moves the regulators of a feeder; this is a network.")
    return solver_of(net)


def _what(
    solver: Solver, spread: float | None, adoption: Path | None, limits: dict[str, float | None]
) -> tuple[Sampler, dict[str, Reducer]]:
    """What varies, and what is kept of it."""
    loads = solver.elements("load.p_mw")
    if loads.empty:
        raise BadInput("The grid has no loads: nothing can vary.")
    reducers: list[Reducer] = [Range(), Quantiles(), Violations(**limits), WorstK(WORST), WorstK(WORST, "highest_v_pu")]
    if limits["loading_pct"] is not None:
        reducers += [Range("loading_pct"), WorstK(WORST, "highest_loading_pct")]
    reduce = {r.name: r for r in reducers}
    if adoption is not None:
        sampler, judge = read_study(adoption, loads, limits)
        return sampler, {**reduce, **judge}
    assert spread is not None  # one of the two is given
    if not 0 < spread <= 1:
        raise OutOfRange(
            f"--spread is {spread:g}; it must be above 0, and 1 at most: 0.3 means 0.7 … 1.3 of each load."
        )
    return Independent({"load.p_mw": Uniform(1 - spread, 1 + spread)}, {"load.q_mvar": "load.p_mw"}), reduce


def _what_now(checkpoint: Path | None) -> str:
    if checkpoint is None:
        return "Interrupted; nothing is kept. With --checkpoint DIR a study can go on where it was."
    return f"Interrupted. What was done is kept in {checkpoint}; the same command goes on from there."


class _Progress:
    """One live line; on a console that is no terminal a plain line every few seconds instead, or nothing."""

    def __init__(self, console: Console, *, lines: bool) -> None:
        self.console = console
        self.lines = lines and not console.is_terminal
        self.live = Live(console=console, refresh_per_second=8, transient=True)
        self.said_s = 0.0
        self.first: Progress | None = None

    def __enter__(self) -> _Progress:
        self.live.start()
        if self.console.is_terminal:
            self.live.update("Laying the grid out …")
        return self

    def __exit__(self, *_: Any) -> None:
        self.live.stop()

    def show(self, p: Progress) -> None:
        """Share, scenarios, rate and time left."""
        # Measured from the first report on: before it, kernels may have been compiled.
        first = self.first = self.first or p
        more, seconds = p.done - first.done, p.seconds - first.seconds
        rate = more / seconds if more and seconds > 0 else p.rate_per_s
        text = f"{100 * p.done / p.total:5.1f} %  {p.done:,} of {p.total:,} scenarios"
        if more or p.done == p.total:
            text += f"  {rate:,.0f} per second  {_time((p.total - p.done) / rate)} left"
        if p.failed:
            text += f", {p.failed:,} failed"
        if self.console.is_terminal:
            bar = 30 * p.done // p.total
            self.live.update(f"[green]{'━' * bar}[/green][dim]{'━' * (30 - bar)}[/dim] {text}")
        elif self.lines and (p.seconds - self.said_s >= _LINE_S or p.done == p.total):
            self.said_s = p.seconds
            say(self.console, text)


def _time(seconds: float) -> str:
    """`1 h 05 min`, `3 min 20 s` or `12 s`."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
