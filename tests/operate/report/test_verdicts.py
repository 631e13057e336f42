"""What the page says of money and of forecasts, in words that stay true when the numbers turn."""

from __future__ import annotations

import pytest

from gridloop.operate.report.quality import _verdict
from gridloop.operate.report.story import _money


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        (80.0, 100.0, "cost 20 EUR less"),
        (120.0, 100.0, "cost 20 EUR more"),
        (-120.0, -100.0, "earned 20 EUR more"),
        (-80.0, -100.0, "earned 20 EUR less"),
        (-10.0, 5.0, "cost 15 EUR less"),
    ],
)
def test_a_day_that_earns_is_not_said_to_cost(ours: float, theirs: float, says: str):
    assert _money(ours, theirs) == says


def test_a_forecast_worse_than_persistence_is_called_worse():
    said = _verdict([("load", 3.0, 5.0), ("solar", 3.1, 0.5), ("wind", 9.0, 9.0)])
    assert said == (
        "Over all leads up to 24 h, load had a smaller error than persistence, "
        "solar and wind a larger or equal one on this day."
    )
    assert _verdict([("wind", 2.0, 1.0)]) == (
        "Over all leads up to 24 h, wind had no smaller error than persistence on this day."
    )
    assert _verdict([("wind", 1.0, 2.0)]) == (
        "Over all leads up to 24 h, wind had a smaller error than persistence on this day."
    )
