"""Networks of several owners become one at the buses they share."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from gridloop.errors import BadInput, MergeConflict
from gridloop.network.merge import merge
from gridloop.network.model import Network
from gridloop.network.validation import check
from gridloop.testing import moment, networks, two_bus, village

SAID = {"author": "ada", "time": moment()}


@st.composite
def pieces(draw):
    """A network, and three parts of it that overlap at random and have every element between them."""
    whole = draw(networks(most=3))
    places = {t: [draw(st.integers(1, 7)) for _ in range(len(f))] for t, f in whole.tables.items()}
    parts = [
        Network.from_tables({t: f[[bool(p & bit) for p in places[t]]] for t, f in whole.tables.items()}, name=str(bit))
        for bit in (1, 2, 4)
    ]
    return whole, parts


@settings(deadline=None, max_examples=40)
@given(pieces())
def test_laws_of_merging(drawn):
    """Parts make the whole again, in any order and in any grouping; merging with itself changes nothing."""
    whole, (a, b, c) = drawn
    assert merge([a, b, c], **SAID) == whole
    assert merge([c, a, b], **SAID) == whole
    assert merge([merge([a, b], **SAID), c], **SAID) == merge([a, merge([b, c], **SAID)], **SAID)
    assert merge([a, a], **SAID) == a


def factory() -> Network:
    """A factory's model: the village's bus "mill" as the grid operator has it, and a cable to its own bus behind."""
    mill = village().bus.loc[["mill"]].reset_index()
    hall = {"id": "hall", "owner": "mill", "v_nom_kv": 20.0}
    cable = {
        "id": "cable",
        "tail_bus": "mill",
        "head_bus": "hall",
        "length_km": 0.2,
        "r_ohm_per_km": 0.2,
        "x_ohm_per_km": 0.1,
    }
    return Network.from_tables(
        {
            "bus": [*mill.to_dict("records"), hall],
            "line": [{**cable, "owner": "mill"}],
            "load": [{"id": "saw", "owner": "mill", "bus": "hall", "p_mw": 0.4}],
        },
        name="factory",
    )


def test_owners_meet_at_a_shared_bus():
    both = merge([village(), factory()], **SAID)
    assert both.line["owner"].to_dict() == {"L1": "operator", "L2": "operator", "cable": "mill"}
    assert (both.bus.index == "mill").sum() == 1 and both.bus.loc["mill", "owner"] == "operator"
    check(both)
    assert (both.name, both.version) == ("village+factory", 1)
    (edit,) = both.history
    assert edit.changes["factory"] == {"version": (1, None), "digest": (factory().digest, None)}
    later = both.edit("load", {"saw": {"p_mw": 0.5}}, author="bo", time=moment(1), reason="new saw")
    assert later.version == 2


def test_conflicts_are_reported_by_name():
    theirs = factory().edit("bus", {"mill": {"v_nom_kv": 10.0, "owner": "mill"}}, author="x", time=moment(), reason="r")
    with pytest.raises(MergeConflict) as caught:
        merge([village(), theirs], **SAID)
    text = str(caught.value)
    assert text.startswith("MergeConflict: 2 values differ between the networks: ")
    assert "bus 'mill' v_nom_kv is 20.0 in 'village', 10.0 in 'factory'" in text
    assert "bus 'mill' owner is 'operator' in 'village', 'mill' in 'factory'" in text
    assert [c.column for c in caught.value.facts["conflicts"]] == ["owner", "v_nom_kv"]


def test_networks_of_one_name_are_told_apart():
    other = two_bus(load=0.5)
    with pytest.raises(MergeConflict, match=r"p_mw is 90.0 in 'two bus', 50.0 in 'two bus \(2\)'"):
        merge([two_bus(), other], **SAID)


def test_further_columns_are_missing_where_only_one_has_them():
    one = Network.from_tables({"bus": [{"id": "a", "v_nom_kv": 20, "meters": 3}]}, owner="o")
    two = Network.from_tables({"bus": [{"id": "b", "v_nom_kv": 20, "feeder": "north"}]}, owner="o")
    bus = merge([one, two], **SAID).bus
    assert bus["feeder"].to_dict() == {"a": "", "b": "north"}
    assert bus.loc["a", "meters"] == 3 and bus["meters"].isna().to_dict() == {"a": False, "b": True}


def test_nothing_to_merge():
    with pytest.raises(BadInput, match="at least one"):
        merge([], **SAID)
