"""Limits after outages as members of a conflict."""

from __future__ import annotations

from pathlib import Path

import pytest

import gridloop as gl
from gridloop.optimize.physics.dc import Dc, Security
from gridloop.optimize.problems.opf import optimal_power_flow


@pytest.mark.data
def test_a_conflict_names_the_branch_and_the_outage(data_dir: Path):
    """Without line-1 all of gen-1 leaves through line-2, and gen-2 is too small to make up for what that lacks."""
    net = gl.read_network(data_dir / "networks" / "pglib_opf" / "pglib_opf_case14_ieee.m")
    assert optimal_power_flow(net, physics="dc").solved
    flow = optimal_power_flow(net, physics=Dc(security=Security()))
    assert flow.status == "infeasible"
    assert flow.diagnosis is not None
    assert flow.diagnosis.facts["minimal"]
    limits = [m for m in flow.diagnosis.facts["conflict"] if m["kind"] == "flow_limit"]
    assert [(m["element"], m["hour"]) for m in limits] == [("line-2", "after the loss of line-1")]
    assert "line-2 carries no more than it may after the loss of line-1" in str(flow.diagnosis)
