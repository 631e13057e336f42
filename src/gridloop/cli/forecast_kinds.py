"""The kinds there are; a further one is a file of its own and a line here."""

from __future__ import annotations

from enum import StrEnum

from gridloop.cli.forecast_kind import Kind
from gridloop.cli.forecast_load import LOAD
from gridloop.cli.forecast_price import PRICE
from gridloop.cli.forecast_solar import SOLAR
from gridloop.cli.forecast_wind import WIND

KINDS: dict[str, Kind] = {kind.name: kind for kind in (LOAD, SOLAR, WIND, PRICE)}


class KindName(StrEnum):
    """Names of the kinds, as arguments."""

    load = "load"
    solar = "solar"
    wind = "wind"
    price = "price"
