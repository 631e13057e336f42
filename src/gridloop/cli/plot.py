"""`gridloop plot FILE`: the voltage profile and the map of a solved case, as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gridloop.cli.output import print_json, say
from gridloop.errors import BadInput
from gridloop.io.read import read_network
from gridloop.network.feeder.model import Feeder
from gridloop.operate.plots import build_page, picture_of
from gridloop.powerflow.feeder.flow import feeder_power_flow
from gridloop.powerflow.flow import power_flow


def plot(
    file: Annotated[str, typer.Argument(help="Case file (.m, .raw, .dss, …), network folder, or simbench:CODE.")],
    out: Annotated[Path | None, typer.Option(help="The page to write; FILE's name with .html otherwise.")] = None,
    reactive_limits: Annotated[bool, typer.Option(help="Hold generators within their reactive limits.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Solve the AC power flow and draw it: voltage over distance, map, and what exceeds its limit by name.

    Exit code 0 where it converged, 3 where it did not (the page shows the grid and the diagnosis).
    """
    page = out or Path(_stem(file)).with_suffix(".html")
    if page.suffix.lower() not in (".html", ".htm"):
        raise BadInput(f"{str(page)!r} cannot be written: a plot is a page, so give --out a name that ends in .html.")
    if not page.parent.is_dir():
        raise BadInput(f"no folder {str(page.parent)!r} to write {page.name} to; make it, or give --out another.")
    net: Any = read_network(file)
    flow = feeder_power_flow(net) if isinstance(net, Feeder) else power_flow(net, reactive_limits=reactive_limits)
    picture = picture_of(flow, net.name or _stem(file))
    page.write_text(build_page(picture), encoding="utf-8")
    if as_json:
        print_json(
            {
                "case": file,
                "page": str(page),
                "converged": flow.converged,
                "violations": flow.violations().to_dict("records"),
                "diagnosis": None if flow.diagnosis is None else str(flow.diagnosis),
            }
        )
    else:
        console = Console(highlight=False)
        say(console, picture.says)
        if flow.diagnosis is not None:
            say(console, f"Diagnosis: {flow.diagnosis}")
        say(console, f"Wrote {page}. Open it in a browser.")
    if not flow.converged:
        raise typer.Exit(3)


def _stem(file: str) -> str:
    """A file name for a case: its own without ending; `simbench:CODE` is CODE."""
    return Path(file.rpartition(":")[2] if file.startswith("simbench:") else file).stem or "grid"
