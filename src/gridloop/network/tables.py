"""Network tables in canonical form: columns, types and defaults of the schema, and the digest of their content.

Canonical form: index `id` of strings; the schema's columns first, in its order, then any further columns the user
brought, in theirs. Strings are `str` in object columns and never missing ("" instead); ints are int64, bools bool,
floats float64. NaN in a float column stays NaN: missing is not zero, and validation judges it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, MissingColumn, listed
from gridloop.network import schema

_TRUE = {"true": True, "1": True, "1.0": True, "yes": True, "false": False, "0": False, "0.0": False, "no": False}


def canonical(table: str, raw: Any, owner: str | None = None) -> pd.DataFrame:
    """A table in canonical form.

    raw    DataFrame (ids in the index or in a column `id`), or rows as dicts
    owner  who owns the rows that name no owner

    Raises `MissingColumn` where a required column is absent, `BadInput` where a value has the wrong type.
    """
    frame = _with_index(table, raw)
    if owner is not None:
        named = frame["owner"] if "owner" in frame else pd.Series("", index=frame.index, dtype=object)
        frame = frame.assign(owner=named.where(named.notna() & (named != ""), owner))
    wanted = schema.attributes(table)
    missing = [a.name for a in wanted.values() if a.required and a.name != "id" and a.name not in frame]
    if missing and len(frame):
        raise MissingColumn(
            f"table {table!r} lacks {len(missing)} of its columns: {listed(missing)}. It needs "
            f"{', '.join(a.name for a in wanted.values() if a.required)}; the rest has defaults.",
            table=table,
            columns=missing,
        )
    data: dict[str, Any] = {}
    for name in schema.columns(table):
        data[name] = _typed(table, wanted[name], frame.get(name), len(frame))
    for name in frame.columns:
        if name not in wanted:
            data[str(name)] = _extra(frame[name])
    return pd.DataFrame(data, index=frame.index)


def canonical_all(
    given: Mapping[str, Any], names: Iterable[str], what: str, owner: str | None = None, prefix: str = ""
) -> dict[str, pd.DataFrame]:
    """All tables of a grid in canonical form; one left out is empty.

    names   of the tables that `what`, such as "network", has; prefix of the names of their schemas
    """
    known = tuple(names)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadInput(
            f"{len(unknown)} unknown tables: {listed(unknown)}. A {what} has {', '.join(known)}.", tables=unknown
        )
    return {table: canonical(prefix + table, given.get(table), owner) for table in known}


def sizes(held: Mapping[str, pd.DataFrame]) -> str:
    """How many rows the tables have, in words."""
    return ", ".join(f"{len(frame)} in {table}" for table, frame in held.items() if len(frame)) or "empty"


def retyped(table: str, frame: pd.DataFrame, dtypes: pd.Series) -> pd.DataFrame:
    """Canonical form again after cells changed, further columns in the type they had.

    Raises `BadInput` where a cell is not of its column's type.
    """
    typed = canonical(table, frame)
    for column in typed.columns.difference(list(schema.attributes(table))):
        try:
            typed[column] = (
                _strings(frame[column], "") if dtypes[column] == "object" else frame[column].astype(dtypes[column])
            )
        except (TypeError, ValueError) as error:
            raise BadInput(
                f"column {column!r} of table {table!r} holds {dtypes[column]} values, and a value to set is not one.",
                table=table,
                column=column,
            ) from error
    return typed


def missing_values(frame: pd.DataFrame) -> pd.DataFrame:
    """Where a canonical table holds no value: NaN, or the empty string. [row, column]"""
    return frame.isna() | (frame == "")


def digest(tables: Mapping[str, pd.DataFrame]) -> str:
    """sha256 of the content: neither the order of rows nor of columns matters; every bit of every number does.

    NaN counts as one value whatever its bits, and -0.0 as 0.0. The network's name, version and history are not content.
    """
    sha = hashlib.sha256()
    for table in schema.TABLES:
        frame = tables[table]
        order = np.argsort(frame.index.to_numpy(dtype=object), kind="stable")
        _feed(sha, table, "id", "string", frame.index.to_numpy(dtype=object)[order])
        for column in sorted(frame.columns):
            values = frame[column].to_numpy()[order]
            _feed(sha, table, column, str(values.dtype), values)
    return sha.hexdigest()


def _feed(sha: Any, table: str, column: str, kind: str, values: Any) -> None:
    sha.update(json.dumps([table, column, kind, len(values)]).encode())
    if values.dtype == object:
        sha.update(json.dumps([str(v) for v in values]).encode())
    elif values.dtype.kind == "f":
        plain = np.where(np.isnan(values), np.nan, values + 0.0)  # -0.0 + 0.0 is 0.0
        sha.update(plain.astype("<f8").tobytes())
    else:
        sha.update(values.astype("<u1" if values.dtype.kind == "b" else "<i8").tobytes())


def _with_index(table: str, raw: Any) -> pd.DataFrame:
    if raw is None:
        raw = {}
    frame = raw.copy() if isinstance(raw, pd.DataFrame) else _from_rows(table, list(raw))
    if "id" in frame.columns:
        frame = frame.set_index("id")
    elif len(frame) and frame.index.name not in ("id", None):
        raise MissingColumn(f"table {table!r} lacks the column id; every element needs a name.", table=table)
    blank = np.asarray(frame.index.isna(), dtype=bool)
    if blank.any():
        raise BadInput(
            f"table {table!r} has {int(blank.sum())} rows without an id; give every element a name of its own.",
            table=table,
            rows=np.flatnonzero(blank).tolist(),
        )
    frame.index = pd.Index([str(i) for i in frame.index], dtype=object, name="id")
    double = frame.columns[frame.columns.duplicated()]
    if len(double):
        raise BadInput(f"table {table!r} names a column twice: {listed(list(double))}.", table=table)
    return frame


def _from_rows(table: str, rows: list[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a frame; a key that one row leaves out has its default there, as an absent column has."""
    named = {key for row in rows for key in row}
    defaults = {a.name: a.default for a in schema.attributes(table).values() if a.name in named and not a.required}
    return pd.DataFrame([{**defaults, **row} for row in rows])


