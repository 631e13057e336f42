"""PyPSA's tables of a case: the same susceptances and limits as ours, at the edges of the format too."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from benchmarks.opf_cases import matrices, published
from pytest import approx

import gridloop as gl
from benchmarks import opf_dc, peers
from gridloop.optimize.physics.dc_model import _NO_REACTANCE

# r, x, rating and the two angle limits; then ohm and s_nom at 100 MVA by hand.
BRANCHES = [
    ((0.03, 0.04, 50, -30, 30), 0.0025 / 0.04 / 100, 50),
    ((0.0, 0.1, 0, -30, 30), 0.001, np.pi / 6 / 0.001),
    ((0.05, 0.0, 1500, -30, 30), 0.0005, np.pi / 6 / 0.0005),  # no reactance: the resistance takes its place
    ((0.05, 4e-8, 50, -30, 30), 0.0005, 50),  # next to none, the same
    ((0.0, -0.1, 0, -30, 30), -0.001, np.pi / 6 / 0.001),
    ((0.0, 0.1, 50, 0, 0), 0.001, 50),  # both limits zero: there is none
    ((0.0, 0.1, 0, 0, 0), 0.001, np.inf),
    ((0.0, 0.1, 0, -360, 360), 0.001, np.inf),
    ((0.0, 0.1, 0, -30, 0), 0.001, 0.0),  # one limit zero is one
]


@pytest.fixture
def opf_pypsa(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The peer's script, with an empty PyPSA: the tables need none."""
    monkeypatch.syspath_prepend(str(Path(peers.__file__).parent))
    monkeypatch.setitem(sys.modules, "pypsa", ModuleType("pypsa"))
    for name in ("job", "opf_pypsa"):  # what is imported under these names goes again with the test
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        del sys.modules[name]
    return importlib.import_module("opf_pypsa")


def test_lines_as_by_hand(opf_pypsa):
    branch = np.zeros((len(BRANCHES), 13))
    branch[:, [2, 3, 5, 11, 12]] = [row for row, *_ in BRANCHES]
    ohm, s_nom = opf_pypsa.lines(100.0, branch)
    assert ohm == approx([wanted for _, wanted, _ in BRANCHES], rel=1e-12)
    assert s_nom == approx([wanted for *_, wanted in BRANCHES], rel=1e-12)


def test_a_published_case_with_branches_without_reactance(opf_pypsa):
    """case1803_snem has two: they carry what ours lets them carry, 1 / |z|."""
    assert opf_pypsa.NO_REACTANCE == _NO_REACTANCE
    path = next(case.path for case in published() if case.name == "1803_snem")
    branch = matrices(path)["branch"]
    ohm, s_nom = opf_pypsa.lines(100.0, branch)
    bare = branch[:, 3] == 0
    assert bare.sum() == 2 and 1 / ohm[bare] == approx(100 / branch[bare, 2], rel=1e-12)
    assert np.isfinite(ohm).all() and (s_nom > 0).all()


@pytest.mark.skipif(not peers.installed(), reason="the peers are not installed; `gridloop bench opf --quick` does that")
def test_the_edges_of_the_format_cost_pypsa_what_they_cost_us(tmp_path):
    """Five buses: 1-2 without reactance, 3-4 with no angle limit and no rating, 2-3 with a whole turn."""
    text = next(case.path for case in published() if case.name == "5_pjm").read_text("utf-8")
    for old, new in (
        (r"(1\s+2\s+0\.00281\s+)0\.0281", r"\g<1>0.0"),
        (r"(3\s+4\s.*?)426\s+426\s+426(\s.*?)-30\.0\s+30\.0", r"\g<1>0 0 0\g<2>0.0 0.0"),
        (r"(2\s+3\s.*?)-30\.0\s+30\.0", r"\g<1>-360.0 360.0"),
    ):
        text, count = re.subn(r"(?m)^\s" + old, r"\t" + new, text)
        assert count == 1, old
    (tmp_path / "edges.m").write_text(text, "utf-8")
    arrays = dict(matrices(tmp_path / "edges.m"))
    told = {"base_mva": arrays.pop("base_mva"), "time_limit_s": 60.0, "threads": 1}
    theirs = peers.run_peer("opf_pypsa", told, arrays).facts
    ours = gl.optimal_power_flow(gl.read_network(tmp_path / "edges.m"), physics="dc")
    assert ours.status == "optimal" and theirs["objective"] == approx(ours.cost, rel=opf_dc.SAME_MODEL)
