"""Reasons: every code has a sentence, and a limit decided only where the comparison would have come out otherwise."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import gridloop
from gridloop.optimize import devices, explain, vpp
from gridloop.optimize.explain import REASONS, brought_above, brought_below, limit_in_words, sentence

GROUPS = sorted(path for room in (devices, vpp) for path in Path(str(room.__file__)).parent.glob("*.py"))


def codes_in(path: Path) -> set[str]:
    """Words in a group's source that are reason codes: in `code`, `codes` or `price`, or appended to `reason`."""
    said: list[ast.expr] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).split(",")[0] in ("code", "price"):
            said.append(node.value)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "codes":
            said += node.value.elts if isinstance(node.value, ast.Tuple) else []
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "reason.append":
            said.extend(node.args)
    found = set()
    while said:
        part = said.pop()
        if isinstance(part, ast.IfExp):
            said += [part.body, part.orelse]
        elif isinstance(part, ast.Tuple):
            said += part.elts[:1]
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            found.add(part.value)
    return found


def words_in(path: Path) -> set[str]:
    """All texts of a source: a code may come from a table, or be chosen by an array."""
    tree = ast.walk(ast.parse(path.read_text()))
    return {node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_code_of_a_group_has_a_sentence_and_every_sentence_a_use():
    said = set().union(*(codes_in(path) for path in GROUPS))
    assert len(said) > 20
    assert said - set(REASONS) == set()
    room = Path(str(gridloop.__file__)).parent
    written = set().union(*(words_in(path) for path in room.rglob("*.py") if path != Path(str(explain.__file__))))
    assert set(REASONS) - written == set()


def test_sentences_name_prices_and_limits():
    assert sentence("charge_low_price", "", 23.0) == "charges because energy is cheap here (EUR 23/MWh at its bus)"
    assert sentence("curtail_limit", "voltage_high:Bus 25", -20.0) == (
        "is curtailed because of the highest voltage allowed at Bus 25 (EUR -20/MWh at its bus)"
    )
    assert sentence("lower_voltage", "voltage_high:Bus 25", -1.236).endswith("(EUR -1.24/Mvarh at its bus)")
    assert sentence("full", "max_soc", 40.0) == "is full"
    assert sentence("charge_low_price") == "charges because energy is cheap here"


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_sentence_can_be_said(code):
    said = sentence(code, "loading:L1", 12.0)
    assert "{" not in said
    assert said[0].islower()


def test_a_code_of_others_is_spoken_as_it_is_spelled():
    assert sentence("last_good", "", 3.0) == "last good"
    assert limit_in_words("contracted_peak:connection") == "the contracted peak of connection"
    assert limit_in_words("something else") == "something else"


def test_a_limit_decided_only_where_it_turned_the_comparison():
    """Energy is worth 30 here, 20 less than without limits; buying pays below 40, below 60, below 25."""
    worth, effect = np.full(3, 30.0), np.full(3, -20.0)
    assert brought_below(worth, effect, np.array([40.0, 60.0, 25.0])).tolist() == [True, False, False]
    assert brought_above(-worth, -effect, -np.array([40.0, 60.0, 25.0])).tolist() == [True, False, False]
