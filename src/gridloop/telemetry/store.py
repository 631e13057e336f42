"""The lake of a run: readings, forecasts, plans, commands, events and flows, appended and read back by time.

A store is a folder of Delta tables (`tables.py` names them). What `append` has returned from is on the disk; sending
the same write id again changes nothing. A tick is complete when its row is in `ticks`, which is written last.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake.exceptions import DeltaError

from gridloop.errors import BadInput, MissingColumn, StoreError, listed
from gridloop.series.clock import require_utc, utc
from gridloop.series.readings import Readings
from gridloop.telemetry.lake import LakeTable, create_table, first_line, mend, sync
from gridloop.telemetry.lock import Lock
from gridloop.telemetry.query import in_utc, run_query
from gridloop.telemetry.tables import LAYOUT, TABLES, Table

FOLDER = "lake"
LAYOUT_FILE = "layout.json"
LAST = "ticks"
"""The table that completes a tick."""


class Store:
    """The lake of a run, open for reading or writing; made by `Store.create` and `open_store`. Close it after use."""

    def __init__(self, lake: Path, *, write: bool) -> None:
        self.path = lake
        self._lock = Lock(lake / ".lock") if write else None
        self._open: dict[str, LakeTable] = {}
        # Tables whose newest commit may be visible and yet not on the disk: its writer may have been killed in between.
        self._unsynced = set(TABLES) if write else set[str]()
        if write:
            try:
                for name in TABLES:
                    mend(lake / name)
                self._settle()
            except BaseException:
                self.close()
                raise

    @classmethod
    def create(cls, path: str | Path) -> Store:
        """A new store in the run folder `path`, open for writing. Raises `StoreError` where there is one already."""
        lake = _root(path) / FOLDER
        if (lake / LAYOUT_FILE).exists():
            raise StoreError(f"{path}: holds a store already. Resume it or choose another folder.", path=str(path))
        with _storable(lake, "an empty store"):
            lake.mkdir(parents=True, exist_ok=True)
            sync([path for name, table in TABLES.items() for path in create_table(lake / name, table.schema)])
            # The layout comes last: a folder without it is no store, whatever a kill left there.
            written = lake / f".{LAYOUT_FILE}"
            written.write_text(json.dumps({"layout": LAYOUT, "tables": list(TABLES)}) + "\n")
            sync([written])
            written.rename(lake / LAYOUT_FILE)
            sync([lake, lake.parent])
        return cls(lake, write=True)

    # writing

    def append(self, table: str, frame: pd.DataFrame, *, write_id: int | str) -> bool:
        """Add rows and wait until they are on the disk.

        write_id  names this write of this table; the same id again is a resend and adds nothing

        Returns whether rows were added. Raises `StoreError` where the store is open for reading only, `BadInput` and
        `MissingColumn` where the frame does not fit the table; nothing is added then.
        """
        return self._write({table: frame}, str(write_id))

    def write_many(self, write_id: int | str, frames: Mapping[str, pd.DataFrame]) -> bool:
        """Add rows to several tables under one write id, `ticks` last, so that a complete tick is complete.

        A kill in between leaves some tables written; sending all of it again under the same id adds the rest.
        Returns and raises like `append`; no row is written where one of the frames does not fit.
        """
        body = {name: frame for name, frame in frames.items() if name != LAST}
        last = {name: frame for name, frame in frames.items() if name == LAST}
        for name, frame in last.items():
            _rows(name, frame)
        added = self._write(body, str(write_id))
        return self._write(last, str(write_id)) or added

    def _write(self, frames: Mapping[str, pd.DataFrame], write_id: str) -> bool:
        if self._lock is None:
            raise StoreError(
                f"{self.path}: the store is open for reading. Open it with write=True.", path=str(self.path)
            )
        rows = {name: _rows(name, frame) for name, frame in frames.items()}
        with _storable(self.path, f"rows for {listed(list(frames))}"):
            self._settle()
            new = {name: part for name, part in rows.items() if part.num_rows and not self._table(name).has(write_id)}
            staged = {name: self._table(name).stage(part, write_id) for name, part in new.items()}
            sync([path for data in staged.values() for path in (data, data.parent)])
            self._unsynced |= staged.keys()
            for name, data in staged.items():
                self._table(name).commit(data, new[name].num_rows, write_id)
            self._settle()
        return bool(new)

    def _settle(self) -> None:
        """Wait until every commit so far is on the disk, those of a write that failed halfway too."""
        if self._unsynced:
            sync([path for name in sorted(self._unsynced) for path in self._table(name).newest_files()])
            self._unsynced.clear()

    def compact(self) -> None:
        """Join the many small files of a finished run into few, for faster reading."""
        if self._lock is None:
            raise StoreError(
                f"{self.path}: the store is open for reading. Open it with write=True.", path=str(self.path)
            )
        for name in TABLES:
            self._table(name).compact()

    # reading

    @property
    def tables(self) -> dict[str, list[str]]:
        """Names of the tables and their columns."""
        return {name: list(table.schema.names) for name, table in TABLES.items()}

    def read(self, table: str, columns: Iterable[str] | None = None, **where: Any) -> pd.DataFrame:
        """Rows of a table, sorted by the table's order; times in UTC.

        columns  to read; all where left out
        where    column=value for equal, column=[…] for one of, column=slice(a, b) for a ≤ column ≤ b (None: open)

        Raises `BadInput` where there is no such table, `MissingColumn` where there is no such column.
        """
        spec = _spec(table)
        chosen = list(spec.schema.names if columns is None else columns)
        _require_columns(table, [*chosen, *where])
        condition = None
        for column, value in where.items():
            part = _condition(spec.schema, column, value)
            condition = part if condition is None else condition & part
        needed = list(dict.fromkeys([*chosen, *spec.order]))
        rows = self._dataset(table)
        with self._readable(table):
            frame = rows.to_table(columns=needed, filter=condition).to_pandas()
        ordered = frame.sort_values(list(spec.order), kind="stable", ignore_index=True)
        return in_utc(ordered[chosen])

    def known(self, table: str, at: str | pd.Timestamp, **where: Any) -> pd.DataFrame:
        """Rows that were known at a moment, by the time at which they were known, issued, logged or edited.

        Raises `BadInput` where a table has no such time.
        """
        names = _spec(table).schema.names
        time = next((name for name in ("known_at", "issued_at", "at", "time") if name in names), None)
        if time is None:
            raise BadInput(f"store: table {table} does not say when its rows were known.", table=table)
        return self.read(table, **{**where, time: slice(None, utc(at))})

    def readings(self, **where: Any) -> Readings:
        """The readings, with `where` as in `read`."""
        return Readings(self.read("readings", ["point", "valid_at", "known_at", "value", "quality"], **where))

    def query(self, sql: str) -> pd.DataFrame:
        """The result of one SELECT over the tables; times in UTC. It can change nothing and sees no other file.

        Raises `BadInput` with the tables and columns that exist.
        """
        schemas = {name: table.schema for name, table in TABLES.items()}
        return run_query(sql, schemas, self._dataset)

    def last_complete_tick(self, run: str) -> int | None:
        """The newest tick of a run ("controlled", "baseline") that was stored whole; None before the first."""
        ticks = self.read("ticks", ["tick"], run=run)["tick"]
        return int(ticks.max()) if len(ticks) else None

    def close(self) -> None:
        """Let another writer in."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _table(self, name: str) -> LakeTable:
        spec = _spec(name)
        if name not in self._open:
            self._open[name] = LakeTable(self.path / name, spec.schema)
        return self._open[name]

    @contextmanager
    def _readable(self, table: str) -> Iterator[None]:
        try:
            yield
        except (OSError, DeltaError, pa.ArrowInvalid) as error:
            raise StoreError(
                f"{self.path}: table {table} cannot be read ({first_line(error)}). Restore it from a copy; the other "
                "tables can still be read.",
                table=table,
            ) from error

    def _dataset(self, name: str) -> ds.Dataset:
        """The rows of a table as they are now."""
        with self._readable(name):
            table = self._table(name)
            table.refresh()
            return table.dataset()


