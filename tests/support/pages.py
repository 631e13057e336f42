"""Pages of the docs: their fenced snippets, how they are run, and the parts that are made from code or from a run.

`python tests/support/pages.py` writes docs/tables.md again; with the folder of a run of the built-in site also the
figures and the picture of the README.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridloop.network import schema
from gridloop.network.feeder.model import PREFIX
from gridloop.network.feeder.model import TABLES as FEEDER_TABLES
from gridloop.telemetry.tables import TABLES as LAKE_TABLES

ROOT = Path(__file__).resolve().parents[2]
RUNS = ("python", "bash")
"""Languages of fences whose snippets are run; `console` and `text` are for reading."""

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    """One fenced block: its language, its text, and the line of the page on which its text begins."""

    language: str
    text: str
    line: int


class BrokenSnippet(AssertionError):
    """A snippet of a page failed; the message names page and line."""


def pages() -> list[Path]:
    """Every page of the repository that a reader may try out."""
    return [
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "changes").glob("*.md")),
    ]


def snippets(text: str) -> list[Snippet]:
    """All fenced blocks of a page, whatever their language."""
    return [
        Snippet(found.group(1), found.group(2), text.count("\n", 0, found.start(2)) + 1)
        for found in _FENCE.finditer(text)
    ]


def run_page(text: str, name: str, folder: Path) -> int:
    """Run the snippets of a page in order, in `folder` with a copy of examples/; returns how many ran.

    The Python of a page shares one namespace. Raises `BrokenSnippet` for the first one that fails.
    """
    if not (folder / "examples").exists():
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    namespace: dict[str, Any] = {"__name__": "__page__"}
    todo = [snippet for snippet in snippets(text) if snippet.language in RUNS]
    before = Path.cwd()
    os.chdir(folder)
    try:
        for snippet in todo:
            run = _run_python if snippet.language == "python" else _run_bash
            run(snippet, f"{name}:{snippet.line}", namespace)
    finally:
        os.chdir(before)
    return len(todo)


def _run_python(snippet: Snippet, place: str, namespace: dict[str, Any]) -> None:
    try:
        exec(compile(snippet.text, place, "exec"), namespace)
    except Exception as error:
        raise BrokenSnippet(f"{place}: {type(error).__name__}: {error}") from error


def _run_bash(snippet: Snippet, place: str, namespace: dict[str, Any]) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", snippet.text],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise BrokenSnippet(f"{place}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def tables_page() -> str:
    """docs/tables.md, made from the schema of the network, of the feeder and of the lake."""
    parts = [
        "# Tables",
        "This page is made from the code by `python tests/support/pages.py`; a test fails where it is not current.\n"
        "Units and signs are those of [conventions.md](conventions.md).",
        "## Of a network",
        "One row per element, indexed by `id`. *required* means that there is no default. An empty default of a\n"
        "number means that the value may be missing, and the last column says what that means. Others are kept.",
    ]
    for table in schema.TABLES:
        parts += [f"### {table}", schema.markdown(table).rstrip()]
    parts += [
        "## Of a feeder",
        "A `Feeder` is what an OpenDSS case becomes, phase by phase; one row per element, indexed by `id`.\n"
        "Terminals are written as in `1.2.3`: each names a node of the bus, 0 is ground.",
    ]
    for table in FEEDER_TABLES:
        # A heading of its own: networks have tables of the same names, and links must tell them apart.
        columns = schema.markdown(PREFIX + table).rstrip().replace(f"id of a {PREFIX}", "id of a ")
        parts += [f"### feeder: {table}", columns]
    parts += [
        "## Of a run",
        "`gridloop query` and `Store.read` see these; times are UTC, `valid_at` starts the interval. Only numbers\n"
        "may be missing.",
    ]
    for name, lake in LAKE_TABLES.items():
        columns = ", ".join(f"`{column}`" for column in lake.schema.names)
        parts += [f"### {name}", f"{lake.about}\n\n{columns}"]
    return "\n\n".join(parts) + "\n"


FIGURES = (
    ("cost of the day", "EUR", "cost_eur", 0),
    ("voltage outside its band", "buses × quarter-hours", "voltage_violations", 0),
    ("branches over their rating", "branches × quarter-hours", "overloads", 0),
    ("energy sold to the grid above", "MWh", "export_mwh", 1),
    ("energy bought from it", "MWh", "import_mwh", 1),
    ("losses", "MWh", "losses_mwh", 2),
    ("curtailed sun and wind", "MWh", "curtailed_mwh", 2),
    ("load not served", "MWh", "unserved_mwh", 2),
    ("energy that vehicles left without", "MWh", "ev_short_mwh", 2),
)
KINDS = ("load", "solar", "wind")


def figures_table(result: dict[str, Any]) -> str:
    """The figures of the README, from the `result` of a run's run.json."""
    rows = [f"| {result['day']}, {result['ticks']} ticks | | controlled | uncontrolled |", "|---|---|---:|---:|"]
    for name, unit, key, digits in FIGURES:
        with_control, without = (_number(result[run][key], digits) for run in ("controlled", "baseline"))
        rows.append(f"| {name} | {unit} | {with_control} | {without} |")
    of = result["forecast"]
    errors = [f"{kind} {of[f'{kind}_nmae_pct']:.1f} ({of[f'persistence_{kind}_nmae_pct']:.1f})" for kind in KINDS]
    solver = result["solver"]
    said = [
        "Mean absolute error of the forecasts up to 24 h ahead, in % of the mean load or the rated power, and in",
        f"brackets that of persistence: {', '.join(errors)}. A tick was planned in {solver['p50_s']:.1f} s (median;",
        f"99 % within {solver['p99_s']:.1f} s) on two cores, the whole run took {result['wall_s']:.0f} s.",
    ]
    return "\n".join([*rows, "", *said])


def write_figures(run: Path) -> None:
    """Put the figures of a finished run into docs/default-day.json and the README, and its picture into docs/img."""
    from picture import take_picture

    result = json.loads((run / "run.json").read_text(encoding="utf-8"))["result"]
    (ROOT / "docs" / "default-day.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split("<!-- figures", 1)
    mark, after = rest.split("-->", 1)[0], rest.split("<!-- end -->", 1)[1]
    readme.write_text(f"{before}<!-- figures{mark}-->\n{figures_table(result)}\n<!-- end -->{after}", encoding="utf-8")
    take_picture(run / "report.html", ROOT / "docs" / "img" / "run.png")


def _number(value: float, digits: int) -> str:
    return f"{round(float(value), digits) + 0.0:,.{digits}f}".replace("-", "−")  # + 0.0: no minus before zero


if __name__ == "__main__":
    (ROOT / "docs" / "tables.md").write_text(tables_page(), encoding="utf-8")
    if len(sys.argv) > 1:
        write_figures(Path(sys.argv[1]))
