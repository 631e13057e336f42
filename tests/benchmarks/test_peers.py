"""Peers in processes of their own: the protocol, their errors, and one small benchmark with each."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.check import mismatch
from benchmarks.harness import Bench
from benchmarks.peers import PeerFailed, run_peer

from benchmarks import cases, feeder, ours, peers, powerflow, powerflow_pgm

needs_peers = pytest.mark.skipif(
    not peers.installed(), reason="the peers are not installed; `gridloop bench powerflow --quick` does that"
)
FEW = 40


@pytest.fixture
def in_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """lightsim2grid is one of the tests' own packages: its scripts run without the peers' environment."""
    monkeypatch.setattr(peers, "python", lambda: Path(sys.executable))


def test_the_last_words_of_a_peer_are_its_error(in_this_environment):
    with pytest.raises(PeerFailed, match=r"nosuch ended with code 2: .*No such file"):
        run_peer("nosuch", {})


def test_an_environment_of_other_versions_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "VENV", tmp_path)
    monkeypatch.setattr(peers, "python", lambda: Path(sys.executable))
    assert not peers.installed()
    (tmp_path / "stamp").write_text(peers._digest(), "utf-8")
    assert peers.installed()
    (tmp_path / "stamp").write_text("of yesterday", "utf-8")
    assert not peers.installed()


def test_lightsim2grid_solves_what_it_is_given(in_this_environment):
    """Its answers have no mismatch by our matrices: the same case, the same scenarios, the same per unit."""
    case = cases.read_case("case118")
    scenarios = cases.draw(case, FEW)
    facts = {"mode": "answer", "base_mva": case.base_mva, "tolerance_pu": 1e-8, "threads": 2, "voltages": True}
    arrays = {name: getattr(scenarios, name) for name in ("p_mw", "q_mvar", "gen_p_mw")}
    arrays |= {name: getattr(case, name) for name in ("bus", "gen", "branch", "load_rows")}
    answer = run_peer("lightsim2grid_flows", facts, arrays | {"v0": ours.Grid(case).v0})
    assert answer.arrays["converged"].all() and answer.per_s > 0
    # It stops below 1e-11 pu; near 1 pu, rounding of 100 terms leaves less than that.
    assert mismatch(case, scenarios, answer.arrays["v"]).max() < 1e-11


@needs_peers
def test_a_small_benchmark_with_machines_and_without(monkeypatch):
    monkeypatch.setattr(powerflow, "CASES", {"case118": (FEW, FEW)})
    beside_lightsim, beside_pgm = powerflow.run(Bench(runs=2, quick=True))
    assert set(beside_lightsim.peers) == {powerflow.LIGHTSIM} and beside_lightsim.compared == 60
    assert set(beside_pgm.peers) == {f"{powerflow_pgm.PGM} newton_raphson"}
    for row in (beside_lightsim, beside_pgm):
        assert not row.wrong and row.ratio is not None and row.ratio > 0


@needs_peers
def test_a_planted_wrong_answer_is_caught_beside_the_peer(monkeypatch):
    monkeypatch.setattr(powerflow, "CASES", {"case118": (FEW, FEW)})
    honest = ours.Grid.solve

    def planted(grid, scenarios, **options):
        solved = honest(grid, scenarios, **options)
        solved.v[17, -1] += 3e-8
        return solved

    monkeypatch.setattr(ours.Grid, "solve", planted)
    row = powerflow.run(Bench(runs=1, quick=True))[0]
    assert len(row.wrong) == 2, row.wrong


@needs_peers
@pytest.mark.data
def test_opendss_answers_every_scenario_apart(data_dir):
    """The same scenario at another place in the list has the same answer, with controls too: taps start afresh."""
    p, q = ours.factors(3, feeder.LOADS, 0.2, 0)
    p, q = (np.vstack([factor, factor[:1]]) for factor in (p, q))
    facts = {"path": str(data_dir / feeder.MASTER), "mode": "answer", "threads": 1, "controls": True}
    found = run_peer("opendss_feeder", facts, {"p_factor": p, "q_factor": q}).arrays
    assert found["v"].shape == (278, 4) and found["converged"].all()
    assert (found["taps"][:, 0] == found["taps"][:, 3]).all()
    # Each is converged to 1e-10 of its voltages, from the start that its neighbour left.
    assert np.abs(found["v"][:, 0] - found["v"][:, 3]).max() < 1e-8
    assert np.abs(found["v"][:, 0] - found["v"][:, 1]).max() > 1e-4
