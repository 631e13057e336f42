"""Studies: results by pencil, independence of chunks, any scenario again, and errors that help."""

import numpy as np
import pandas as pd
import pytest
from studies import SAMPLER, SOLVER, FloatMean, N, SeededByBlock, TwoBus, assert_same_results, study

import gridloop as gl
from gridloop.errors import BadInput, OutOfRange
from gridloop.powerflow.study.plain_solver import PlainSolver
from gridloop.powerflow.study.reducers import HostingCapacity, Quantiles, Range, WorstK
from gridloop.powerflow.study.samplers import Adoption, Independent, Uniform
from gridloop.powerflow.study.simulate import simulate
from gridloop.testing import moment, two_bus, village


def test_results_by_pencil():
    """Loads of exactly 30 MW each: p = 0.9 pu, v = 0.9, losses 0.1 pu."""
    done = study(n=300, sampler=Independent({"load.p_mw": Uniform(0.6, 0.6)}))
    table = done["range_v_pu"]
    assert table.loc["b"].tolist() == pytest.approx([0.9, 0.9, 0.9, 300])
    assert done["range_losses_mw"].at["total", "mean"] == pytest.approx(10.0, abs=3e-8)  # half a quantum
    assert float(done["violations"]["share"]) == 1.0 and done.failed == 0 and done.n == 300


@pytest.mark.parametrize("chunk", [1, 77, 5000, 60_000])
def test_the_size_of_chunks_does_not_matter_to_a_solver_that_does_not_care(alone, chunk):
    n = 500 if chunk == 1 else N
    assert_same_results(study(chunk=chunk, n=n), alone if n == N else study(n=n))


def test_a_sampler_that_depends_on_its_blocks_would_be_noticed():
    results = [study(n=300, sampler=SeededByBlock(), chunk=chunk) for chunk in (50, 60)]
    with pytest.raises(AssertionError):
        assert_same_results(*results)


def test_a_reducer_that_adds_floats_would_be_noticed():
    results = [study(reduce=[FloatMean()], chunk=chunk) for chunk in (33, 64, 100, 128, 777)]
    with pytest.raises(AssertionError):
        for result in results[1:]:
            assert_same_results(result, results[0])


def test_another_seed_is_another_study(alone):
    with pytest.raises(AssertionError):
        assert_same_results(study(seed=12), alone)


def test_any_scenario_is_rebuilt(alone):
    for index in alone["worst_lowest_v_pu"].index:
        again = alone.rebuild(int(index))
        assert again.v_pu["b"] == alone["worst_lowest_v_pu"].at[index, "value"]
        drawn = SAMPLER.bind(SOLVER, 11).draw(index - 2, 5)["load.p_mw"][:, 2]
        assert again.values["load.p_mw"].to_numpy().tobytes() == drawn.tobytes()
        assert again.status == "converged" and again.losses_mw > 0 and again.loading_pct["a-b"] > 0
    failed = alone.rebuild(int(alone["converged"]["scenario"][0]))
    assert failed.status == "no solution" and np.isnan(failed.v_pu["b"])
    with pytest.raises(OutOfRange, match="0 … 4999"):
        alone.rebuild(N)


def test_a_network_is_studied_as_it_is_solved():
    """The worst scenario of a study, put into the network's table, has the voltages that the study says."""
    net = village()
    sampler = Independent({"load.p_mw": Uniform(0, 4), "generator.p_mw": Uniform(0, 1)})
    done = simulate(net, sampler, 60, [Range(), WorstK(1), Range("loading_pct"), Range("losses_mw")], chunk=25)
    index = int(done["worst_lowest_v_pu"].index[0])
    again = done.rebuild(index)
    for key, values in again.values.items():
        table, column = key.split(".")
        net = net.edit(table, values.rename(column).to_frame(), author="a", time=moment(), reason="scenario")
    flow = gl.power_flow(net)
    # Both are solved to a mismatch of 1e-8 per unit; times impedances below 1, voltages differ by less.
    assert flow.bus["v_pu"][again.v_pu.index].to_numpy() == pytest.approx(again.v_pu.to_numpy(), abs=1e-8)
    assert flow.bus["v_pu"].min() == pytest.approx(done["worst_lowest_v_pu"]["value"].iloc[0], abs=1e-8)
    assert flow.losses_mw == pytest.approx(again.losses_mw, abs=1e-6)
    loading = pd.concat([flow.line["loading_pct"], flow.transformer["loading_pct"]])
    # 1e-8 of a voltage, over an impedance of a hundredth, is 1e-6 of a current: 1e-4 % where the rating is 1 pu.
    assert loading.to_numpy() == pytest.approx(again.loading_pct.to_numpy(), abs=1e-4)
    assert list(done["range_v_pu"].index) == ["grid", "busbar", "mill", "farm"], "one label per node"


