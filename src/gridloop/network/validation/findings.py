"""A finding, and the list of them that validation returns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gridloop.errors import InvalidNetwork, listed


@dataclass(frozen=True)
class Finding:
    """Something wrong with some elements of one table.

    severity  error or warning
    code      what sort of finding it is, for programs: duplicate_id, zero_impedance, wrong_unit ...
    column    the column it is about; "" where it is about the whole element
    message   which, how many, what is allowed, what to do
    """

    severity: str
    code: str
    table: str
    column: str
    ids: tuple[str, ...]
    message: str

    @property
    def place(self) -> str:
        """`line.length_km`, `line`, or `network` where it is about more than one table."""
        return ".".join(part for part in (self.table, self.column) if part) or "network"

    def __str__(self) -> str:
        return f"{self.severity}: {self.place}: {self.message}"


@dataclass(frozen=True)
class Findings:
    """All findings of one network; true where there is any."""

    all: tuple[Finding, ...]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.all if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.all if f.severity == "warning")

    def frame(self) -> pd.DataFrame:
        """One row per finding: severity, code, table, column, ids, message."""
        columns = ["severity", "code", "table", "column", "ids", "message"]
        return pd.DataFrame([[getattr(f, c) for c in columns] for f in self.all], columns=columns)

    def raise_errors(self, name: str) -> None:
        """Raise `InvalidNetwork` where there are errors."""
        if self.errors:
            first = "; ".join(f"{f.place}: {f.message}" for f in self.errors[:3])
            more = f" And {len(self.errors) - 3} more." if len(self.errors) > 3 else ""
            raise InvalidNetwork(
                f"network {name!r} has {len(self.errors)} error{'s'[: len(self.errors) != 1]}: {first}{more}",
                findings=self,
            )


def finding(
    severity: str, code: str, table: str, column: str, ids: Iterable[Any], problem: str, remedy: str
) -> Finding:
    """A finding with a message of one form: `3 lines <problem> (ids a, b, c). <remedy>`.

    problem  begins with a verb in the plural, which becomes the singular for one element
    """
    named = tuple(str(i) for i in ids)
    noun = table if len(named) == 1 else _PLURALS.get(table, f"{table}s")
    if len(named) == 1:
        verb, _, rest = problem.partition(" ")
        problem = f"{_SINGULARS.get(verb, f'{verb}s')} {rest}"
    return Finding(
        severity, code, table, column, named, f"{len(named)} {noun} {problem} (ids {listed(list(named))}). {remedy}"
    )


_PLURALS = {"bus": "buses", "switch": "switches", "storage": "storages"}
_SINGULARS = {"have": "has", "are": "is", "carry": "carries"}