def open_store(path: str | Path, *, write: bool = False) -> Store:
    """The store of a run folder (or the lake inside it), for reading, or for writing too.

    Raises `StoreError` where the folder is no store or of another layout, or while another process writes to it.
    """
    root = _root(path)
    lake = next((folder for folder in (root / FOLDER, root) if (folder / LAYOUT_FILE).is_file()), None)
    if lake is None:
        raise StoreError(
            f"{root}: no store here ({f'{FOLDER}/{LAYOUT_FILE} is missing' if root.is_dir() else 'no such folder'}). "
            "Give the folder of a run, such as runs/<id>.",
            path=str(root),
        )
    try:
        layout = json.loads((lake / LAYOUT_FILE).read_text())["layout"]
    except (ValueError, KeyError, TypeError):
        raise StoreError(f"{lake / LAYOUT_FILE} is damaged. Restore it from a copy.", path=str(lake)) from None
    if layout != LAYOUT:
        raise StoreError(
            f"{root}: the store has layout {layout}, this version of gridloop reads layout {LAYOUT}. "
            "Read it with the version that wrote it (run.json names it).",
            layout=layout,
        )
    missing = [name for name in TABLES if not (lake / name / "_delta_log").is_dir()]
    if missing:
        raise StoreError(
            f"{root}: {len(missing)} of {len(TABLES)} tables are missing ({listed(missing)}). Restore them.",
            missing=missing,
        )
    return Store(lake, write=write)


