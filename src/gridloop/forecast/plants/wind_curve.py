"""Wind power curve: output as a share of rated power by wind speed, from data or of a type of turbine.

From data: medians in narrow classes of speed, made to rise by pooling neighbours that fall (Barlow, Bartholomew,
Bremner, Brunk 1972), straight between the middles of the classes. Medians, because a stopped turbine in a strong wind
is no power curve. Types come from windpowerlib.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from gridloop.errors import MissingExtra, OutOfRange
from gridloop.units import FloatArray

CLASS_M_PER_S = 0.5
LEAST_IN_CLASS = 10
LEAST_ROWS = 200
CUT_OUT_M_PER_S = 25.0
"""Where turbines of most types shut down."""


@dataclass(frozen=True)
class PowerCurve:
    """speed [m/s] rising, share of rated power [same shape]; straight between, constant beyond, 0 from `cut_out` on."""

    speed: FloatArray
    share: FloatArray
    cut_out: float = CUT_OUT_M_PER_S

    def at(self, speed: FloatArray) -> FloatArray:
        """Share at wind speeds [m/s]; NaN where the speed is. Same shape."""
        share = np.interp(speed, self.speed, self.share)
        stopped: FloatArray = np.where(speed >= self.cut_out, 0.0, share)
        return np.where(np.isfinite(speed), stopped, np.nan)

    @classmethod
    def fit(cls, speed: FloatArray, share: FloatArray, *, cut_out: float = CUT_OUT_M_PER_S) -> Self:
        """The rising curve through the medians. speed [row] m/s, share [row]; rows with a gap are left out.

        Raises `OutOfRange` with fewer than `LEAST_ROWS` rows, or where fewer than two classes have enough.
        """
        use = np.isfinite(speed) & np.isfinite(share) & (speed >= 0.0) & (speed < cut_out)
        if use.sum() < LEAST_ROWS:
            raise OutOfRange(
                f"power curve: {int(use.sum())} rows with wind speed and power; {LEAST_ROWS} are needed.",
                rows=int(use.sum()),
                needed=LEAST_ROWS,
            )
        of, value = (speed[use] // CLASS_M_PER_S).astype(np.int64), share[use]
        count = np.bincount(of)
        classes = np.flatnonzero(count >= LEAST_IN_CLASS)
        if len(classes) < 2:
            raise OutOfRange(
                f"power curve: {len(classes)} classes of {CLASS_M_PER_S} m/s have {LEAST_IN_CLASS} rows; the wind "
                "speed hardly moves. Check its unit (m/s).",
                classes=len(classes),
            )
        median = np.array([np.median(value[of == c]) for c in classes], dtype=float)
        middle: FloatArray = np.asarray((classes + 0.5) * CLASS_M_PER_S, dtype=float)
        return cls(middle, rising(median, count[classes].astype(float)), cut_out)

    @classmethod
    def of_turbine(cls, kind: str) -> Self:
        """The curve of a type in windpowerlib's list, such as "E-82/2300". Raises `MissingExtra`, `OutOfRange`."""
        try:
            from windpowerlib import WindTurbine
        except ImportError as error:
            raise MissingExtra(
                "power curve: the package `windpowerlib` is not installed. `pip install 'gridloop[wind]'`, or fit the "
                "curve from data.",
                package="windpowerlib",
            ) from error
        turbine = WindTurbine(hub_height=100.0, turbine_type=kind)  # the height says nothing about the curve
        if turbine.power_curve is None or not turbine.nominal_power:
            raise OutOfRange(f"power curve: windpowerlib has none of type {kind!r}.", kind=kind)
        table = turbine.power_curve
        speed = table["wind_speed"].to_numpy(dtype=float)
        share = table["value"].to_numpy(dtype=float) / float(turbine.nominal_power)
        running = speed[share > 0.0].max()
        return cls(speed[speed <= running], share[speed <= running], float(running))


def rising(values: FloatArray, weight: FloatArray) -> FloatArray:
    """The rising values nearest by weighted squares: neighbours that fall become their mean. Same shape."""
    means: list[float] = []
    weights: list[float] = []
    sizes: list[int] = []
    for value, w in zip(values.tolist(), weight.tolist(), strict=True):
        means.append(value)
        weights.append(w)
        sizes.append(1)
        while len(means) > 1 and means[-2] > means[-1]:
            total = weights[-2] + weights[-1]
            means[-2:] = [(means[-2] * weights[-2] + means[-1] * weights[-1]) / total]
            weights[-2:] = [total]
            sizes[-2:] = [sizes[-2] + sizes[-1]]
    return np.repeat(means, sizes)
