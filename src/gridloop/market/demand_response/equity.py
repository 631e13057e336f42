"""Who bears a programme: calls, energy and money by group of customers, over a year of events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.market.demand_response.event import DREvent
from gridloop.market.demand_response.measure import MeasuredDelivery


def by_group(
    customers: pd.DataFrame, events: Sequence[DREvent], deliveries: Sequence[MeasuredDelivery] = ()
) -> pd.DataFrame:
    """Calls, energy and payments by group.

    customers   all who are enrolled: index id; group
    Returns, by group: customers, calls, calls_per_customer, most_calls (of one customer), expected_mwh, delivered_mwh,
    paid, paid_per_customer, and share_of_calls beside share_of_customers: where the first is larger, the group
    carries more than its part.
    """
    group = pd.Series(customers["group"].to_numpy(), index=[str(i) for i in customers.index])
    calls = pd.Series(0, index=group.index)
    expected = pd.Series(0.0, index=group.index)
    for event in events:
        known = event.called.index.intersection(group.index)
        calls[known] += 1
        expected[known] += event.called.loc[known, "expected_mw"] * event.hours
    delivered, paid = pd.Series(0.0, index=group.index), pd.Series(0.0, index=group.index)
    for delivery in deliveries:
        known = delivery.customer.index.intersection(group.index)
        # Who could not be measured is not paid, and is no zero in the energy: it is left out of the sum.
        delivered[known] += delivery.customer.loc[known, "delivered_mwh"].fillna(0.0)
        paid[known] += delivery.customer.loc[known, "paid"].fillna(0.0)
    each = pd.DataFrame({"calls": calls, "expected_mwh": expected, "delivered_mwh": delivered, "paid": paid})
    sums = each.groupby(group).sum()
    size = group.groupby(group).size()
    table = pd.DataFrame({"customers": size, "calls": sums["calls"]})
    table["calls_per_customer"] = table["calls"] / table["customers"]
    table["most_calls"] = calls.groupby(group).max()
    table = table.join(sums[["expected_mwh", "delivered_mwh", "paid"]])
    table["paid_per_customer"] = table["paid"] / table["customers"]
    table["share_of_customers"] = table["customers"] / max(int(size.sum()), 1)
    table["share_of_calls"] = table["calls"] / calls.sum() if calls.sum() else np.nan
    return table.rename_axis("group")