@contextmanager
def _storable(lake: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, DeltaError) as error:
        raise StoreError(
            f"{lake}: {what} could not be stored ({first_line(error)}). What was stored before is safe; make room on "
            "the disk or mend its rights, then resume.",
            path=str(lake),
        ) from error


def _root(path: str | Path) -> Path:
    root = Path(path).absolute()
    if re.search("%[0-9A-Fa-f]{2}", str(root)):
        raise BadInput(
            f"{path}: the percent sign in the path would be read as another character (deltalake). Choose another.",
            path=str(path),
        )
    return root


def _spec(table: str) -> Table:
    if table not in TABLES:
        raise BadInput(f"store: there is no table {table!r}; there are {', '.join(TABLES)}.", table=table)
    return TABLES[table]


def _require_columns(table: str, names: Iterable[str]) -> None:
    there = TABLES[table].schema.names
    missing = [name for name in names if name not in there]
    if missing:
        raise MissingColumn(
            f"store: table {table} has no column {listed(missing)}; there are {', '.join(there)}.", missing=missing
        )


def _rows(table: str, frame: pd.DataFrame) -> pa.Table:
    """The frame as rows of the table; raises where it does not fit."""
    schema = _spec(table).schema
    missing = [name for name in schema.names if name not in frame.columns]
    if missing:
        raise MissingColumn(f"store: rows for {table} lack the column {listed(missing)}.", table=table, missing=missing)
    extra = [str(name) for name in frame.columns if name not in schema.names]
    if extra:
        raise BadInput(
            f"store: rows for {table} have {len(extra)} columns that the table lacks ({listed(extra)}); "
            f"allowed are {', '.join(schema.names)}.",
            table=table,
            extra=extra,
        )
    if frame.empty:
        return schema.empty_table()  # a frame without rows seldom has the types
    return pa.table([_column(table, field, frame[field.name]) for field in schema], schema=schema)


def _column(table: str, field: pa.Field, values: pd.Series) -> pa.Array:
    where = f"store: column {field.name} of {table}"
    if pa.types.is_timestamp(field.type):
        values = require_utc(values, where).to_series()
    try:
        array = pa.array(values, type=field.type, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{where} must hold {field.type}: {reason}.", table=table, column=field.name) from error
    if array.null_count and not field.nullable:
        raise BadInput(
            f"{where}: {array.null_count} of {len(array)} values are missing; only numbers may be. "
            "Write an empty text where there is nothing to say.",
            table=table,
            column=field.name,
            count=array.null_count,
        )
    return array


def _condition(schema: pa.Schema, column: str, value: Any) -> ds.Expression:
    field, kind = ds.field(column), schema.field(column).type

    def scalar(one: Any) -> pa.Scalar:
        try:
            return pa.scalar(utc(one) if pa.types.is_timestamp(kind) else one, type=kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise BadInput(f"store: {column} is {kind}, but {one!r} was asked for.", column=column) from None

    if isinstance(value, slice):
        low = field >= scalar(value.start) if value.start is not None else ds.scalar(True)
        high = field <= scalar(value.stop) if value.stop is not None else ds.scalar(True)
        return low & high
    if isinstance(value, (list, tuple, set, frozenset, pd.Index, pd.Series)):
        return field.isin(pa.array([scalar(one).as_py() for one in value], type=kind))
    return field == scalar(value)
