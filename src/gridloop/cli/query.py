"""`gridloop query "SQL"`: read what a run has stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gridloop.cli.output import print_json, say
from gridloop.errors import MissingFile
from gridloop.operate.folder import LAKE, latest_run
from gridloop.telemetry.store import LAYOUT_FILE, open_store

MOST_ROWS = 200
WIDE = 1000


def query(
    sql: Annotated[str, typer.Argument(help='For example: "SELECT tick, cost_eur FROM ticks ORDER BY tick".')],
    run: Annotated[Path | None, typer.Option(help="Folder of the run; the newest under runs/ otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all rows as one JSON array.")] = False,
) -> None:
    """Run one SQL query (DuckDB) over the tables of a run."""
    folder = run or latest_run(Path("runs"))
    if folder is None:
        raise MissingFile("There is no run under runs/. Start one with `gridloop run`, or name its folder with --run.")
    if not any((lake / LAYOUT_FILE).is_file() for lake in (folder / LAKE, folder)):
        raise MissingFile(f"{str(folder)!r} holds no stored run. Name the folder of one, such as runs/2016-07-25.")
    rows = open_store(folder).query(sql)
    if as_json:
        print_json(rows.astype(object).where(rows.notna(), None).to_dict("records"))
        return
    table = Table()
    for column in rows.columns:
        table.add_column(str(column), no_wrap=True)
    for row in rows.head(MOST_ROWS).itertuples(index=False):
        table.add_row(*(f"{v:.6g}" if isinstance(v, float) else str(v) for v in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDE  # a pipe has no edge to wrap at
    console.print(table)
    if len(rows) > MOST_ROWS:
        say(console, f"{MOST_ROWS} of {len(rows)} rows shown; --json prints them all.")
