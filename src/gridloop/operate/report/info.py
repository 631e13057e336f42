"""What run.json says about a run, under one name per thing and with a default for what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

# Written out, because strftime follows the machine's language.
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True)
class RunInfo:
    """The head of a run.

    groups    {point: kind}: which forecast points belong to load, solar, wind
    loading_limit_pct  the loading that counts as an overload beyond it
    result    what `gridloop run --json` prints: controlled, baseline, forecast, solver, missed_ticks
    """

    id: str
    site: str
    day: str
    zone: str
    loading_limit_pct: float = 100.0
    versions: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, run: Mapping[str, Any]) -> RunInfo:
        """Take the head out of run.json; `site` holds the settings of the site."""
        site = run.get("site", "")
        table: Mapping[str, Any] = site if isinstance(site, Mapping) else {"name": site}
        result = run.get("result") or {}
        return cls(
            id=str(run.get("id", "")),
            site=str(table.get("name") or result.get("site") or "unnamed site"),
            day=str(table.get("day") or result.get("day") or ""),
            zone=str(table.get("timezone") or "UTC"),
            loading_limit_pct=float((table.get("limits") or {}).get("loading_pct", 100.0)),
            versions=run.get("versions") or {},
            groups=run.get("groups") or {},
            result=result,
        )

    @property
    def long_day(self) -> str:
        """`Monday, 25 July 2016`; as it was given where it is not a date."""
        try:
            day = date.fromisoformat(self.day)
        except ValueError:
            return self.day
        return f"{DAYS[day.weekday()]}, {day.day} {MONTHS[day.month - 1]} {day.year}"

    def kpi(self, run: str) -> Mapping[str, Any]:
        """The computed figures of one run; empty where the run did not end."""
        return self.result.get(run) or {}
