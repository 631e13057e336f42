"""`gridloop flow FILE`: the AC power flow of a case file."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from gridloop.cli.feeder_words import show_head, show_voltages
from gridloop.cli.output import clean, print_json, records, say
from gridloop.io.read import read_network
from gridloop.network.feeder.model import Feeder
from gridloop.powerflow.doors import power_flow
from gridloop.powerflow.feeder.flow import FeederFlow
from gridloop.powerflow.flow import TOLERANCE_PU, Flow

WORST = 10


def flow(
    file: Annotated[str, typer.Argument(help="Case file (.m, .raw, .dss, …), network folder, or simbench:CODE.")],
    reactive_limits: Annotated[bool, typer.Option(help="Hold generators within their reactive limits.")] = False,
    controls: Annotated[bool, typer.Option(help="Of a feeder: let regulators step until they rest.")] = True,
    tolerance_pu: Annotated[
        float, typer.Option(help="Largest mismatch at a node, per unit on 100 MVA; of a feeder, of a voltage.")
    ] = TOLERANCE_PU,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Solve the AC power flow and show voltages, losses and what exceeds its limit.

    Exit code 0 where it converged, 3 where it did not (the diagnosis is printed).
    """
    net = read_network(file)
    console = Console(highlight=False)
    if isinstance(net, Feeder):
        feeder = power_flow(net, controls=controls, tolerance_pu=tolerance_pu)
        if as_json:
            print_json(_feeder_as_json(file, feeder))
        else:
            _show_feeder(console, file, feeder)
        converged = feeder.converged
    else:
        result = power_flow(net, reactive_limits=reactive_limits, tolerance_pu=tolerance_pu)
        if as_json:
            print_json(_as_json(file, result))
        else:
            _show(console, file, result)
        converged = result.converged
    if not converged:
        raise typer.Exit(3)


def _tables(result: Flow | FeederFlow, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: records(getattr(result, name)) for name in names}


def _feeder_as_json(file: str, result: FeederFlow) -> dict[str, Any]:
    names = ("bus", "line", "conductor", "transformer", "regulator", "source", "load", "generator")
    return {
        "case": file,
        "converged": result.converged,
        "iterations": result.iterations,
        "losses_mw": clean(result.losses_mw),
        "violations": result.violations().to_dict("records"),
        "diagnosis": None if result.diagnosis is None else str(result.diagnosis),
        "not_read": list(result.feeder.loss_report),
        **_tables(result, names),
    }


def _show_feeder(console: Console, file: str, result: FeederFlow) -> None:
    feeder = result.feeder
    show_head(console, file, feeder, len(result.bus), f"{len(feeder.load)} loads", result.diagnosis)
    if not result.converged:
        return
    say(console, f"Converged in {result.iterations} iterations. Losses {1000 * result.losses_mw:.2f} kW.")
    show_voltages(console, result.bus["v_pu"])
    if len(result.regulator):
        taps = ", ".join(f"{name} {tap:+d}" for name, tap in result.regulator["tap"].dropna().astype(int).items())
        say(console, f"Taps: {taps}.")
    _show_violations(console, result.violations())


def _as_json(file: str, result: Flow) -> dict[str, Any]:
    return {
        "case": file,
        "converged": result.converged,
        "iterations": result.iterations,
        "mismatch_mva": clean(result.mismatch_mva),
        "losses_mw": clean(result.losses_mw),
        "violations": result.violations().to_dict("records"),
        "diagnosis": None if result.diagnosis is None else str(result.diagnosis),
        **_tables(result, ("bus", "line", "transformer", "source", "generator")),
    }


def _show(console: Console, file: str, result: Flow) -> None:
    net = result.network
    say(console, f"{file}: {len(net.bus)} buses, {len(net.line)} lines, {len(net.transformer)} transformers")
    if result.diagnosis is not None:
        say(console, f"Diagnosis: {result.diagnosis}")
    if not result.converged:
        return
    v = result.bus["v_pu"]
    say(
        console,
        f"Converged in {result.iterations} iterations, mismatch {result.mismatch_mva:.1e} MVA. "
        f"Losses {result.losses_mw:.3f} MW.",
    )
    say(console, f"Voltage {v.min():.4f} pu (bus {v.idxmin()}) to {v.max():.4f} pu (bus {v.idxmax()}).")
    _show_violations(console, result.violations())


def _show_violations(console: Console, found: pd.DataFrame) -> None:
    if found.empty:
        say(console, "All limits hold.")
        return
    table = Table(title=f"{len(found)} limits do not hold; the worst {min(WORST, len(found))}")
    for column in ("kind", "id", "quantity", "value", "limit", "excess"):
        table.add_column(column)
    for row in found.head(WORST).to_dict("records"):
        numbers = (f"{row[name]:.4f}" for name in ("value", "limit", "excess"))
        table.add_row(str(row["kind"]), str(row["id"]), str(row["quantity"]), *numbers)
    console.print(table)
