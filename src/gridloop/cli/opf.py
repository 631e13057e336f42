"""`gridloop opf FILE`: the cheapest state of a network or feeder, with prices and reasons."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gridloop.cli.live_line import LiveLine
from gridloop.cli.opf_feeder import Given, feeder_as_json, show_feeder
from gridloop.cli.output import Interrupted, print_json, records, say
from gridloop.errors import BadInput
from gridloop.io.read import read_network
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.operate.plots.optimum_page import binding_limits, build_optimum_page
from gridloop.optimize.explain_flow import sentence
from gridloop.optimize.optimal_flow import OptimalFlow
from gridloop.optimize.physics.dc_read import binding_contingencies
from gridloop.optimize.physics.lindistflow_feeder_result import FeederOptimalFlow
from gridloop.optimize.problems.opf import optimal_power_flow
from gridloop.optimize.problems.opf_feeder import optimal_feeder_flow
from gridloop.optimize.problems.secure import secure_optimal_flow

PHYSICS = ("ac", "dc", "lindistflow")


def opf(
    file: Annotated[str, typer.Argument(help="Case file (.m, .raw, .dss, …), network folder, or simbench:CODE.")],
    physics: Annotated[
        str | None,
        typer.Option(
            help="ac: voltages, losses, reactive power (default); dc: active power alone; lindistflow: radial "
            "networks, and what there is for three-phase feeders."
        ),
    ] = None,
    secure: Annotated[
        float | None,
        typer.Option(help="DC only: hold after any single outage, branches at this share of their rating; 1.2, say."),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="Feeders: solve so often, each time around the AC voltages of the answer before.")
    ] = 1,
    v_min_pu: Annotated[float | None, typer.Option(help="Feeders: lowest voltage where the file has no limit.")] = None,
    v_max_pu: Annotated[
        float | None, typer.Option(help="Feeders: highest voltage where the file has no limit.")
    ] = None,
    curtail: Annotated[
        bool, typer.Option("--curtail", help="Feeders: generators without limits may give less than the file says.")
    ] = False,
    import_per_mwh: Annotated[
        float | None, typer.Option(help="Feeders: what a MWh from the source costs where the file has no cost.")
    ] = None,
    time_limit_s: Annotated[float | None, typer.Option(min=0.0, help="Stop the solver after so many seconds.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write the map of prices and loading to this .html page.")] = None,
    top: Annotated[int, typer.Option(min=0, help="Limits and generators to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Find the cheapest dispatch that the network can carry, and say what every MWh is worth where.

    Exit code 0 where there is an optimum, 3 where there is none (the diagnosis is printed).
    """
    if physics is not None and physics not in PHYSICS:
        raise BadInput(f"no physics {physics!r}; there are {', '.join(PHYSICS)}.", physics=physics)
    if secure is not None and physics != "dc":
        raise BadInput("--secure keeps limits after outages in the DC model; add --physics dc.")
    check_page(plot)
    net = read_network(file)
    given = Given(v_min_pu, v_max_pu, import_per_mwh, curtail)
    console = Console(stderr=as_json, highlight=False)
    progress = SolverProgress(console, lines=not as_json)
    flow: OptimalFlow | FeederOptimalFlow
    try:
        with progress:
            if isinstance(net, Feeder):
                _fit_for_a_feeder(physics, plot)
                flow = optimal_feeder_flow(
                    given.fill(net), rounds=rounds, time_limit_s=time_limit_s, progress=progress.show
                )
            else:
                _fit_for_a_network(given, rounds)
                flow = _of_network(net, physics or "ac", secure, time_limit_s, progress)
    except KeyboardInterrupt as stop:
        raise Interrupted("Interrupted; nothing was kept. --time-limit-s stops by itself.") from stop
    if isinstance(flow, FeederOptimalFlow):
        if as_json:
            print_json(feeder_as_json(file, flow))
        else:
            show_feeder(console, file, flow, top)
    else:
        if plot is not None:
            plot.write_text(build_optimum_page(flow, net.name), encoding="utf-8")
        if as_json:
            print_json(_as_json(file, flow, plot))
        else:
            _show(console, file, flow, top)
            if plot is not None:
                say(console, f"Wrote {plot}. Open it in a browser.")
    if not flow.solved:
        raise typer.Exit(3)


