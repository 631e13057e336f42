"""Units of what is forecast: megawatts inside, whatever the file has; energies per interval become mean powers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput

POWERS = {"W": 1e-6, "kW": 1e-3, "MW": 1.0, "GW": 1e3}
HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Unit:
    """How values are written for people and in files.

    name    such as MW or EUR/MWh
    inside  what one of it is in the unit that forecasters work in: MW for powers
    energy  True where the file has energies per interval, such as kWh
    """

    name: str
    inside: float = 1.0
    energy: bool = False

    @property
    def suffix(self) -> str:
        """The unit at the end of a column's name, such as `_mw`, `_eur_per_mwh`."""
        return "_" + self.name.lower().replace("/", "_per_").replace(" ", "_")

    @property
    def power(self) -> bool:
        """True where sums over time are energies."""
        return self.name in POWERS

    def inwards(self, values: pd.DataFrame, step: pd.Timedelta) -> pd.DataFrame:
        """Values of the file as forecasters want them."""
        return values * (self.inside * (HOUR / step if self.energy else 1.0))

    def outwards(self, value: float) -> float:
        """A forecaster's value in this unit."""
        return value / self.inside

    def number(self, value: float, *, size: float) -> str:
        """A value of this unit for people. size: how large such values are, which settles the digits"""
        return "–" if not np.isfinite(value) else f"{value:,.{self.digits(size)}f}"

    @staticmethod
    def digits(size: float) -> int:
        """Decimals that show about four digits of values of this size."""
        return int(np.clip(3 - np.floor(np.log10(max(abs(size), 1e-9))), 0, 6))


def power_unit(name: str) -> Unit:
    """W, kW, MW, GW, or an energy per interval: Wh, kWh, MWh, GWh. Raises `BadInput`."""
    energy = name.endswith("h")
    power = name[:-1] if energy else name
    if power not in POWERS:
        allowed = [*POWERS, *(f"{p}h" for p in POWERS)]
        raise BadInput(f"--unit {name!r} is none; allowed are {', '.join(allowed)} (the last four: per interval).")
    return Unit(power, POWERS[power], energy)


def price_unit(name: str) -> Unit:
    """Any name: prices are not converted."""
    return Unit(name)
