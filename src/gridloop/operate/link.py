"""The connection as its breaker tells it: open or closed, and what is measured on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class LinkStatus:
    """What the breaker and the grid-forming source say at one moment. A side without voltage reads zero.

    closed       the breaker
    grid_hz, grid_v_pu      on the side of the grid above
    island_hz, island_v_pu  on the side of the site
    former       the source that holds the island; form_hz, form_v_pu: what it is set to; former_mw: what it gives
    open_h       how long it has been open [h]
    dark         the island has no voltage
    black        loads that are off since it went dark: they come back where they are switched on, one by one
    warm_h       loads that came back from black: for how long they have been on [h]
    hours_off    hours without power since it opened, by load; off_h: those of them up to now, without a break
    """

    closed: bool = True
    grid_hz: float = 50.0
    grid_v_pu: float = 1.0
    island_hz: float = 50.0
    island_v_pu: float = 1.0
    former: str = ""
    form_hz: float = 50.0
    form_v_pu: float = 1.0
    former_mw: float = 0.0
    open_h: float = 0.0
    dark: bool = False
    hours_off: Mapping[str, float] = field(default_factory=dict)
    off_h: Mapping[str, float] = field(default_factory=dict)
    black: tuple[str, ...] = ()
    warm_h: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; JSON keeps floats exactly."""
        maps = {name: dict(getattr(self, name)) for name in ("hours_off", "off_h", "warm_h")}
        return {**asdict(self), **maps, "black": list(self.black)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LinkStatus:
        """The inverse of `to_dict`."""
        return cls(**{**data, "black": tuple(data.get("black", ()))})