def _of_network(
    net: Network, physics: str, secure: float | None, time_limit_s: float | None, progress: SolverProgress
) -> OptimalFlow:
    if secure is not None:
        return secure_optimal_flow(net, factor=secure, time_limit_s=time_limit_s, progress=progress.show).flow
    return optimal_power_flow(net, physics=physics, time_limit_s=time_limit_s, progress=progress.show)


def _fit_for_a_feeder(physics: str | None, plot: Path | None) -> None:
    """Raises `BadInput` for what three-phase feeders do not have."""
    if physics not in (None, "lindistflow"):
        raise BadInput(f"a feeder has no physics {physics!r}; there is lindistflow.", physics=physics)
    if plot is not None:
        raise BadInput("the page of prices is of balanced networks; leave --plot out for a feeder.")


def _fit_for_a_network(given: Given, rounds: int) -> None:
    """Raises `BadInput` for what only feeders have."""
    said = [*given.said, *(["--rounds"] if rounds > 1 else [])]
    if said:
        raise BadInput(f"{', '.join(said)}: for three-phase feeders (.dss) only; a network's tables say this.")


def check_page(page: Path | None) -> None:
    """Refuse a page that cannot be written, before anything is solved. Raises `BadInput`."""
    if page is None:
        return
    if page.suffix.lower() not in (".html", ".htm"):
        raise BadInput(f"{str(page)!r} cannot be written: a plot is a page, so give --plot a name that ends in .html.")
    if not page.parent.is_dir():
        raise BadInput(f"no folder {str(page.parent)!r} to write {page.name} to; make it, or give --plot another.")


def _as_json(file: str, flow: OptimalFlow, plot: Path | None) -> dict[str, Any]:
    secured = flow.state.get("outages_high") is not None
    return {
        "case": file,
        **flow.to_dict(),
        "binding_limits": {str(branch): float(value) for branch, value in binding_limits(flow).items()},
        "generator": records(flow.generator),
        "line": records(flow.line),
        "transformer": records(flow.transformer),
        **({"contingencies": binding_contingencies(flow).to_dict("records")} if secured else {}),
        **({"page": str(plot)} if plot is not None else {}),
    }


def _show(console: Console, file: str, flow: OptimalFlow, top: int) -> None:
    net = flow.network
    say(
        console,
        f"{file}: {len(net.bus)} buses, {len(net.line)} lines, {len(net.transformer)} transformers, "
        f"{len(net.generator)} generators",
    )
    if flow.diagnosis is not None:
        say(console, f"Diagnosis: {flow.diagnosis}")
    for warning in flow.warnings:
        say(console, f"Warning: {warning}")
    if not flow.solved:
        return
    emitted = f", {flow.emissions_t:,.1f} t of CO2 per hour" if math.isfinite(flow.emissions_t) else ""
    say(
        console,
        f"{flow.physics.upper()} optimum: {flow.cost:,.2f} per hour, losses {flow.losses_mw:,.2f} MW{emitted}. "
        f"Built in {flow.build_s:.3f} s, solved in {flow.solve_s:.3f} s; worst violation "
        f"{flow.violations_max_pu:.1e} pu.",
    )
    price = flow.lmp.dropna()
    say(
        console,
        f"Prices from {price.min():,.2f} (bus {price.idxmin()}) to {price.max():,.2f} (bus {price.idxmax()}) per MWh.",
    )
    limits = binding_limits(flow)
    say(
        console, f"{len(limits)} limits of branches cost money." if len(limits) else "No limit of a branch costs money."
    )
    for branch, value in limits.head(top).items():
        say(console, f"  {branch}: one more MW of its rating saves {value:,.2f} per hour")
    for row in binding_contingencies(flow).head(top).to_dict("records"):
        say(
            console,
            f"  after the loss of {row['outage']}: {row['branch']} at {abs(row['flow_mw']):,.1f} of "
            f"{row['limit_mw']:,.1f} MW, worth {row['shadow_price_per_mwh']:,.2f} per MW and hour",
        )
    shown = flow.generator.dropna(subset="p_mw").sort_values("p_mw", ascending=False, kind="stable").head(top)
    records: Any = shown.to_dict("index")
    for name, unit in records.items():
        say(console, f"  {name}: {unit['p_mw']:,.2f} MW, {sentence(unit)}")


class SolverProgress(LiveLine):
    """How far a solver is."""

    def show(self, iteration: int, objective: float, violation: float) -> bool:
        """Iteration, cost and largest violation, per unit; always goes on."""
        text = f"iteration {iteration}: cost {objective:,.2f} per hour, worst violation {violation:.1e} pu"
        self.tell(text)
        return True
