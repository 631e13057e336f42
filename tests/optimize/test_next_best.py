"""What other choices cost, by pencil and against shadow prices; and a sentence for every reason of a unit."""

from __future__ import annotations

import ast
import math
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from pencil_units import two_units
from pytest import approx

import gridloop as gl
from gridloop.errors import BadInput
from gridloop.network.model import Network
from gridloop.optimize import explain_flow
from gridloop.optimize.commitment import result
from gridloop.optimize.explain_units import REASONS, unit_sentence
from gridloop.optimize.next_best import choice_in_words, next_best
from gridloop.optimize.problems.dispatch import dispatch
from gridloop.optimize.problems.opf import optimal_power_flow

UNITS = pd.DataFrame(
    {"p_max_mw": [100.0, 80.0, 50.0], "cost_linear_per_mwh": [10.0, 20.0, 50.0]}, index=["coal", "gas", "oil"]
)


def test_a_merit_order_by_pencil():
    """150 MW: coal 100, gas 50. Without coal gas 80 and oil 50 are too little; without gas oil takes its 50 at 30 more.
    Ten MW more of coal save 10 each."""
    ask = partial(dispatch, demand_mw=150.0)
    now = ask(UNITS)
    table = next_best(UNITS, now, ask, without=["coal", "gas", "oil"], more={"coal": 10.0, "oil": 10.0})
    assert table["extra_cost"].tolist() == [math.inf, approx(50 * 30.0), approx(0.0), approx(-100.0), approx(0.0)]
    said = [choice_in_words(row) for row in table.to_dict("records")]
    assert said[0].startswith("without coal there would be no solution: ")
    assert said[1] == "without gas it would cost EUR 1500.00 more"
    assert said[2] == "without oil it would cost the same"
    assert said[3] == "with +10 MW for coal it would cost EUR 100.00 less"


def test_a_commitment_without_a_unit():
    """120 MW for an hour: coal alone, 100 + 1000 + 70 · 20. Without coal nothing can."""
    from gridloop.optimize.problems.commitment import commit_units

    system = two_units([120.0])
    ask = partial(commit_units, gap=1e-6)
    now = ask(system)
    assert now.objective == approx(2500.0)
    table = next_best(system, now, ask, without=["gas", "coal"], more={"coal": 10.0})
    assert table["extra_cost"].tolist() == [approx(0.0, abs=1e-6), math.inf, approx(0.0, abs=1e-6)]


@pytest.fixture(scope="module")
def case(data_dir: Path) -> Network:
    return gl.read_network(data_dir / "networks" / "pglib_opf" / "pglib_opf_case5_pjm.m")


@pytest.mark.data
def test_a_little_more_of_a_limit_saves_its_shadow_price(case: Network):
    ask = partial(optimal_power_flow, physics="dc")
    now = ask(case)
    dear = now.line["shadow_price_per_mwh"].idxmax()
    worth = float(now.line["shadow_price_per_mwh"].max())
    assert worth > 1.0
    table = next_best(case, now, ask, more={dear: 0.01})
    assert table["extra_cost"].iloc[0] == approx(-0.01 * worth, rel=1e-4)  # the solver's tolerance on 17,000 per h


@pytest.mark.data
def test_without_a_generator_an_optimal_flow_costs_no_less(case: Network):
    ask = partial(optimal_power_flow, physics="dc")
    now = ask(case)
    table = next_best(case, now, ask, without=list(case.generator.index))
    assert (table["extra_cost"] >= -1e-6).all()
    assert case.generator["in_service"].all(), "the case itself is left as it is"


def test_unknown_ids_and_a_missing_cost_are_refused():
    ask = partial(dispatch, demand_mw=150.0)
    with pytest.raises(BadInput, match="no units or branches"):
        next_best(UNITS, ask(UNITS), ask, without=["wind"])
    with pytest.raises(BadInput, match="no cost to compare"):
        next_best(UNITS, dispatch(UNITS, 1e6), ask, without=["coal"])


def test_an_answer_that_never_came_is_not_known():
    row = {
        "kind": "without",
        "element": "coal",
        "mw": math.nan,
        "status": "time_limit",
        "extra_cost": math.nan,
        "why": "",
    }
    assert choice_in_words(row) == "what it would cost without coal is not known: the solve ended 'time_limit'"


def used_codes() -> set[str]:
    """Reason codes in the files that decide them: what is written into `reason` tables."""
    root = Path(result.__file__).parents[1]
    found = set()
    for name in ("explain_flow.py", "physics/dc_read.py", "problems/dispatch_tables.py", "commitment/dispatch.py"):
        for node in ast.walk(ast.parse((root / name).read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in REASONS:
                found.add(node.value)
    return found


def test_every_reason_has_a_sentence():
    assert set(explain_flow.REASONS) | set(result.REASONS) <= set(REASONS)
    assert used_codes() >= {"marginal", "at_p_max", "available", "constrained_up", "ramp_up"}
    for code in REASONS:
        said = unit_sentence(code, "loading:line-7", 4.2)
        assert "{" not in said
        assert said != code


def test_sentences():
    assert unit_sentence("at_p_max", "p_max:gen-1", 4.2).endswith(
        "(one MW more of its largest output would save EUR 4.20 per h)"
    )
    assert "the rating of line-7" in unit_sentence("constrained_down", "loading:line-7", 2.0)
    assert unit_sentence("something_new") == "something new"
