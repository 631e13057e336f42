"""Bad inputs that are wrong on paper: gaps, ranges, ids, references, units, types, and names that only look odd."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pandas as pd
from bad_inputs import BASES, FAILED, REFUSED, SOLVED, Case, a_case, changed, village_of_all, without

from gridloop.network import schema
from gridloop.network.model import Network
from gridloop.testing import chain


def _numbers_of(net: Network) -> Iterator[tuple[str, schema.Attribute]]:
    for table in schema.TABLES:
        if len(net.tables[table]):
            yield from ((table, a) for a in schema.attributes(table).values() if a.type == "float")


def gaps() -> Iterator[Case]:
    """NaN in every column of numbers: a finding where a number is needed, "not limited" where the schema says so."""
    for table, a in _numbers_of(village_of_all()):
        allowed = [SOLVED] if a.may_be_missing else ["missing_value"]
        yield a_case(
            "nan", f"{table}.{a.name}", lambda t=table, c=a.name: changed(village_of_all(), t, c, math.nan), *allowed
        )


def endless() -> Iterator[Case]:
    for table, a in _numbers_of(village_of_all()):
        for value in (math.inf, -math.inf):
            yield a_case(
                "infinite",
                f"{table}.{a.name} = {value}",
                lambda t=table, c=a.name, v=value: changed(village_of_all(), t, c, v),
                "infinite",
            )


def beyond_the_range() -> Iterator[Case]:
    for table, a in _numbers_of(village_of_all()):
        for edge, value in (
            ("below", None if a.minimum is None else a.minimum - 1.0 - abs(a.minimum)),
            ("above", None if a.maximum is None else a.maximum * 2 + 1.0),
        ):
            if value is not None:
                yield a_case(
                    "range",
                    f"{table}.{a.name} {edge}",
                    lambda t=table, c=a.name, v=value: changed(village_of_all(), t, c, v),
                    "out_of_range",
                )


def doubles() -> Iterator[Case]:
    for name in ("village", "case14"):
        for table in schema.TABLES:
            if len(BASES[name]().tables[table]):
                yield a_case(
                    "duplicate id",
                    f"{name}.{table}",
                    lambda n=name, t=table: Network.from_tables(
                        {**BASES[n]().tables, t: pd.concat([BASES[n]().tables[t], BASES[n]().tables[t].iloc[:1]])}
                    ),
                    "duplicate_id",
                )


def empty_tables() -> Iterator[Case]:
    allowed = {
        "bus": ("dangling_reference", "empty"),
        "source": ("no_source",),
        "line": (SOLVED, "dangling_reference"),
        "transformer": (SOLVED, FAILED),
    }
    yield a_case("empty", "no table at all", lambda: Network.from_tables({}), "empty")
    for name, base in BASES.items():
        for table in schema.TABLES:
            if len(base().tables[table]):
                yield a_case(
                    "empty",
                    f"{name} without {table}",
                    lambda b=base, t=table: without(b(), t),
                    *allowed.get(table, (SOLVED,)),
                )


def units() -> Iterator[Case]:
    thousand = lambda v: v * 1e3  # noqa: E731
    for name, table, column in (
        ("village", "bus", "v_nom_kv"),
        ("case14", "bus", "v_nom_kv"),
        ("village", "transformer", "v_tail_kv"),
        ("village", "transformer", "v_head_kv"),
        ("village", "line", "length_km"),
        ("village", "line", "i_max_ka"),
    ):
        codes = (
            ("wrong_unit", "out_of_range") if name == "village" else (SOLVED, FAILED, "wrong_unit", "voltage_levels")
        )
        yield a_case(
            "unit",
            f"{name}.{table}.{column} × 1000",
            lambda b=BASES[name], t=table, c=column: changed(b(), t, c, thousand, None),
            *codes,
        )
    yield a_case(
        "unit",
        "kW on a low-voltage feeder",
        lambda: changed(changed(chain(4), "bus", "v_nom_kv", 0.4, None), "load", "p_mw", 40.0, None),
        "wrong_unit",
    )
    yield a_case(
        "unit",
        "kVA of every machine",
        lambda: changed(village_of_all(), "generator", "s_rated_mva", 2e4, None),
        "wrong_unit",
    )


def references() -> Iterator[Case]:
    for table in schema.TABLES:
        if not len(village_of_all().tables[table]):
            continue
        columns = [*schema.references(table), *(["element"] if table == "switch" else [])]
        for column in columns:
            for value, code in (("nowhere", "dangling_reference"), ("", "missing_value")):
                yield a_case(
                    "reference",
                    f"{table}.{column} = {value!r}",
                    lambda t=table, c=column, v=value: changed(village_of_all(), t, c, v),
                    code,
                )


NAMES = {
    "unicode": "Zürich ⚡ 北京",
    "quotes": "a'b\"c",
    "slash": "a/b\\c",
    "newline": "a\nb",
    "long": "x" * 10_000,
    "space": " ",
    "zero width": "\u200bbus",
    "html": "<script>alert(1)</script>",
    "right to left": "\u202eabc",
    "number": "1e5",
}


def names() -> Iterator[Case]:
    for what, text in NAMES.items():

        def make(text=text) -> Network:
            net = chain(4)
            rename = {"2": text}
            tables = {t: f.rename(index=rename) if t == "bus" else f for t, f in net.tables.items()}
            for table, columns in (("line", ("tail_bus", "head_bus")), ("load", ("bus",))):
                tables[table] = tables[table].assign(**{c: tables[table][c].replace(rename) for c in columns})
            return Network.from_tables(tables, name=text)

        yield a_case("id", what, make, SOLVED)
    yield a_case(
        "id",
        "empty",
        lambda: Network.from_tables({"bus": [{"id": "", "v_nom_kv": 10.0, "owner": "o"}]}),
        "missing_value",
    )
    yield a_case("id", "missing", lambda: Network.from_tables({"bus": [{"id": None, "v_nom_kv": 10.0}]}), REFUSED)


def types() -> Iterator[Case]:
    for table, column, value in (
        ("load", "p_mw", "much"),
        ("load", "p_mw", [1, 2]),
        ("load", "p_mw", "1,5"),
        ("load", "p_mw", 1 + 2j),
        ("line", "r_ohm_per_km", object()),
        ("line", "length_km", "3 km"),
        ("line", "parallel", 1.5),
        ("line", "parallel", "two"),
        ("line", "in_service", "perhaps"),
        ("bus", "in_service", 7),
        ("bus", "v_nom_kv", pd.Timestamp("2016-07-25")),
        ("transformer", "tap_pos", 0.5),
        ("transformer", "tap_pos", math.inf),
        ("generator", "regulates_voltage", "often"),
        ("switch", "closed", "half"),
        ("bus", "v_nom_kv", {"kv": 20}),
    ):
        yield a_case(
            "type",
            f"{table}.{column} = {str(value)[:15]!r}",
            lambda t=table, c=column, v=value: changed(village_of_all(), t, c, v),
            REFUSED,
        )
    for table, column in (
        ("generator", "kind"),
        ("switch", "element_kind"),
        ("switch", "kind"),
        ("transformer", "tap_side"),
    ):
        yield a_case(
            "type",
            f"{table}.{column} = 'odd'",
            lambda t=table, c=column: changed(village_of_all(), t, c, "odd"),
            "unknown_word",
        )
    yield a_case("type", "an unknown table", lambda: Network.from_tables({"cable": []}), REFUSED)
    yield a_case(
        "type",
        "rows without a needed column",
        lambda: Network.from_tables({"line": [{"id": "a", "tail_bus": "b"}]}),
        REFUSED,
    )


FAMILIES: tuple[Callable[[], Iterator[Case]], ...] = (
    gaps,
    endless,
    beyond_the_range,
    doubles,
    empty_tables,
    units,
    references,
    names,
    types,
)
