"""One bill for a community: the shares add up to it, and nobody pays more than alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from gridloop.optimize.studies.sharing import alone_cost, community_cost, shared_cost

EACH = st.lists(st.lists(st.integers(-50, 50), min_size=4, max_size=4), min_size=1, max_size=5)


def test_two_takers_and_a_giver():
    """3 + 1 taken, 2 given, tariff 0.2: the meter shows 2. Of the 2 traded at 0.1 the first gets 1.5, the other 0.5."""
    net, price = np.array([[3.0, 1.0, -2.0]]), np.array([0.2])
    assert community_cost(net, price)[0] == approx(0.4)
    assert shared_cost(net, price)[0] == approx([1.5 * 0.2 + 1.5 * 0.1, 0.5 * 0.2 + 0.5 * 0.1, -2 * 0.1])
    assert alone_cost(net, price)[0] == approx([0.6, 0.2, 0.0])


@given(EACH)
def test_the_shares_add_up_and_nobody_pays_more_than_alone(rows: list[list[int]]):
    net = np.array(rows, dtype=float)
    price = np.linspace(0.1, 0.5, len(net))
    shares = shared_cost(net, price)
    assert shares.sum(axis=1) == approx(community_cost(net, price), abs=1e-9)
    assert (shares <= alone_cost(net, price) + 1e-9).all()


@given(EACH)
def test_homes_alike_pay_alike(rows: list[list[int]]):
    net = np.array(rows, dtype=float)
    net[:, 1] = net[:, 0]
    shares = shared_cost(net, np.full(len(net), 0.3))
    assert shares[:, 0] == approx(shares[:, 1], abs=1e-12)
