"""The battery of a study: by options, or from a file (TOML) with the services it sells and the weights of its plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gridloop.cli.schedule_file import weights_of
from gridloop.cli.schedule_tables import Tables
from gridloop.cli.schedule_values import device_of
from gridloop.errors import BadInput, MissingColumn, listed
from gridloop.io.toml_file import read_toml
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.horizon import Horizon

SECTIONS = ("name", "battery", "weights")
HOUR = Horizon.blocks(pd.Timestamp("2000-01-01", tz="UTC"), [(1, pd.Timedelta(hours=1))])


@dataclass(frozen=True)
class Unit:
    """A battery, and what counts more than its money in its plans; None where money is all."""

    battery: Battery
    weights: dict[str, float] | None = None

    @property
    def sells(self) -> tuple[str, ...]:
        """Services that it offers: "regulation", "reserve"."""
        return tuple(self.battery.paid_by())

    @property
    def columns(self) -> list[str]:
        """Columns of the prices that pay them."""
        return [column for columns in self.battery.paid_by().values() for column in columns]

    def check(self, prices: pd.DataFrame, file: str) -> None:
        """Raise `MissingColumn` where the prices do not pay a service that it offers."""
        for service, columns in self.battery.paid_by().items():
            missing = [name for name in columns if name not in prices.columns]
            if missing:
                raise MissingColumn(
                    f"{file} has no price of {service} (column {listed(missing)}); add it, or leave "
                    f"[battery.{service}] out.",
                    missing=missing,
                )


def read_unit(path: Path) -> Unit:
    """A battery as `gridloop schedule` has it: `[battery]`, within it `[battery.regulation]`, and `[weights]`.

    Raises `MissingFile`, `BadInput`, each with the section and the key.
    """
    data = read_toml(path, f"There is no battery file {str(path)!r}; docs/guides/study.md shows one.")
    unknown = sorted(set(data) - set(SECTIONS))
    if unknown:
        raise BadInput(
            f"{path.name} has no section {listed(unknown)}; a study is of one battery, and allowed are "
            f"{', '.join(SECTIONS)}.",
            keys=unknown,
        )
    given = data.get("battery", [])
    entries = given if isinstance(given, list) else [given]
    if len(entries) != 1 or not isinstance(entries[0], dict):
        raise BadInput(f"{path.name} has {len(entries)} batteries; one is needed, [battery].", key="battery")
    battery = device_of(Battery, entries[0], path.name, "battery", HOUR, Tables(path.parent))
    unit = Unit(battery, weights_of(path.name, data))
    if unit.weights is not None and not unit.sells:
        raise BadInput(
            f"{path.name}: [weights] weigh services against energy, and the battery sells none; add "
            "[battery.regulation], or leave them out.",
            key="weights",
        )
    return unit
