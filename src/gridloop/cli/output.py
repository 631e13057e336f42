"""What several commands print the same way."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from gridloop.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from pandas import DataFrame
    from rich.console import Console


class Interrupted(Exception):
    """The user stopped a command; the message says what to do next."""


def print_json(data: Any) -> None:
    """One JSON object on stdout; NaN and infinity become null, as JSON has no word for them."""
    sys.stdout.write(json.dumps(clean(data), ensure_ascii=False, default=str) + "\n")


def say(console: Console, text: str) -> None:
    """One line of text as it is: a terminal wraps it, a pipe, a search or a copied path gets it whole."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def print_rows(
    console: Console, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str], top: int
) -> None:
    """The first rows of a table, and how many more there are. right: columns that are set flush right"""
    from rich.table import Table

    table = Table(title=title)
    for column in heads:
        table.add_column(column, justify="right" if column in right else "left")
    for row in rows[:top]:
        table.add_row(*row)
    if top:
        console.print(table)
    if len(rows) > top:
        say(console, f"{len(rows) - top} more; --out FILE.csv has all.")


def records(table: DataFrame) -> Any:
    """The rows of a table for JSON, their index among the columns."""
    return json.loads(table.reset_index().to_json(orient="records", double_precision=15))


def check_out(file: Path | None, option: str, endings: tuple[str, ...]) -> None:
    """Refuse a file that cannot be written, before anything is computed. Raises `BadInput`."""
    if file is None:
        return
    if file.suffix.lower() not in endings:
        raise BadInput(f"{option} {str(file)!r}: a name that ends in {' or '.join(endings)} is needed.")
    if not file.parent.is_dir():
        raise BadInput(f"no folder {str(file.parent)!r} to write {file.name} to; make it, or give {option} another.")


def write_table(table: DataFrame, file: Path) -> None:
    """Write the rows, without their index. The ending says how: .parquet, else comma-separated values."""
    if file.suffix.lower() == ".parquet":
        table.to_parquet(file, index=False)
    else:
        table.to_csv(file, index=False)


def clean(value: Any) -> Any:
    """The same value with NaN and infinity as None, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean(v) for v in value]
    return value
