"""One way to write a thing down, so that equal things have equal hashes and signatures on every machine."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping

from gridloop.errors import BadInput


def canonical_json(content: Mapping[str, str | int | float]) -> bytes:
    """JSON in UTF-8 with sorted keys and without spaces; floats by their shortest digits that read back the same."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def canonical_time(time: dt.datetime) -> str:
    """A time in UTC to the microsecond, always of the same length. Raises `BadInput` where it has no zone."""
    if time.tzinfo is None:
        raise BadInput(f"{time} has no zone. Give the time in UTC.", time=time)
    return time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
