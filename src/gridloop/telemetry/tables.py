"""The tables of the lake: their columns, what they mean, and the order in which rows are read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

LAYOUT = 1
"""Version of these tables; a store of another layout is refused."""

INT = pa.int64()
CODE = pa.int8()
NUMBER = pa.float64()
TEXT = pa.string()
TIME = pa.timestamp("us", tz="UTC")  # the finest that Delta keeps


@dataclass(frozen=True)
class Table:
    """One table.

    about  what a row is
    schema columns with their types; only numbers may be missing
    order  columns by which rows are sorted when read; rows that agree keep the order in which they were written
    """

    about: str
    schema: pa.Schema
    order: tuple[str, ...]


def _table(about: str, order: str, **columns: pa.DataType) -> Table:
    fields = [pa.field(name, kind, nullable=kind == NUMBER) for name, kind in columns.items()]
    return Table(about, pa.schema(fields), tuple(order.split()))


TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "readings": _table(
            "A value as it arrived at a tick.",
            "tick",
            tick=INT, point=TEXT, valid_at=TIME, known_at=TIME, value=NUMBER, quality=CODE,
        ),
        "forecasts": _table(
            "What a tick expected of a point in an interval. [MW]",
            "tick",
            tick=INT, issued_at=TIME, point=TEXT, valid_at=TIME, p10=NUMBER, p50=NUMBER, p90=NUMBER, model=TEXT,
        ),
        "plans": _table(
            "What a tick planned for a device in an interval; reason, binding and shadow price belong to set-points.",
            "tick",
            tick=INT, issued_at=TIME, device=TEXT, kind=TEXT, bus=TEXT, quantity=TEXT, valid_at=TIME, hours=NUMBER,
            value=NUMBER, reason=TEXT, binding=TEXT, shadow_price=NUMBER,
        ),
        "commands": _table(
            "A signed set-point as it was sent.",
            "tick number",
            tick=INT, number=INT, device=TEXT, quantity=TEXT, value=NUMBER, reason=TEXT, issued_at=TIME,
            expires_at=TIME, signature=TEXT,
        ),
        "events": _table(
            "What happened, each record chained to the one before by its hash.",
            "number",
            number=INT, tick=INT, at=TIME, kind=TEXT, subject=TEXT, text=TEXT, previous_hash=TEXT, hash=TEXT,
        ),
        "network_versions": _table(
            "A version of the network: who changed what, when and why (changes as JSON).",
            "version",
            version=INT, author=TEXT, time=TIME, reason=TEXT, digest=TEXT, changes=TEXT,
        ),
        "flows": _table(
            "The AC flow of a tick: v_pu of buses, loading_pct and p_mw of branches.",
            "run tick",
            run=TEXT, tick=INT, valid_at=TIME, kind=TEXT, id=TEXT, quantity=TEXT, value=NUMBER,
        ),
        "ticks": _table(
            "A tick that is complete: everything else of it was stored before.",
            "run tick",
            run=TEXT, tick=INT, valid_at=TIME, hours=NUMBER, load_mw=NUMBER, solar_mw=NUMBER, wind_mw=NUMBER,
            other_mw=NUMBER, ev_mw=NUMBER, battery_mw=NUMBER, import_mw=NUMBER, export_mw=NUMBER, losses_mw=NUMBER,
            curtailed_mw=NUMBER, unserved_mw=NUMBER, price_import_eur_per_mwh=NUMBER, price_export_eur_per_mwh=NUMBER,
            co2_t=NUMBER, cost_eur=NUMBER, stored_mwh=NUMBER, v_min_pu=NUMBER, v_max_pu=NUMBER, worst_bus=TEXT,
            loading_max_pct=NUMBER, worst_branch=TEXT, voltage_violations=INT, overloads=INT, rung=TEXT, rounds=INT,
            gave_way=TEXT, tap_moves=NUMBER, discharged_mwh=NUMBER, reactive_mvarh=NUMBER, ev_short_mwh=NUMBER,
            ev_owed_mwh=NUMBER, converged=INT,
        ),
        "prices": _table(
            "A price as it was published.",
            "tick",
            tick=INT, known_at=TIME, valid_at=TIME, import_eur_per_mwh=NUMBER, export_eur_per_mwh=NUMBER,
        ),
        "state": _table(
            "What a tick knew beside readings and forecasts, and the simulated world at its end, exact (JSON).",
            "tick",
            tick=INT, known=TEXT, state=TEXT,
        ),
        "timings": _table(
            "How long a tick took. [s]",
            "tick",
            tick=INT, forecast_s=NUMBER, plan_s=NUMBER, solver_s=NUMBER, check_s=NUMBER, site_s=NUMBER, store_s=NUMBER,
        ),
    }
)  # fmt: skip
