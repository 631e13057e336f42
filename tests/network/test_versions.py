"""A history can be walked both ways: back to what was, and forward from a base."""

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from gridloop.errors import BadInput
from gridloop.network.versions import at_version, edit_from_dict, edit_to_dict, replay
from gridloop.testing import assert_networks_equal, moment, networks, two_bus


@st.composite
def histories(draw):
    """A base network and five versions made of it by random edits, additions and removals of loads and lines."""
    versions = [draw(networks(most=3, further=True))]
    for hour in range(5):
        net = versions[-1]
        said = {"author": draw(st.text(max_size=3)), "time": moment(hour), "reason": draw(st.text(max_size=3))}
        table = draw(st.sampled_from(["load", "line"]))
        frame = net.tables[table]
        column = {"load": "p_mw", "line": "length_km"}[table]
        action = draw(st.sampled_from(["edit", "remove", "add"])) if len(frame) else "add"
        if action == "edit":
            cells = st.floats(0, 100) | st.just(float("nan"))
            ids = draw(st.lists(st.sampled_from(list(frame.index)), unique=True))
            net = net.edit(table, {i: {column: draw(cells), "name": draw(st.text(max_size=3))} for i in ids}, **said)
        elif action == "remove":
            net = net.remove(table, draw(st.lists(st.sampled_from(list(frame.index)), unique=True)), **said)
        else:
            other = draw(networks(most=3)).tables[table]
            new = other[~other.index.isin(frame.index)].copy()
            for own in frame.columns.difference(new.columns):
                new[own] = frame[own].iloc[0] if len(frame) else False
            net = net.add(table, new, **said)
        versions.append(net)
    return versions


@settings(deadline=None, max_examples=40)
@given(histories())
def test_every_version_comes_back(versions):
    last = versions[-1]
    for net in versions:
        then = at_version(last, net.version)
        assert then.digest == net.digest
        assert then.history == net.history
    base = versions[0]
    assert_networks_equal(replay(base, last.history), last)


@settings(deadline=None, max_examples=20)
@given(histories())
def test_edits_survive_json(versions):
    for edit in versions[-1].history:
        assert edit_from_dict(json.loads(json.dumps(edit_to_dict(edit)))) == edit


def test_versions_that_never_were():
    net = two_bus().edit("load", {"load": {"p_mw": 1}}, author="a", time=moment(), reason="r")
    with pytest.raises(BadInput, match="has versions 1 to 2, not 3"):
        at_version(net, 3)
    with pytest.raises(BadInput, match="edit 2 does not follow version 2"):
        replay(net, net.history)
    with pytest.raises(BadInput, match="the base is not the one it was made on"):
        replay(two_bus(r=0.2), net.history)