def _typed(table: str, a: schema.Attribute, given: pd.Series | None, rows: int) -> Any:
    if given is None:
        fill: Any = float("nan") if a.default is None else a.default
        return np.full(rows, fill, dtype=a.dtype)
    if a.type == "string":
        return _strings(given, str(a.default or ""))
    if given.dtype == a.dtype:
        return given.to_numpy(copy=True)
    if a.type == "bool":
        return _bools(table, a, given)
    # A complex number is none of ours, and a cast would keep its real part alone.
    complex_ = [isinstance(v, complex | np.complexfloating) for v in given]
    _refuse(table, a, given, complex_, "a number")
    numbers = pd.to_numeric(given, errors="coerce").astype("float64")
    _refuse(table, a, given, given.notna() & numbers.isna() & ~given.isin(["nan", "NaN"]), "a number")
    if a.type == "float":
        return numbers.to_numpy(dtype="float64", copy=True)
    whole = numbers.fillna(float("nan") if a.default is None else float(a.default))
    _refuse(table, a, given, ~np.isfinite(whole) | (whole != np.floor(whole)), "a whole number")
    return whole.to_numpy().astype("int64")


def _bools(table: str, a: schema.Attribute, given: pd.Series) -> Any:
    known = [a.default if pd.isna(v) else _TRUE.get(str(v).strip().lower()) for v in given]
    _refuse(table, a, given, pd.Series([v is None for v in known], index=given.index), "true or false")
    return np.array(known, dtype=bool)


def _refuse(table: str, a: schema.Attribute, given: pd.Series, bad: Any, allowed: str) -> None:
    wrong = np.asarray(bad, dtype=bool)
    if wrong.any():
        ids = [str(i) for i in given.index[wrong]]
        raise BadInput(
            f"{table}.{a.name} must be {allowed}, but {len(ids)} rows hold something else, such as "
            f"{given[wrong].iloc[0]!r} (ids {listed(ids)}). Correct them in the table.",
            table=table,
            column=a.name,
            ids=ids,
        )


def _strings(values: Iterable[Any], missing: str) -> Any:
    texts = [missing if v is None or v is pd.NA or v != v or v == "" else str(v) for v in values]
    return _objects(texts)


def _objects(texts: list[str]) -> Any:
    # np.array(texts, dtype=object) would do, but not for an empty list of a 2-D shape: be explicit.
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def _extra(values: pd.Series) -> Any:
    """A column of the user's own: bool, int and float stay, everything else becomes text."""
    kind = values.dtype
    if isinstance(kind, np.dtype) and kind.kind in "bif":
        wide = {"b": "bool", "i": "int64", "f": "float64"}[kind.kind]
        return values.to_numpy().astype(wide)
    known = values.dropna()
    if len(known) and all(isinstance(v, bool | np.bool_) for v in known) and len(known) == len(values):
        return values.to_numpy().astype(bool)
    if len(known) and all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in known):
        return pd.to_numeric(values).astype("float64").to_numpy()
    return _strings(values, "")
