"""Forecasts at a lead, their sums over groups, and the plan's import."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gridloop.operate.report.expected import at_lead, planned_import, totals
from gridloop.operate.report.info import RunInfo
from gridloop.operate.report.tables import RunTables

AT = pd.date_range("2016-07-25 00:00", periods=5, freq="h", tz="UTC")


def forecast(issued: int, valid: int, point: str = "group:a/p_mw", p50: float = 1.0) -> dict[str, Any]:
    return {"tick": issued, "issued_at": AT[issued], "point": point, "valid_at": AT[valid], "p10": p50 - 1, "p50": p50,
            "p90": p50 + 2, "model": "m"}  # fmt: skip


def tables_of(rows: list[dict[str, Any]], **more: Any) -> RunTables:
    none = pd.DataFrame()
    groups = {"group:a/p_mw": "load", "group:b/p_mw": "load", "group:c/p_mw": "wind"}
    return RunTables({"groups": groups}, none, none, none, forecasts=pd.DataFrame(rows), **more)


def test_groups_of_a_kind_are_summed() -> None:
    rows = [
        forecast(0, 1, "group:a/p_mw", 2.0),
        forecast(0, 1, "group:b/p_mw", 3.0),
        forecast(0, 1, "group:c/p_mw", 50.0),
    ]
    tables = tables_of(rows)
    found = totals(tables, RunInfo.read(tables.run), "load")
    assert found[["p10", "p50", "p90"]].to_numpy().tolist() == [[3.0, 5.0, 9.0]]


def test_a_sum_that_lacks_a_group_is_left_out() -> None:
    """At the third hour only one of the two groups was forecast: missing is not zero."""
    rows = [forecast(0, 1, "group:a/p_mw"), forecast(0, 1, "group:b/p_mw"), forecast(0, 2, "group:a/p_mw")]
    tables = tables_of(rows)
    assert totals(tables, RunInfo.read(tables.run), "load")["valid_at"].tolist() == [AT[1]]


def test_one_hour_ahead_takes_the_newest_that_was_early_enough() -> None:
    rows = pd.DataFrame([forecast(0, 2, p50=10.0), forecast(1, 2, p50=11.0), forecast(2, 2, p50=12.0)])
    assert at_lead(rows, pd.Timedelta(hours=1))["p50"].tolist() == [11.0]


def test_the_first_of_the_day_is_one_issue_alone() -> None:
    rows = pd.DataFrame([forecast(0, 1, p50=10.0), forecast(1, 2, p50=11.0), forecast(0, 3, p50=12.0)])
    assert at_lead(rows, None)["p50"].tolist() == [10.0, 12.0]


def test_a_coarse_plan_is_told_in_the_steps_of_its_finest() -> None:
    """One hour at 4 MW import, then two hours at 1 MW export: three hours in all."""
    plan = {"tick": 0, "issued_at": AT[0], "device": "connection", "kind": "connection", "bus": "", "reason": "",
            "binding": "", "shadow_price": float("nan")}  # fmt: skip
    rows = [
        plan | {"quantity": quantity, "valid_at": AT[k], "hours": hours, "value": value}
        for k, hours, bought, sold in ((0, 1.0, 4.0, 0.0), (1, 2.0, 0.0, 1.0))
        for quantity, value in (("import_mw", bought), ("export_mw", sold))
    ]
    found = planned_import(tables_of([], plans=pd.DataFrame(rows)))
    assert found["valid_at"].tolist() == [AT[0], AT[1], AT[2]]
    assert found["p50"].tolist() == [4.0, -1.0, -1.0]
