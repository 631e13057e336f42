"""The audit chain: one changed letter anywhere is found, and where."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import BadInput
from gridloop.trust.audit import GENESIS, Record, chain_of, chain_table, hash_of, record_after, require_whole, verify

NOON = pd.Timestamp("2016-07-25 12:00", tz="UTC")


def chain(length: int) -> list[Record]:
    """That many records, a minute apart."""
    records: list[Record] = []
    for n in range(length):
        last = records[-1] if records else None
        at = NOON + n * pd.Timedelta(minutes=1)
        records.append(record_after(last, at=at, kind="command", subject=f"battery {n}", text=f"set p_mw to {n}"))
    return records


def test_the_hash_is_sha256_of_the_canonical_text():
    """Anyone can compute it with other tools: this is the text, written out by hand."""
    record = record_after(None, at=NOON, kind="fallback", subject="plan", text="last good — 1 tick old")
    text = (
        '{"at":"2016-07-25T12:00:00.000000Z","kind":"fallback","number":0,"previous_hash":"' + "0" * 64 + '",'
        '"subject":"plan","text":"last good — 1 tick old"}'
    )
    assert record.hash == hashlib.sha256(text.encode()).hexdigest()


def test_a_chain_is_whole():
    records = chain(5)
    assert verify(records) is None
    assert verify([]) is None
    assert [record.number for record in records] == [0, 1, 2, 3, 4]
    assert records[0].previous_hash == GENESIS
    assert [r.previous_hash for r in records[1:]] == [r.hash for r in records[:-1]]
    require_whole(records)


def test_the_later_part_of_a_chain():
    records = chain(5)
    assert verify(records[2:]) == 0
    assert verify(records[2:], first=2, previous_hash=records[1].hash) is None


changes = st.sampled_from(
    [
        ("at", NOON - pd.Timedelta(1, "us")),
        ("kind", "event"),
        ("subject", "battery"),
        ("text", "set p_mw to 1.0"),
        ("number", 99),
        ("previous_hash", "f" * 64),
        ("hash", "f" * 64),
    ]
)


@given(length=st.integers(1, 8), where=st.integers(0, 7), change=changes)
@settings(deadline=None, max_examples=100)
def test_every_change_is_found_where_it_is(length: int, where: int, change: tuple[str, object]):
    records, where = chain(length), where % length
    records[where] = replace(records[where], **{change[0]: change[1]})
    assert verify(records) == where


@given(length=st.integers(2, 8), where=st.integers(0, 7))
@settings(deadline=None, max_examples=40)
def test_a_record_taken_out_or_moved_is_found(length: int, where: int):
    records, where = chain(length), where % (length - 1)
    assert verify(records[:where] + records[where + 1 :]) == where
    records[where], records[where + 1] = records[where + 1], records[where]
    assert verify(records) == where


def test_a_forger_must_rewrite_all_that_follows():
    """A changed record with a fresh hash of its own breaks the link of the next one."""
    records = chain(4)
    forged = replace(records[1], text="nothing happened")
    records[1] = replace(forged, hash=hash_of(forged))
    assert verify(records) == 2
    with pytest.raises(BadInput, match=r"chain of 4 records is broken at number 2.*The 2 records before"):
        require_whole(records)


def test_the_zone_of_a_time_does_not_matter():
    """14:00 in Berlin is 12:00 UTC, whatever kind of object says so."""
    times = [NOON, NOON.tz_convert("Europe/Berlin"), dt.datetime(2016, 7, 25, 12, tzinfo=dt.UTC)]
    hashes = {record_after(None, at=at, kind="k", subject="s", text="t").hash for at in times}
    assert len(hashes) == 1
    with pytest.raises(BadInput, match="has no zone"):
        record_after(None, at=dt.datetime(2016, 7, 25, 12), kind="k", subject="s", text="t")


def test_as_a_table_and_back():
    records = chain(3)
    table = chain_table(records).assign(tick=0)
    assert chain_of(table) == records
    assert verify(chain_of(table)) is None
    assert chain_of(chain_table([])) == []
