"""Every error of ours.

    GridloopError               whatever we say on purpose; `facts` holds the numbers of the message
    ├── BadInput                the caller can mend it; the command line exits with 2
    │   ├── MissingFile         a path that is not there
    │   ├── UnknownFormat       a file or code that no reader claims
    │   ├── MissingColumn       a table without a column it needs
    │   ├── OutOfRange          a number outside what is allowed, or of the wrong unit
    │   ├── InvalidNetwork      validation found errors; `findings` lists all of them
    │   ├── UnsuppliedBus       buses with load and no path to a source
    │   ├── MergeConflict       owners disagree about an element
    │   ├── GapInSeries         values are missing where a study needs them
    │   └── OutsideData         a time that the data does not cover
    ├── MissingExtra            an optional dependency is not installed
    ├── StoreError              the lake is damaged, locked or of another layout
    ├── CommandRefused          a command is forged, expired or was taken before
    └── SolveFailed             raised only where the caller asked for a value and not for a diagnosis

A message says which, how many, what is allowed and what to do next; the same facts are attributes in
`facts`, for programs.
"""

from __future__ import annotations

from typing import Any


class GridloopError(Exception):
    """An error whose message is meant for a person and whose `facts` are meant for a program."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts: dict[str, Any] = facts

    def __str__(self) -> str:
        return f"{type(self).__name__}: {self.args[0]}"


class BadInput(GridloopError):
    """The caller can mend it."""


class MissingFile(BadInput):
    """A path that is not there."""


class UnknownFormat(BadInput):
    """A file or code that no reader claims."""


class MissingColumn(BadInput):
    """A table without a column it needs."""


class OutOfRange(BadInput):
    """A number outside what is allowed, or of the wrong unit."""


class InvalidNetwork(BadInput):
    """Validation found errors."""


class UnsuppliedBus(BadInput):
    """Buses with load and no path to a source."""


class MergeConflict(BadInput):
    """Owners disagree about an element."""


class GapInSeries(BadInput):
    """Values are missing where a study needs them."""


class OutsideData(BadInput):
    """A time that the data does not cover."""


class MissingExtra(GridloopError):
    """An optional dependency is not installed."""


class StoreError(GridloopError):
    """The lake is damaged, locked or of another layout."""


class CommandRefused(GridloopError):
    """A command is forged, expired or was taken before."""


class SolveFailed(GridloopError):
    """A solve failed and the caller asked for a value, not for a diagnosis."""


def listed(ids: list[str], most: int = 5) -> str:
    """`a, b, c and 4 more`: a list short enough for one line."""
    shown = ", ".join(str(i) for i in ids[:most])
    return shown if len(ids) <= most else f"{shown} and {len(ids) - most} more"
