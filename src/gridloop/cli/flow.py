"""`gridloop flow FILE`: the AC power flow of a case file."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gridloop.cli.output import clean, print_json, say
from gridloop.io.read import read_network
from gridloop.powerflow.flow import Flow, power_flow

WORST = 10


def flow(
    file: Annotated[str, typer.Argument(help="Case file (.m, .raw, …), network folder, or simbench:CODE.")],
    reactive_limits: Annotated[bool, typer.Option(help="Hold generators within their reactive limits.")] = False,
    tolerance_pu: Annotated[float, typer.Option(help="Largest mismatch at a node, per unit on 100 MVA.")] = 1e-8,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Solve the AC power flow and show voltages, losses and what exceeds its limit.

    Exit code 0 where it converged, 3 where it did not (the diagnosis is printed).
    """
    result = power_flow(read_network(file), reactive_limits=reactive_limits, tolerance_pu=tolerance_pu)
    if as_json:
        print_json(_as_json(file, result))
    else:
        _show(Console(highlight=False), file, result)
    if not result.converged:
        raise typer.Exit(3)


def _as_json(file: str, result: Flow) -> dict[str, Any]:
    tables = {
        name: json.loads(getattr(result, name).reset_index().to_json(orient="records", double_precision=15))
        for name in ("bus", "line", "transformer", "source", "generator")
    }
    return {
        "case": file,
        "converged": result.converged,
        "iterations": result.iterations,
        "mismatch_mva": clean(result.mismatch_mva),
        "losses_mw": clean(result.losses_mw),
        "violations": result.violations().to_dict("records"),
        "diagnosis": None if result.diagnosis is None else str(result.diagnosis),
        **tables,
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
    found = result.violations()
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
