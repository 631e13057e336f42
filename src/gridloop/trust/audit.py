"""The audit chain: records that carry the hash of the one before, so that no change goes unseen.

The hash of a record is SHA-256 over its canonical JSON: all fields but the hash itself, keys sorted, no spaces,
times in UTC to the microsecond. Changing, dropping or reordering a record breaks the chain from there on; cutting
off its end is seen only by someone who kept the last hash.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import pandas as pd

from gridloop.errors import BadInput
from gridloop.trust.canonical import canonical_json, canonical_time

GENESIS = "0" * 64
"""What the first record names as the hash before it."""


@dataclass(frozen=True)
class Record:
    """One thing that happened.

    number         counts from 0 without a gap
    at             when, with a zone
    kind           what sort of thing, such as "command" or "fallback"
    subject        the id of what it happened to
    text           in words
    previous_hash  of record number - 1; `GENESIS` for the first
    hash           of this record
    """

    number: int
    at: dt.datetime
    kind: str
    subject: str
    text: str
    previous_hash: str
    hash: str


def record_after(previous: Record | None, *, at: dt.datetime, kind: str, subject: str, text: str) -> Record:
    """The next record of a chain; the first where there is none before. Raises `BadInput` where `at` has no zone."""
    number = 0 if previous is None else previous.number + 1
    previous_hash = GENESIS if previous is None else previous.hash
    unsealed = Record(number, at, kind, subject, text, previous_hash, hash="")
    return replace(unsealed, hash=hash_of(unsealed))


def hash_of(record: Record) -> str:
    """SHA-256 of everything in the record but its hash, as 64 hexadecimal digits."""
    content: dict[str, str | int | float] = {
        "at": canonical_time(record.at),
        "kind": record.kind,
        "number": int(record.number),
        "previous_hash": record.previous_hash,
        "subject": record.subject,
        "text": record.text,
    }
    return hashlib.sha256(canonical_json(content)).hexdigest()


def verify(records: Iterable[Record], *, first: int = 0, previous_hash: str = GENESIS) -> int | None:
    """The number that the first broken record should have; None where the chain is whole.

    first, previous_hash   where the records are the later part of a chain: its first number and the hash before it
    """
    expected = first
    for record in records:
        if record.number != expected or record.previous_hash != previous_hash or hash_of(record) != record.hash:
            return expected
        expected, previous_hash = expected + 1, record.hash
    return None


def require_whole(records: Sequence[Record]) -> None:
    """Nothing where the chain is whole. Raises `BadInput` naming the first broken record."""
    broken = verify(records)
    if broken is not None:
        raise BadInput(
            f"audit: the chain of {len(records)} records is broken at number {broken}: it was changed, or a record is "
            f"missing or out of place. The {broken} records before it are as they were written.",
            number=broken,
            count=len(records),
        )


def chain_table(records: Iterable[Record]) -> pd.DataFrame:
    """One row per record, columns as the fields."""
    names = [f.name for f in fields(Record)]
    return pd.DataFrame([[getattr(record, name) for name in names] for record in records], columns=names)


def chain_of(table: pd.DataFrame) -> list[Record]:
    """The records whose `chain_table` this is, in its order; further columns are ignored."""
    rows = table[[f.name for f in fields(Record)]].itertuples(index=False, name=None)
    return [Record(*row) for row in rows]