def test_the_plain_solver_agrees_with_the_formula():
    """One load at a time: v (1 − v) = r p."""
    solver = PlainSolver(two_bus(r=0.1, load=0.9))
    p = np.array([[0.0, 90.0, 160.0, 260.0]])
    chunk = solver.solve({"load.p_mw": p}, frozenset({"losses_mw", "loading_pct"}))
    assert chunk.status.tolist() == [0, 0, 0, 1]
    assert chunk.v_pu[1, :3] == pytest.approx([1.0, 0.9, 0.8], abs=1e-8)
    assert chunk.losses_mw[:3] == pytest.approx([0.0, 10.0, 40.0], abs=1e-4)
    with pytest.raises(BadInput, match=r"'load\.i_ka' cannot vary"):
        solver.elements("load.i_ka")
    with pytest.raises(gl.GridloopError):
        PlainSolver(two_bus(r=np.nan))


def test_hosting_capacity_falls_with_adoption():
    """A roof of 100 … 200 MW lifts v = (1 + √(1 + 0.4 p)) / 2 above 1.05 from 52.5 MW net on, at noon."""
    hours = 24
    sun = np.clip(np.sin((np.arange(hours) - 6) / 24 * 2 * np.pi), 0, 1)
    sampler = Adoption(400, np.ones(hours), sun, pv_share=np.linspace(0, 1, 5), pv_mw=(100.0, 200.0))
    solver = TwoBus(3, nominal_mw=1.0)
    found = simulate(solver, sampler, reduce=[HostingCapacity(sampler.levels)], seed=1)["hosting_capacity"]
    share = found["violating"].values
    assert found["cases"].values.tolist() == [80] * 5
    assert share[0] == 0 and share[-1] == 1 and (np.diff(share) >= 0).all(), "draws are nested: shares cannot fall"
    # A level breaks its band where any of three loads has a roof.
    assert share == pytest.approx(1 - (1 - np.linspace(0, 1, 5)) ** 3, abs=5 * 0.5 / np.sqrt(80))
    assert float(found["capacity_pv_share"]) == 0.0


def test_progress_is_told_in_order():
    told = []
    done = study(2, progress=told.append)
    assert [p.done for p in told] == sorted({p.done for p in told}) and told[-1].done == told[-1].total == N
    assert told[-1].failed == done.failed and told[-1].left_s == 0 and done.rate_per_s > 0
    assert all(p.rate_per_s > 0 and p.seconds > 0 for p in told)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"n": None}, "has no end"),
        ({"n": 0}, "n is 0"),
        ({"chunk": 0}, "chunk is 0"),
        ({"chunk": 10**6}, "chunk is 1000000"),
        ({"reduce": [Range(), Range()]}, "Two reducers are named 'range_v_pu'"),
        ({"reduce": {"converged": Range()}}, "kept for the reducer Converged"),
        ({"net": "case118.m"}, "a feeder or a solver of one, not str"),
        ({"sampler": Adoption(2, np.ones(3), np.ones(3)), "n": 7}, "1 … 6"),
        ({"reduce": [Quantiles("losses_mw")]}, "need `low` and `high`"),
    ],
)
def test_nonsense_is_refused_before_anything_runs(changes, says):
    with pytest.raises(BadInput, match=says):
        study(**changes)


def test_a_sampler_or_a_solver_that_returns_too_little_is_named():
    class Short(SeededByBlock):
        def draw(self, first, count):
            return super().draw(first, count - 1)

    class Lazy(TwoBus):
        def solve(self, values, needs=frozenset()):
            return super().solve({"load.p_mw": values["load.p_mw"][:, 1:]}, needs)

    with pytest.raises(BadInput, match="asked for 128 scenarios"):
        study(sampler=Short())
    with pytest.raises(BadInput, match="given 128 scenarios of 2 nodes"):
        study(net=Lazy(3))


def test_a_study_says_what_it_has(alone):
    assert repr(alone).startswith("<Study of 5,000 scenarios, ")
    with pytest.raises(BadInput, match="has range_v_pu"):
        alone["voltages"]
    named = study(n=100, reduce={"voltages": Range()})
    assert set(named.results) == {"voltages", "converged"}
