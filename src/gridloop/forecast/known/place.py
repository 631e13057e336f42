"""Place: where a feeder stands and which clock it lives by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Latitude and longitude [°, north and east positive] and the time zone's name."""

    latitude_deg: float
    longitude_deg: float
    zone: str = "UTC"
