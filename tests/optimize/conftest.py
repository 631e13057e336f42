"""Small horizons, prices and a village feeder with devices, for all tests of plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from gridloop.network.model import Network
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.testing import moment, village

Prices = Callable[..., pd.DataFrame]
Table = Callable[..., Network]


@pytest.fixture(scope="session")
def prices() -> Prices:
    """`prices([10, 100])`: hourly prices to import; exporting earns `fee` less."""

    def table(values: Sequence[float], fee: float = 0.0, freq: str = "1h") -> pd.DataFrame:
        money = np.asarray(values, dtype=float)
        starts = pd.date_range(moment(), periods=money.size, freq=freq, name="valid_at")
        return pd.DataFrame({"import_eur_per_mwh": money, "export_eur_per_mwh": money - fee}, index=starts)

    return table


@pytest.fixture(scope="session")
def with_values() -> Table:
    """`with_values(net, "bus", {"farm": {"v_max_pu": 1.02}})`: the network with other values in a table."""

    def changed(net: Network, table: str, values: dict[str, dict[str, object]]) -> Network:
        return net.edit(table, values, author="test", time=moment(), reason="")

    return changed


@pytest.fixture(scope="session")
def sunny_village(with_values: Table) -> Network:
    """The village with a voltage limit at its far end that the sun can break."""
    return with_values(village(), "bus", {"farm": {"v_max_pu": 1.025}})


@pytest.fixture(scope="session")
def sunny_devices() -> list[Battery | Load | Renewable]:
    """Six hours in the village: two loads, sun at the far end that is too much at noon, wind, a battery half way."""
    n = 6
    return [
        Load(np.linspace(1.5, 2.5, n), np.linspace(0.4, 0.7, n), id="mill load", bus="mill"),
        Load(np.full(n, 0.5), np.full(n, 0.1), id="farm load", bus="farm"),
        Renewable(np.array([0.5, 1.5, 4.0, 5.0, 4.0, 1.0]), 20.0, 0.3, id="sun", bus="farm"),
        Renewable(np.full(n, 0.8), 20.0, 0.3, id="wind", bus="farm"),
        Battery(2.0, 0.7, 0.7, id="battery", bus="mill"),
    ]


@pytest.fixture(scope="session")
def sunny_prices(prices: Prices) -> pd.DataFrame:
    """Prices of the six hours, cheap at noon, with a fee between buying and selling."""
    table = prices([60, 70, 90, 40, 30, 80])
    table["export_eur_per_mwh"] = [50.0, 55.0, 70.0, 30.0, 20.0, 60.0]
    return table
