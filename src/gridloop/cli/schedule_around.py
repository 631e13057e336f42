"""What the reader of a device in a site file has around it: the file, its intervals, its tables, what was read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from gridloop.cli.schedule_tables import Tables
from gridloop.cli.schedule_values import value_of
from gridloop.errors import GridloopError
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.horizon import Horizon

Made = TypeVar("Made")


def say_nothing(text: str) -> None:
    """For readers whose progress nobody watches."""


@dataclass(frozen=True)
class Around:
    """One site file while it is read.

    name        of the file
    zone        local clock of the site
    carbon      of the grid, t/MWh [step]; None where nobody says it
    devices     those of the sections before
    tell        is told what takes longer than a moment
    """

    name: str
    zone: str
    horizon: Horizon
    tables: Tables
    connection: Connection
    carbon: pd.Series | None = None
    devices: Sequence[Any] = ()
    tell: Callable[[str], None] = say_nothing

    def value(self, hint: Any, value: Any, where: str) -> Any:
        """One value as a field of this type wants it. where: file, section and key. Raises `BadInput`."""
        return value_of(hint, value, self.name, where, "", self.horizon, self.tables)

    def where(self, section: str) -> str:
        """`site.toml: [section]`, as messages begin."""
        return f"{self.name}: [{section}]"

    def made(self, where: str, maker: Callable[..., Made], *values: Any, **fields: Any) -> Made:
        """What a class makes of values; what it refuses is said with the place in the file. Raises as the class."""
        try:
            return maker(*values, **fields)
        except GridloopError as error:
            raise type(error)(f"{where}: {error.args[0]}", **error.facts) from error
