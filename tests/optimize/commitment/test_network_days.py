"""Days on real grids: RTS-GMLC's units on RTS-GMLC's branches, and case24 against the model written out in full."""

from __future__ import annotations

import numpy as np
import pytest
from unit_days import day_of, rated, rts_day

from gridloop.optimize.check import CommitmentCase, check_solution
from gridloop.optimize.problems.commitment import commit_units

pytestmark = pytest.mark.data


def holds(system, net, plan):
    """The checker, which has angles where the model has factors, agrees with the plan on this network."""
    checked = check_solution(CommitmentCase(system, (), net), plan)
    return checked.ok and checked.cost == pytest.approx(plan.objective, rel=1e-6)


def test_case24_is_what_the_model_written_out_in_full_says(data_dir):
    """Written out in full, HiGHS takes a minute to 0.1 %: cost 549,162.38, no plan below 548,682.64."""
    system, net = day_of("pglib_opf_case24_ieee_rts", data_dir, peak=0.9)
    net = rated(net, 0.6)
    plan = commit_units(system, gap=2e-3, time_limit_s=120.0, network=net)
    assert plan.status == "optimal" and holds(system, net, plan)
    assert plan.bound <= 549_162.39 and plan.objective >= 548_682.64
    assert plan.objective <= 549_162.39 * (1 + 2e-3)
    plate = commit_units(system, gap=2e-3, time_limit_s=120.0)
    assert not holds(system, net, plate) and plate.bound < plan.objective
    assert set(plan.congestion["branch"]) <= set(plan.loading_pct.columns)
    assert plan.loading_pct.to_numpy().max() == pytest.approx(100.0, abs=1e-4)


@pytest.mark.parametrize(("factor", "congested"), [(1.0, False), (0.7, True)])
def test_rts_gmlc_on_its_own_grid(data_dir, factor, congested):
    """A summer day: the ratings of the tables bind nowhere, 70 % of them do; the bound holds for both."""
    system, net = rts_day(data_dir, hours=24)
    net = rated(net, factor)
    plan = commit_units(system, gap=3e-3, time_limit_s=120.0, network=net)
    assert plan.status == "optimal" and holds(system, net, plan)
    # 2,060,994.60 is a bound of the copper plate to 0.045 %
    assert plan.objective >= 2_060_994.0
    assert bool(len(plan.congestion)) == congested
    spread = np.ptp(plan.bus_price_per_mwh.to_numpy(), axis=1)
    assert bool(spread.max() > 1.0) == congested
