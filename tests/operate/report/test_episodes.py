"""Set-points gathered into episodes."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gridloop.operate.report.episodes import QUIET, decided, episodes, loud
from gridloop.operate.report.tables import RunTables
from gridloop.optimize.explain import REASONS

AT = pd.date_range("2016-07-25 00:00", periods=9, freq="15min", tz="UTC")


def row(tick: int, device: str, value: float, reason: str, binding: str = "", price: float = 30.0) -> dict[str, Any]:
    return {"tick": tick, "issued_at": AT[tick], "device": device, "kind": "battery", "bus": f"bus of {device}",
            "quantity": "p_mw", "valid_at": AT[tick], "hours": 0.25, "value": value, "reason": reason,
            "binding": binding, "shadow_price": price}  # fmt: skip


def gathered(rows: list[dict[str, Any]], most: int = 10) -> pd.DataFrame:
    none = pd.DataFrame()
    tables = RunTables({}, none, none, none, plans=pd.DataFrame(rows))
    return episodes(loud(decided(tables)), most)


def test_what_follows_for_the_same_reason_is_one_episode() -> None:
    """Two batteries charge at ticks 0 and 1, one of them again at tick 3: two episodes."""
    rows = [
        row(0, "A", 1.0, "charge"),
        row(0, "B", 2.0, "charge"),
        row(1, "A", 3.0, "charge"),
        row(3, "A", 1.0, "charge"),
    ]
    found = gathered(rows)
    assert found[["first", "last", "setpoints"]].to_numpy().tolist() == [[0, 1, 3], [3, 3, 1]]
    assert found["device"].tolist() == ["A", "A"]
    assert list(found["devices"].iloc[0]) == ["A", "B"]


def test_an_episode_shows_its_largest_value_and_its_largest_sum() -> None:
    """Largest alone: −4 of A at tick 1. Largest together: −5 at tick 0."""
    rows = [row(0, "A", -2.0, "discharge"), row(0, "B", -3.0, "discharge"), row(1, "A", -4.0, "discharge")]
    found = gathered(rows).iloc[0]
    assert (found["value"], found["bus"], found["total"]) == (-4.0, "bus of A", -5.0)


def test_another_limit_is_another_episode() -> None:
    assert len(gathered([row(0, "A", 1.0, "relieve", "v_max X"), row(0, "B", 1.0, "relieve", "v_max Y")])) == 2


def test_where_nothing_was_decided_there_is_no_episode() -> None:
    assert gathered(
        [row(0, "A", 0.0, "full", "max_soc"), row(0, "B", 0.0, "wait_for_spread"), row(0, "C", 1.0, "")]
    ).empty


def test_every_quiet_reason_is_one_of_the_planners() -> None:
    assert set(REASONS) >= QUIET


def test_limits_are_kept_before_larger_changes() -> None:
    rows = [row(0, "A", 9.0, "charge"), row(2, "A", 8.0, "charge"), row(4, "B", 0.1, "relieve", "v_max X")]
    assert gathered(rows, most=2)["first"].tolist() == [0, 4]
