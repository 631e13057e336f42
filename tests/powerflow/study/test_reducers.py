"""Reducers: one contract for all, and each one against what numpy says of all voltages at once."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from studies import STATUS, FloatMean, TwoBus, check_reducer

from gridloop.errors import BadInput, OutOfRange
from gridloop.powerflow.study.levels import Levels
from gridloop.powerflow.study.reducers import Converged, HostingCapacity, Quantiles, Range, Violations, WorstK
from gridloop.powerflow.study.reducers.hosting import wilson
from gridloop.powerflow.study.samplers import Independent, Normal
from gridloop.powerflow.study.solver import Chunk, Grid

SOLVER = TwoBus(3, nominal_mw=50.0)
GRID = SOLVER.grid
NEEDS = frozenset({"loading_pct", "losses_mw"})
# A wide factor: some of the scenarios have no solution.
DRAWS = Independent({"load.p_mw": Normal(0.5)}).bind(SOLVER, 3)
COUNT = 700
ALL = SOLVER.solve(DRAWS.draw(0, COUNT), NEEDS)
CHUNKS = [(first, SOLVER.solve(DRAWS.draw(first, 100), NEEDS)) for first in range(0, COUNT, 100)]
LEVELS = Levels(70, 10, pd.DataFrame({"pv_share": [0.0, 0.5]}))
REDUCERS = [
    Range(),
    Range("loading_pct"),
    Range("losses_mw"),
    Quantiles(),
    Quantiles("loading_pct", at=(0.5,), bins=7),
    Quantiles("losses_mw", low=0, high=10),
    Violations(),
    Violations(low_pu=0.9, high_pu=np.nan, loading_pct=120.0),
    WorstK(5),
    WorstK(5000, "highest_losses_mw"),
    WorstK(1, "highest_loading_pct"),
    HostingCapacity(LEVELS),
    HostingCapacity(LEVELS, loading_pct=100, hours_allowed=3),
    Converged(),
    Converged(limit=3),
    Converged(limit=0),
]


def state_of(reducer, chunks=CHUNKS, grid=GRID):
    state = reducer.start(grid)
    for first, chunk in chunks:
        reducer.update(state, chunk, first)
    return state


def result_of(reducer, chunks=CHUNKS, grid=GRID):
    return reducer.result(state_of(reducer, chunks, grid), grid)


def shown(v, status=None, **more):
    """A chunk with the voltages of two nodes."""
    v = np.asarray(v, dtype=float)
    status = np.zeros(v.shape[1], np.int8) if status is None else np.asarray(status, np.int8)
    return Chunk(v, status, np.ones(v.shape[1], np.int64), **more)


def test_the_scenarios_are_worth_it():
    assert 0 < (ALL.status != 0).sum() < COUNT / 3


@pytest.mark.parametrize("reducer", REDUCERS, ids=lambda r: f"{type(r).__name__}-{r.name}")
def test_the_contract(reducer):
    assert reducer.needs <= NEEDS
    check_reducer(reducer, GRID, CHUNKS)


def test_a_reducer_that_adds_floats_is_caught():
    with pytest.raises(AssertionError):
        check_reducer(FloatMean(), GRID, CHUNKS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_range_is_that_of_all_voltages(dtype):
    v = ALL.v_pu[:, ALL.lanes].astype(dtype).astype(float)
    table = result_of(Range(), [(0, Chunk(ALL.v_pu.astype(dtype), ALL.status, ALL.iterations))])
    assert list(table.index) == ["a", "b"] and (table["count"] == ALL.lanes.size).all()
    assert np.array_equal(table["min"], v.min(axis=1)) and np.array_equal(table["max"], v.max(axis=1))
    assert table["mean"].to_numpy() == pytest.approx(v.mean(axis=1), abs=1.2e-10)  # half a quantum


def test_range_of_what_is_dark_is_missing():
    table = result_of(Range(), [(0, shown([[1.0, 1.1], [np.nan, np.nan]]))])
    assert table.loc["a"].tolist() == [1.0, 1.1, pytest.approx(1.05), 2]
    assert table.loc["b", ["min", "max", "mean"]].isna().all() and table.at["b", "count"] == 0


def test_absurd_voltages_of_a_solver_are_refused():
    with pytest.raises(OutOfRange, match=r"1e\+09 in the scenarios 5 … 6"):
        state_of(Range(), [(5, shown([[1.0, 1.0], [1e9, 1.0]]))])


@pytest.mark.parametrize("bins", [1, 13, 400])
def test_quantiles_are_within_their_stated_error(bins):
    table = result_of(Quantiles(at=(0.001, 0.05, 0.5, 0.95, 0.999), low=0.7, high=0.95, bins=bins))
    v = np.sort(ALL.v_pu[1, ALL.lanes])
    assert v[0] < 0.7 and v[-1] > 0.95, "both outer bins are tried"
    for k, share in enumerate(table["share"].values):
        exact = v[int(np.ceil(share * v.size)) - 1]
        value, error = table["value"].values[1, k], table["error"].values[1, k]
        assert abs(value - exact) <= error + 1e-15
        if 0.7 < exact < 0.95:
            assert error <= table.attrs["bin_width"] + 1e-15
    assert int(table["count"][1].sum()) == v.size


def test_a_quantile_by_pencil():
    """Of 1.00, 1.01, 1.02, 1.03 half stay at or below 1.01; bins of 0.04 know it to 0.04."""
    table = result_of(
        Quantiles(at=(0.5, 0.51), low=0.98, high=1.06, bins=8), [(0, shown([[1.0, 1.01, 1.02, 1.03]] * 2))]
    )
    assert table["value"].values[0] == pytest.approx([1.015, 1.025], abs=0.0051)


def test_violations_by_pencil():
    """The band is 0.95 … 1.05; 1e-6 beyond it still counts as kept."""
    v = [[1.0, 1.0, 1.0, 1.06], [0.95 - 9e-7, 0.94, 1.05 + 1.1e-6, 0.9]]
    found = result_of(Violations(), [(0, shown(v))])
    assert found["below"].values.tolist() == [0, 2] and found["above"].values.tolist() == [1, 1]
    assert (int(found["violating"]), float(found["share"])) == (3, 0.75)


def test_violations_of_loading_and_of_bands_by_node():
    band = pd.Series({"b": 0.9, "a": 1.01})
    found = result_of(Violations(low_pu=band, loading_pct=100), [(0, ALL)])
    lanes = ALL.lanes
    assert found["below"].values.tolist() == [lanes.size, (ALL.v_pu[1, lanes] < 0.9).sum()]
    assert found["over"].values.tolist() == [(ALL.loading_pct[0, lanes] > 100).sum()]
    assert int(found["scenarios"]) == lanes.size and float(found["share"]) == 1.0


def test_the_worst_come_first_and_ties_by_index():
    v = [[1.0, 1.0, 1.0, 1.0, 1.0], [0.9, 0.8, 0.9, 0.7, 0.8]]
    table = result_of(WorstK(3), [(10, shown(v, status=[0, 0, 0, 1, 0]))])
    assert table.index.tolist() == [11, 14, 10] and table["value"].tolist() == [0.8, 0.8, 0.9]
    assert set(table["at"]) == {"b"}
    table = result_of(WorstK(2, "highest_losses_mw"))
    losses = np.where(ALL.status == 0, ALL.losses_mw, -np.inf)
    assert table.index.tolist() == np.argsort(-losses, kind="stable")[:2].tolist() and set(table["at"]) == {"total"}


def test_ties_go_by_index_whatever_was_seen_first():
    """Voltages of two decimals: dozens of scenarios are as bad as each other."""
    coarse = [(first, replace(chunk, v_pu=chunk.v_pu.round(2), _kept={})) for first, chunk in CHUNKS]
    for k in (1, 50, 600):
        check_reducer(WorstK(k), GRID, coarse)
    v = np.where(ALL.status == 0, ALL.v_pu[1].round(2), np.inf)
    assert result_of(WorstK(50), coarse).index.tolist() == np.argsort(v, kind="stable")[:50].tolist()


def test_hosting_capacity_by_pencil():
    """Three levels × two draws, cases of two hours: at level 0 none breaks, at 1 one of two, at 2 both.

    One of those has no solution.
    """
    levels = Levels(2, 6, pd.DataFrame({"pv_share": [0.1, 0.2, 0.3]}))
    good, bad = [1.0, 1.0], [1.0, 1.2]
    v = np.array([good, good, bad, good, bad, bad]).reshape(-1)
    status = np.zeros(12, np.int8)
    status[11], v[11] = 1, 1.0
    chunk = shown([np.ones(12), v], status)
    found = result_of(HostingCapacity(levels), [(0, chunk)])
    assert found["cases"].values.tolist() == [2, 2, 2] and found["violating"].values.tolist() == [0, 0.5, 1]
    assert found["violating_scenarios"].values.tolist() == [0, 0.25, 0.5]
    assert float(found["capacity_pv_share"]) == 0.1
    assert float(result_of(HostingCapacity(levels, risk=0.5), [(0, chunk)])["capacity_pv_share"]) == 0.2
    assert float(result_of(HostingCapacity(levels, hours_allowed=1), [(0, chunk)])["capacity_pv_share"]) == 0.3
    tight = result_of(HostingCapacity(levels, high_pu=0.99), [(0, chunk)])
    assert np.isnan(float(tight["capacity_pv_share"]))


def test_hosting_capacity_waits_for_whole_cases():
    levels = Levels(3, 4, pd.DataFrame({"pv_share": [0.1, 0.2]}))
    found = result_of(HostingCapacity(levels), [(0, shown(np.ones((2, 8))))])
    assert found["cases"].values.tolist() == [1, 1]
    with pytest.raises(OutOfRange, match="Scenario 12 is beyond the 4 cases × 3 hours"):
        state_of(HostingCapacity(levels), [(8, shown(np.ones((2, 5))))])


def test_the_interval_of_a_share_is_that_of_statsmodels_tables():
    """Wilson, 95 %, 8 of 10: 0.490 … 0.943 (Brown, Cai, DasGupta 2001 give the same formula)."""
    low, high = wilson(np.array([8, 0]), np.array([10, 0]))
    assert (low[0], high[0]) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert np.isnan([low[1], high[1]]).all()


def test_converged_counts_and_names_failures():
    found = result_of(Converged(limit=3))
    failed = np.flatnonzero(ALL.status)
    assert found["count"].sel(status="no solution") == failed.size and int(found["count"].sum()) == COUNT
    assert found["scenario"].values.tolist() == failed[:3].tolist()
    assert set(found["failed_status"].values) == {"no solution"} and int(found["iterations_max"]) == 3
    odd = result_of(Converged(), [(0, shown(np.ones((2, 1)), status=[-7]))])
    assert odd["failed_status"].values.tolist() == ["status -7"] and np.isnan(float(odd["iterations_mean"]))


def test_a_chunk_in_which_nothing_converged():
    chunk = shown(np.full((2, 4), np.nan), status=[1, 1, 1, 1], loading_pct=np.ones((1, 4)), losses_mw=np.ones(4))
    for reducer in REDUCERS:
        check_reducer(reducer, GRID, [(0, chunk), (4, CHUNKS[0][1])])


@pytest.mark.parametrize(
    ("reducer", "says"),
    [
        (Range("p_mw"), "quantity 'p_mw'"),
        (Quantiles("losses_mw"), "need `low` and `high`"),
        (Quantiles(at=(0.5, 1.0)), "above 0 and below 1"),
        (Quantiles(low=1, high=1), "low < high"),
        (Quantiles(bins=0), "0 bins"),
        (Violations(low_pu=pd.Series({"a": 0.9})), "no value for 1 of 2 rows, such as 'b'"),
        (Violations(high_pu="much"), "high_pu must be a number"),
        (WorstK(0), "The worst 0"),
        (WorstK(by="v_pu"), "lowest_v_pu"),
        (HostingCapacity(LEVELS, risk=1.0), "risk 1.0"),
        (Converged(limit=-1), "limit"),
    ],
)
def test_nonsense_is_refused_by_name(reducer, says):
    with pytest.raises(BadInput, match=says):
        reducer.start(GRID)


def test_levels_need_cases():
    with pytest.raises(BadInput, match="at least one"):
        Levels(0, 1, pd.DataFrame({"pv_share": [0.0]}))


def test_a_quantity_that_the_solver_did_not_give():
    with pytest.raises(BadInput, match="loading_pct"):
        state_of(Range("loading_pct"), [(0, shown(np.ones((2, 3))))])


def test_a_sum_that_outgrows_its_bits_is_refused():
    grid = Grid(pd.Index(["a"], name="node"), pd.Index([], name="branch"), np.ones(1), np.ones(1), STATUS)
    state = Range().start(grid)
    state["quanta"][:] = 2**62
    with pytest.raises(OutOfRange, match="63 bits"):
        Range().merge(state, Range().start(grid) | {"quanta": np.ones(1, np.int64)})
