"""The state of a simulated world: all that changes in it, small and exact, so that a run can go on where it stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorldState:
    """Everything that changes in the simulated world.

    stored_mwh [storage]  energy in every battery; ev_left_mwh by session; tap_pos by transformer
    interval              number of intervals that have passed
    island                what `IslandSite` remembers of an open connection; None where no drill is planned
    """

    stored_mwh: tuple[float, ...]
    ev_left_mwh: Mapping[str, float]
    tap_pos: Mapping[str, int]
    interval: int
    island: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, object]:
        """Plain values; JSON keeps floats exactly."""
        return {
            "stored_mwh": list(self.stored_mwh),
            "ev_left_mwh": dict(self.ev_left_mwh),
            "tap_pos": dict(self.tap_pos),
            "interval": self.interval,
            **({} if self.island is None else {"island": dict(self.island)}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> WorldState:
        """The inverse of `to_dict`."""
        return cls(
            tuple(float(v) for v in data["stored_mwh"]),  # type: ignore[attr-defined]
            {str(k): float(v) for k, v in data["ev_left_mwh"].items()},  # type: ignore[attr-defined]
            {str(k): int(v) for k, v in data["tap_pos"].items()},  # type: ignore[attr-defined]
            int(data["interval"]),  # type: ignore[call-overload]
            data.get("island"),  # type: ignore[arg-type]
        )
