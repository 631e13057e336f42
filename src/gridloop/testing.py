"""Small grids that a pencil can check, and assertions on networks; for our tests and for yours."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas.testing import assert_frame_equal

from gridloop.network import schema
from gridloop.network.model import Network
from gridloop.units import BASE_MVA

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

# At this voltage the impedance base is 1 Ω (on `BASE_MVA`), so that ohm and per unit are the same number.
V_NOM_KV = math.sqrt(BASE_MVA)


def two_bus(
    r: float = 0.1, x: float = 0.0, load: float = 0.9, load_q: float = 0.0, v_source: float = 1.0, b: float = 0.0
) -> Network:
    """source a ──[ r + jx ]── b with a load; everything in per unit on 100 MVA. Ids: a, b, "a-b", "load", "source"."""
    return Network.from_tables(
        {
            "bus": [_bus("a"), _bus("b")],
            "line": [_line("a", "b", r, x, b)],
            "load": [{"id": "load", "bus": "b", "p_mw": load * BASE_MVA, "q_mvar": load_q * BASE_MVA}],
            "source": [{"id": "source", "bus": "a", "v_set_pu": v_source}],
        },
        name="two bus",
        owner="operator",
    )


def chain(n: int = 5, r: float = 0.01, x: float = 0.01, load: float = 0.02) -> Network:
    """A feeder without branches: source at bus 0, then `n - 1` equal lines, each to a bus with a load; per unit."""
    buses = [str(i) for i in range(n)]
    return Network.from_tables(
        {
            "bus": [_bus(i) for i in buses],
            "line": [_line(a, b, r, x) for a, b in pairwise(buses)],
            "load": [{"id": f"load {i}", "bus": i, "p_mw": load * BASE_MVA} for i in buses[1:]],
            "source": [{"id": "source", "bus": "0"}],
        },
        name=f"chain of {n}",
        owner="operator",
    )


def ring(n: int = 4, r: float = 0.01, x: float = 0.02, load: float = 0.05, closed: bool = True) -> Network:
    """A ring of `n` buses, source at bus 0; the line from the last bus home has a switch "tie" at its tail."""
    buses = [str(i) for i in range(n)]
    return Network.from_tables(
        {
            "bus": [_bus(i) for i in buses],
            "line": [_line(a, b, r, x) for a, b in zip(buses, [*buses[1:], "0"], strict=True)],
            "switch": [
                {"id": "tie", "bus": buses[-1], "element_kind": "line", "element": f"{buses[-1]}-0", "closed": closed}
            ],
            "load": [{"id": f"load {i}", "bus": i, "p_mw": load * BASE_MVA} for i in buses[1:]],
            "source": [{"id": "source", "bus": "0"}],
        },
        name=f"ring of {n}",
        owner="operator",
    )


def village() -> Network:
    """A 20 kV feeder in small: 110/20 kV transformer with taps, three buses, load, PV, wind, battery; real units.

    grid ══(T1)══ busbar ──L1── mill ──L2── farm;  a bus switch joins busbar and "busbar 2", where the battery is.
    """
    cable = {"r_ohm_per_km": 0.2, "x_ohm_per_km": 0.12, "b_us_per_km": 80.0, "i_max_ka": 0.25}
    return Network.from_tables(
        {
            "bus": [
                {"id": "grid", "v_nom_kv": 110.0, "longitude_deg": 11.0, "latitude_deg": 53.0},
                {"id": "busbar", "v_nom_kv": 20.0, "longitude_deg": 11.0, "latitude_deg": 53.0},
                {"id": "busbar 2", "v_nom_kv": 20.0, "longitude_deg": 11.0, "latitude_deg": 53.0},
                {"id": "mill", "v_nom_kv": 20.0, "longitude_deg": 11.03, "latitude_deg": 53.01},
                {"id": "farm", "v_nom_kv": 20.0, "longitude_deg": 11.06, "latitude_deg": 53.03},
            ],
            "line": [
                {"id": "L1", "tail_bus": "busbar", "head_bus": "mill", "length_km": 3.0, **cable},
                {"id": "L2", "tail_bus": "mill", "head_bus": "farm", "length_km": 4.0, **cable},
            ],
            "transformer": [
                {
                    "id": "T1", "tail_bus": "grid", "head_bus": "busbar", "s_rated_mva": 25.0, "v_tail_kv": 110.0,
                    "v_head_kv": 20.0, "r_pu": 0.004, "x_pu": 0.12, "g_pu": 0.0005, "b_pu": -0.0008, "shift_deg": 150.0,
                    "tap_min": -9, "tap_max": 9, "tap_step_pu": 0.015, "tap_on_load": True, "s_max_mva": 25.0,
                }
            ],
            "switch": [{"id": "S1", "bus": "busbar", "element_kind": "bus", "element": "busbar 2"}],
            "load": [
                {"id": "mill load", "bus": "mill", "p_mw": 2.0, "q_mvar": 0.6, "owner": "mill"},
                {"id": "farm load", "bus": "farm", "p_mw": 0.5, "q_mvar": 0.1},
            ],
            "generator": [
                {"id": "farm roof", "bus": "farm", "p_mw": 1.5, "p_max_mw": 2.0, "s_rated_mva": 2.2, "kind": "solar"},
                {"id": "farm mast", "bus": "farm", "p_mw": 0.8, "p_max_mw": 2.0, "s_rated_mva": 2.0, "kind": "wind"},
            ],
            "storage": [
                {"id": "battery", "bus": "busbar 2", "capacity_mwh": 4.0, "max_charge_mw": 2.0, "max_discharge_mw": 2.0}
            ],
            "source": [{"id": "source", "bus": "grid", "v_set_pu": 1.02}],
        },
        name="village",
        owner="operator",
    )  # fmt: skip


def assert_networks_equal(left: Network, right: Network, *, history: bool = True) -> None:
    """Assert that two networks are equal to the last bit: tables with their order, and name, version and history."""
    for table in schema.TABLES:
        assert_frame_equal(left.tables[table], right.tables[table], check_exact=True, obj=f"table {table}")
    assert left.digest == right.digest
    if history:
        said = [(net.name, net.version, net.history) for net in (left, right)]
        assert said[0] == said[1]


def moment(hour: int = 0) -> pd.Timestamp:
    """A fixed time for edits in tests: 25 July 2016, full hours UTC."""
    return pd.Timestamp("2016-07-25", tz="UTC") + pd.Timedelta(hours=hour)


def networks(most: int = 4, further: bool = False) -> SearchStrategy[Network]:
    """A hypothesis strategy: any tables that the schema allows, up to `most` rows each, all references alive.

    further  with a column of the user's own in some tables

    The networks keep the schema's types, ranges and words, not electrical sense. Needs the package hypothesis.
    """
    from hypothesis import strategies as st

    kinds: list[SearchStrategy[Any]] = [
        st.integers(-5, 5),
        st.floats(allow_infinity=False),
        st.booleans(),
        st.text(),
    ]

    @st.composite
    def drawn(draw: DrawFn) -> Network:
        tables: dict[str, pd.DataFrame] = {}
        for table in schema.TABLES:
            ids = draw(st.lists(st.text(min_size=1, max_size=6), unique=True, min_size=table == "bus", max_size=most))
            rows = [{a.name: draw(_cells(a, tables)) for a in schema.attributes(table).values()} for _ in ids]
            for identity, row in zip(ids, rows, strict=True):
                row["id"] = identity
                if table == "switch":
                    row["element_kind"] = draw(
                        st.sampled_from([k for k in ("bus", "line", "transformer") if len(tables[k])])
                    )
                    row["element"] = draw(st.sampled_from(list(tables[row["element_kind"]]["id"])))
            tables[table] = pd.DataFrame(rows)
            own = draw(st.sampled_from(kinds)) if further and draw(st.booleans()) else None
            if own is not None and len(rows):
                tables[table] = tables[table].assign(mine=[draw(own) for _ in rows])
        return Network.from_tables(tables, name=draw(st.text(max_size=6)))

    return drawn()


def _cells(a: schema.Attribute, tables: dict[str, pd.DataFrame]) -> SearchStrategy[Any]:
    from hypothesis import strategies as st

    if a.references:
        return st.sampled_from(list(tables[a.references]["id"]))
    if a.allowed:
        return st.sampled_from(a.allowed)
    if a.type == "bool":
        return st.booleans()
    if a.type == "int":
        return st.integers(int(a.minimum or -9), int(a.maximum or 9))
    if a.type == "string":
        return st.text(min_size=a.required, max_size=6)
    numbers = st.floats(a.minimum, a.maximum, allow_nan=False, allow_infinity=False)
    return st.one_of(numbers, st.just(math.nan)) if a.may_be_missing else numbers


def _bus(identity: str) -> dict[str, Any]:
    return {"id": identity, "v_nom_kv": V_NOM_KV}


def _line(tail: str, head: str, r: float, x: float, b: float = 0.0) -> dict[str, Any]:
    return {
        "id": f"{tail}-{head}",
        "tail_bus": tail,
        "head_bus": head,
        "length_km": 1.0,
        "r_ohm_per_km": r,
        "x_ohm_per_km": x,
        "b_us_per_km": b * 1e6,
    }
