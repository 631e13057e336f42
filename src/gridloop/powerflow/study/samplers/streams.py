"""Streams of random numbers by name, and the checks of seeds and numbers that samplers share."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike

from gridloop.errors import BadInput, OutOfRange
from gridloop.units import FloatArray


def stream(name: str) -> np.uint64:
    """A stream that depends on its name alone, so that what else varies in a study does not change it."""
    return np.uint64(crc32(name.encode()))


def seed_word(seed: int) -> np.uint64:
    """A seed as the kernels take it. Raises `OutOfRange` unless it is a whole number of 64 bits."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise OutOfRange(f"The seed is {seed!r}; it must be a whole number from 0 to 2^64 − 1.", seed=seed)
    return np.uint64(seed)


def numbers(what: str, given: ArrayLike, *, low: float = -np.inf, high: float = np.inf) -> FloatArray:
    """Finite numbers within a range, as an array. Raises `OutOfRange` with the name of what is wrong."""
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise BadInput(f"{what} must be a number or numbers, not {given!r}.") from None
    wrong = ~(np.isfinite(values) & (values >= low) & (values <= high))
    if wrong.any():
        raise OutOfRange(
            f"{what}: {int(wrong.sum())} of {values.size} numbers are not within {low:g} … {high:g}, "
            f"the first is {values[wrong].flat[0]}.",
            name=what,
        )
    return values


def per_element(what: str, given: Any, index: Any) -> FloatArray:
    """One number for all elements, or one each: an array in their order, or a Series by their ids. [element]"""
    if hasattr(given, "reindex"):
        missing = [str(i) for i in index.difference(given.index)]
        if missing:
            raise BadInput(f"{what} has no value for {len(missing)} of {len(index)} elements, such as {missing[0]!r}.")
        given = given.reindex(index)
    values = numbers(what, given)
    if values.ndim > 1 or values.shape not in ((), (1,), (len(index),)):
        raise BadInput(
            f"{what} has the shape {values.shape}; give one number, or one for each of {len(index)} elements."
        )
    return np.broadcast_to(values, (len(index),)).copy()
