"""Answers spoilt on their way from the solver to the door: an optimal flow that breaks a rule is never optimal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gridloop as gl
from gridloop.network.model import Network
from gridloop.optimize.physics.ac import AcPolar
from gridloop.optimize.physics.dc import Dc
from gridloop.optimize.problems.opf import optimal_power_flow

SPOILT: dict[str, Callable[[Any], Any]] = {
    "output of a tenth less": lambda flow: with_column(flow, "generator", "p_mw", 0.9),
    "no output": lambda flow: with_column(flow, "generator", "p_mw", np.nan),
    "angles of half the size": lambda flow: with_column(flow, "bus", "angle_deg", 0.5),
    "no voltages": lambda flow: with_column(flow, "bus", "angle_deg", np.nan),
    "flows of another state": lambda flow: with_column(flow, "line", "p_tail_mw", 1.1),
    "half the cost": lambda flow: replace(flow, cost=flow.cost / 2),
    "no cost": lambda flow: replace(flow, cost=np.nan),
}


def with_column(flow: Any, table: str, column: str, factor: float) -> Any:
    frame = getattr(flow, table)
    return replace(flow, **{table: frame.assign(**{column: frame[column] * factor})})


@pytest.fixture(scope="module")
def case(data_dir: Path) -> Network:
    return gl.read_network(data_dir / "networks" / "pglib_opf" / "pglib_opf_case14_ieee.m")


@pytest.mark.data
@pytest.mark.parametrize("physics", [Dc, AcPolar])
@pytest.mark.parametrize("how", list(SPOILT))
def test_a_spoilt_answer_is_refused(physics: type, how: str, case: Network, monkeypatch: pytest.MonkeyPatch):
    honest = physics.read
    monkeypatch.setattr(physics, "read", lambda *given: SPOILT[how](honest(*given)))
    flow = optimal_power_flow(case, physics=physics())
    assert flow.status == "refused"
    assert flow.diagnosis is not None
    assert flow.diagnosis.causes
    assert not flow.solved


@pytest.mark.data
@pytest.mark.parametrize("physics", [Dc, AcPolar])
def test_an_honest_answer_is_not(physics: type, case: Network):
    assert optimal_power_flow(case, physics=physics()).status == "optimal"
