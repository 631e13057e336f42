"""Cash flows by pencil: rates that are one, none or several, and money that comes back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.cash_flow import internal_rate, net_present_value, payback_years

EARNED = st.lists(st.floats(0.0, 1000.0), min_size=1, max_size=30)


def flow(*cash: float) -> np.ndarray:
    return np.array(cash, dtype=float)


def test_net_present_value_by_pencil():
    """110 in a year and 121 in two, at 10 %: 100 each."""
    assert net_present_value(flow(-150, 110, 121), 0.10) == approx(50.0)


def test_one_rate():
    """100 for 110 in a year: 10 %. An annuity: 1,000 for 20 years of 117.46 is 10 % (tables of interest)."""
    found = internal_rate(flow(-100, 110))
    assert (found.status, found.rate) == ("one", approx(0.10, abs=1e-12))
    assert internal_rate(flow(-1000, *[117.46] * 20)).rate == approx(0.10, abs=1e-5)


def test_a_rate_below_zero():
    """100 for 50 in a year: half is lost."""
    assert internal_rate(flow(-100, 50)).rate == approx(-0.5, abs=1e-12)


def test_no_rate():
    """Money that only goes has none; nor has one that comes, goes and comes so that no rate balances it."""
    for cash in (flow(-100, -10), flow(100, 10), flow(0, 0), flow(1, -1, 1)):
        found = internal_rate(cash)
        assert (found.status, found.rates) == ("none", ())
        assert np.isnan(found.rate)


def test_several_rates():
    """(x − 1/1.1)(x − 1/1.3) = 0 in x = 1/(1 + r): 1.0, −2.4, 1.43 is zero at 10 % and at 30 %."""
    found = internal_rate(flow(-1.0, 2.4, -1.43))
    assert found.status == "several"
    assert found.rates == approx((0.1, 0.3), abs=1e-9)
    assert np.isnan(found.rate)


def test_a_rate_that_only_touches():
    """(x − 1/1.2)² : 1, −2.4, 1.44 is zero at 20 %, and positive at any other rate."""
    found = internal_rate(flow(1.0, -2.4, 1.44))
    assert found.rates == approx((0.2,), abs=1e-6)  # a double root: half of the digits


def test_payback_by_pencil():
    """300 for 100 a year: three years. A replacement of 150 at the end of year four takes it back again."""
    assert payback_years(flow(-300, 100, 100, 100, 100)) == approx(3.0)
    assert payback_years(flow(-250, 100, 100, 100)) == approx(2.5)
    assert payback_years(flow(-300, 100, 100, 100, -50, 100, 100)) == approx(4.5)
    assert payback_years(flow(-300, 100)) == np.inf
    assert payback_years(flow(0, 5)) == 0.0


@given(EARNED, st.floats(1.0, 5000.0), st.floats(0.0, 0.5), st.floats(0.001, 0.5))
@settings(deadline=None)
def test_more_discount_makes_an_investment_worth_less(earned, spent, rate, more):
    cash = flow(-spent, *earned)
    # Equal where nothing is earned; rounding of sums of thousands.
    assert net_present_value(cash, rate + more) <= net_present_value(cash, rate) + 1e-9


@given(EARNED, st.floats(1.0, 5000.0))
@settings(deadline=None)
def test_an_investment_has_one_rate_at_most_and_it_balances(earned, spent):
    cash = flow(-spent, *earned)
    found = internal_rate(cash)
    assert len(found.rates) <= 1
    for rate in found.rates:
        size = net_present_value(np.abs(cash), rate)
        assert abs(net_present_value(cash, rate)) <= 1e-9 * size
    if sum(earned) > spent * 1.001 and earned[0] < spent:
        assert found.status == "one" and found.rate > 0.0


@given(st.lists(st.floats(-0.6, 3.0), min_size=1, max_size=6, unique_by=lambda r: round(r, 1)))
@settings(deadline=None, max_examples=50)
def test_every_rate_that_was_planted_is_found(rates):
    """A cash flow made of its roots: Π (x − 1 / (1 + r))."""
    cash = np.polynomial.polynomial.polyfromroots([1.0 / (1.0 + r) for r in rates])
    found = internal_rate(cash)
    # Neighbours are a tenth apart or closer still where rounding put them: each root has fewer digits for it.
    spread = min(np.diff(sorted(rates)), default=1.0)
    if spread > 0.05:
        assert found.rates == approx(sorted(rates), rel=1e-4, abs=1e-4)


def test_what_is_refused():
    with pytest.raises(GapInSeries, match="1 of 2 years have no sum of money"):
        internal_rate(flow(-1, np.nan))
    with pytest.raises(OutOfRange, match="must be above −1"):
        net_present_value(flow(-1, 1), -1.0)
