"""Where the buses stand on paper: projected to kilometres, and where a label hides least."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

KM_PER_DEGREE = 111.32
# Roughly what a map and a label measure in a common window; only the place of the label hangs on it.
MAP_PX, LABEL_PX = (450.0, 420.0), (124.0, 42.0)
# Where a label may stand, right and down of its bus, the nearest first. [px]
OFFSETS = [
    (sx * x, sy * y)
    for x, y in ((0, 50), (90, 0), (90, 50), (0, 90), (90, 90), (130, 50), (130, 90), (90, 130), (130, 130))
    for sx in (1, -1)
    for sy in (-1, 1)
]


@dataclass(frozen=True)
class Places:
    """Where the buses stand.

    xy       bus → x_km, y_km: east and north of the middle of all, longitude shortened by the cosine of the latitude
    without  how many buses have no coordinates and are not drawn
    """

    xy: pd.DataFrame
    without: int

    def span(self, column: str) -> tuple[float, float]:
        """The range of an axis: all buses and a margin. [km]"""
        low, high = float(self.xy[column].min()), float(self.xy[column].max())
        margin = 0.07 * max(high - low, 0.5)
        return round(low - margin, 3), round(high + margin, 3)

    def ends(self, table: pd.DataFrame) -> pd.DataFrame:
        """Both ends of the branches whose buses have a place: x0, y0, x1, y1 [km]."""
        tail, head = (self.xy.reindex(table[column]).to_numpy() for column in ("tail_bus", "head_bus"))
        both = np.hstack([tail, head]) if len(table) else np.empty((0, 4))
        return pd.DataFrame(both, index=table.index, columns=["x0", "y0", "x1", "y1"]).dropna()

    def clear_side(self, bus: str) -> tuple[int, int]:
        """Offset [px] of a label that hides the fewest buses and stays on the map."""
        (left, right), (low, high) = self.span("x_km"), self.span("y_km")
        px_per_km = min(MAP_PX[0] / (right - left), MAP_PX[1] / (high - low))
        x, y = (self.xy[c].to_numpy(float) for c in ("x_km", "y_km"))
        at = int(np.flatnonzero(self.xy.index == bus)[0])
        right_of, below = (x - x[at]) * px_per_km, (y[at] - y) * px_per_km
        room = ((left - x[at]) * px_per_km, (right - x[at]) * px_per_km)
        depth = ((y[at] - high) * px_per_km, (y[at] - low) * px_per_km)
        half_wide, half_tall = LABEL_PX[0] / 2, LABEL_PX[1] / 2

        def hidden(offset: tuple[int, int]) -> int:
            dx, dy = offset
            under = (np.abs(right_of - dx) < half_wide + 8) & (np.abs(below - dy) < half_tall + 8)
            inside = room[0] <= dx - half_wide and dx + half_wide <= room[1]
            inside = inside and depth[0] <= dy - half_tall and dy + half_tall <= depth[1]
            return int(under.sum()) + (0 if inside else len(x))

        return min(OFFSETS, key=hidden)


def places(bus: pd.DataFrame) -> Places:
    """Project the buses; those without coordinates are counted, not drawn."""
    known = bus[["longitude_deg", "latitude_deg"]].astype(float).dropna()
    longitude, latitude = known["longitude_deg"].to_numpy(), known["latitude_deg"].to_numpy()
    middle = [(v.max() + v.min()) / 2 if v.size else 0.0 for v in (longitude, latitude)]
    shrink = math.cos(math.radians(middle[1]))
    xy = pd.DataFrame(
        {
            "x_km": (longitude - middle[0]) * KM_PER_DEGREE * shrink,
            "y_km": (latitude - middle[1]) * KM_PER_DEGREE,
        },
        index=known.index,
    )
    return Places(xy.round(4), len(bus) - len(known))
