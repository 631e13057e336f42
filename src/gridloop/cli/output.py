"""What several commands print the same way."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


def records(table: DataFrame) -> Any:
    """The rows of a table for JSON, their index among the columns."""
    return json.loads(table.reset_index().to_json(orient="records", double_precision=15))


def clean(value: Any) -> Any:
    """The same value with NaN and infinity as None, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean(v) for v in value]
    return value
