"""One scenario of a batch as a network of its own, edited by hand: `power_flow` of it is what the batch must say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gridloop.network.model import Network


def alone(net: Network, scenarios: Mapping[str, np.ndarray], k: int) -> Network:
    """The network that scenario k describes. scenarios: key → [scenario, element of the whole table]"""
    tables = {name: table.copy() for name, table in net.tables.items()}
    for key, values in scenarios.items():
        table, column = key.split(".")
        tables[table][column] = np.asarray(values)[k].astype(tables[table][column].dtype)
    return Network.from_tables(tables, name=f"scenario {k}")


def random_scenarios(
    net: Network, count: int, rng: np.random.Generator, *, outages: bool = True
) -> dict[str, np.ndarray]:
    """Everything that scenarios may set, around what the tables say; every third one loses branches or machines."""

    def around(table: str, column: str, low: float, high: float) -> np.ndarray:
        base = net.tables[table][column].to_numpy(dtype=float)
        return base * rng.uniform(low, high, (count, base.size))

    found = {
        "load.p_mw": around("load", "p_mw", 0.6, 1.2),
        "load.q_mvar": around("load", "q_mvar", 0.6, 1.2),
        "generator.p_mw": around("generator", "p_mw", 0.8, 1.1),
        "generator.q_mvar": around("generator", "q_mvar", 0.8, 1.1),
        "generator.v_set_pu": around("generator", "v_set_pu", 0.99, 1.01),
        "source.v_set_pu": around("source", "v_set_pu", 0.99, 1.01),
        "storage.p_mw": around("storage", "p_mw", 0.5, 1.5),
    }
    if len(net.transformer):
        taps, low, high = (net.transformer[name].to_numpy() for name in ("tap_pos", "tap_min", "tap_max"))
        found["transformer.tap_pos"] = np.clip(taps + rng.integers(-1, 2, (count, taps.size)), low, high)
    if outages:
        for table in ("line", "transformer", "load", "generator", "storage"):
            on = net.tables[table]["in_service"].to_numpy(dtype=bool)
            share = 1.5 / max(on.size, 1) * (np.arange(count) % 3 == 0)[:, None]
            found[f"{table}.in_service"] = on & (rng.random((count, on.size)) >= share)
    return {key: values for key, values in found.items() if values.shape[1]}
