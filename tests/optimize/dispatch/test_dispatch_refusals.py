"""Dispatches that were said wrongly or not at all: losses that cannot be met, dark islands, grid connections, ramps."""

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import BadInput, OutOfRange
from gridloop.network.model import Network
from gridloop.optimize.explain_dispatch import sentence
from gridloop.optimize.losses import BCoefficients
from gridloop.optimize.next_best import choice_in_words, next_best
from gridloop.optimize.problems.dispatch import dispatch

UNITS = pd.DataFrame({"p_max_mw": [100.0, 100.0], "cost_linear_per_mwh": [10.0, 20.0]}, index=["A", "B"])


def hours(values):
    return pd.Series([float(v) for v in values], pd.date_range("2026-01-01", periods=len(values), freq="h", tz="UTC"))


def islands(supplied: bool = False, source: dict[str, float] | None = None) -> Network:
    """a–b with a unit at a and 30 MW at b; bus c with 7 MW, alone, with a unit where it is supplied."""
    limits = {"p_min_mw": 0.0, "p_max_mw": 0.0, "q_min_mvar": 0.0, "q_max_mvar": 0.0} if source is None else source
    units = [{"id": "A", "bus": "a", "p_max_mw": 100.0, "cost_linear_per_mwh": 10.0}]
    return Network.from_tables(
        {
            "bus": [{"id": b, "v_nom_kv": 100.0} for b in "abc"],
            "line": [{"id": "ab", "tail_bus": "a", "head_bus": "b", "length_km": 1.0, "r_ohm_per_km": 1.0,
                      "x_ohm_per_km": 10.0}],
            "load": [{"id": "town", "bus": "b", "p_mw": 30.0}, {"id": "village", "bus": "c", "p_mw": 7.0}],
            "generator": units
            + ([{"id": "C", "bus": "c", "p_max_mw": 50.0, "cost_linear_per_mwh": 5.0}] if supplied else []),
            "source": [{"id": "s", "bus": "a"} | limits],
        },
        owner="test",
    )  # fmt: skip


def test_losses_that_cannot_be_met_are_named():
    """Both units at 100 MW lose 10 MW each: 180 MW arrive, 195 are asked for."""
    found = dispatch(UNITS, 195.0, losses=BCoefficients(np.diag([1e-3] * 2)))
    assert found.status == "infeasible" and "the losses at 0" in str(found.diagnosis)


def test_load_in_the_dark_is_not_dropped():
    found = dispatch(islands())
    assert found.status == "infeasible" and "carries 7 MW of load in islands where nothing generates" in str(
        found.diagnosis
    )
    assert dispatch(islands(), 30.0).status == "optimal", "a demand that is given does not ask the loads"


def test_losses_of_several_islands_are_refused():
    assert dispatch(islands(supplied=True)).status == "optimal"
    with pytest.raises(BadInput, match="2 islands"):
        dispatch(islands(supplied=True), losses="network")


def test_an_ordinary_grid_connection_passes_the_checker():
    net = islands(supplied=True, source={"cost_linear_per_mwh": 50.0})
    found = dispatch(net)
    assert found.status == "optimal", found.diagnosis
    # Both units give all they can, and what the loads of 37 MW leave is sold at 50.
    assert found.cost == approx(100 * 10.0 + 50 * 5.0 - 113 * 50.0)
    only = dispatch(net, 200.0)
    assert only.p_mw["source:s"].item() == approx(50.0, abs=1e-4)
    assert only.cost == approx(100 * 10.0 + 50 * 5.0 + 50 * 50.0)


def test_a_unit_at_its_minimum_would_save_by_less():
    """B has to give 10 MW at 30 where A has them for 20."""
    units = pd.DataFrame(
        {"p_min_mw": [0.0, 10.0], "p_max_mw": [100.0, 100.0], "cost_linear_per_mwh": [20.0, 30.0]}, index=["A", "B"]
    )
    row = dispatch(units, 50.0).unit.loc[(0, "B")].to_dict()
    assert row["reason"] == "at_p_min" and sentence(row).endswith("one MW less saves 10.00 per h")
    for reason in ("curtail_price", "ramp_down", "before_ramp_up"):
        assert "one MW less" in sentence({"reason": reason, "binding": "x", "shadow_price": 1.0})
    for reason in ("at_p_max", "available", "ramp_up", "before_ramp_down"):
        assert "one more MW" in sentence({"reason": reason, "binding": "x", "shadow_price": 1.0})


def test_a_unit_held_back_by_the_next_ramp_is_not_marginal():
    """cheap may fall by 20 MW per hour and 30 are asked for next: 50 now, though it could give all 90."""
    units = UNITS.assign(ramp_mw_per_h=[20.0, np.nan])
    found = dispatch(units, hours([90, 30]))
    first = found.unit.xs("A", level="unit").iloc[0]
    assert first["p_mw"] == approx(50, abs=1e-4) and first["reason"] == "before_ramp_down"
    assert first["binding"] == "ramp:A" and first["shadow_price"] == approx(10.0, abs=1e-4)
    rising = dispatch(units.assign(p_max_mw=[100.0, 60.0], cost_linear_per_mwh=[30.0, 20.0]), hours([50, 100]))
    early = rising.unit.xs("A", level="unit").iloc[0]
    assert early["p_mw"] == approx(20, abs=1e-4) and early["reason"] == "before_ramp_up"


def test_one_bad_variant_leaves_the_others():
    def ask(units):
        return dispatch(units, 50.0)

    one = UNITS.iloc[:1]
    table = next_best(one, ask(one), ask, without=["A"], more={"A": 10.0})
    assert table["status"].to_list() == ["bad_input", "optimal"] and "table is empty" in table["why"].iloc[0]
    assert "table is empty" in choice_in_words(table.iloc[0].to_dict())
    with pytest.raises(TypeError):
        next_best(one, ask(one), lambda case: dispatch(case, 50.0, nonsense=1), without=["A"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"demand_mw": "abc"},
        {"demand_mw": [1.0, 2.0]},
        {"demand_mw": pd.Series(["lots"])},
        {"reserve_mw": "some"},
        {"hours": "one"},
        {"hours": np.nan},
        {"hours": np.inf},
        {"available_mw": "abc"},
        {"available_mw": {"A": "much"}},
        {"available_mw": pd.DataFrame({"A": [1.0, 2.0]}, index=[0, 0])},
        {"available_mw": pd.DataFrame([[1.0, 2.0]], columns=["A", "A"])},
        {"available_mw": pd.Series([1.0, 2.0], index=["A", "A"])},
        {"available_mw": pd.DataFrame({"A": ["x"]})},
        {"losses": BCoefficients(np.eye(2) * 1e-4, linear=np.zeros(3))},
        {"losses": BCoefficients(np.array([[np.nan, 0], [0, 0]]))},
    ],
)
def test_bad_input_is_bad_input(wrong):
    with pytest.raises(BadInput):
        dispatch(**({"system": UNITS, "demand_mw": 50.0} | wrong))


def test_hours_are_told():
    with pytest.raises(OutOfRange, match="a step of inf h"):
        dispatch(UNITS, 50.0, hours=np.inf)
