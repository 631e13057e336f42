"""Random numbers by counting: each one a pure function of (seed, stream, element, scenario).

Philox4x32-10 turns a counter of four words under a key of two words into four words that look random; no state goes
from one number to the next. So any block can be drawn alone, in any order, by any thread, and comes out the same bit
for bit.

    key      seed, low and high word
    counter  [group low, group high, element, stream]

Four words come from one counter. To keep vector registers full, `TILE` = 64 scenarios in a row share 16 counters: with
i = scenario mod 64, the scenario takes word i // 16 of the counter of group 16 (scenario // 64) + i mod 16.

A uniform number is the middle of one of 2^32 (float64) or 2^23 (float32) equal cells of 0 … 1: exact in its type,
never 0 and never 1, symmetric about one half. What follows from it by arithmetic alone is equal on every processor.

Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC11), section 3.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.kernel.compiled import kernel, outer
from gridloop.kernel.normal import normal_of_uniform

TILE = 64
_LANES = np.uint64(16)
_LOW = np.uint64(0xFFFFFFFF)
_HALF_WORD = np.uint64(32)
# Multipliers of the rounds and Weyl steps of the key: constants of the source, table 2.
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ROUNDS = 10


@kernel(inline="always")
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Four random words of a counter of four words under a key of two; all of them 32 bits wide, held in uint64."""
    for _ in range(_ROUNDS):
        left, right = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (right >> _HALF_WORD) ^ c1 ^ k0, right & _LOW, (left >> _HALF_WORD) ^ c3 ^ k1, left & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@outer
def words_of_tile(seed: Any, stream: Any, element: Any, tile: Any, out: Any) -> None:
    """Random words of the scenarios 64 tile … 64 tile + 63.

    seed, stream, element, tile  uint64; stream and element below 2^32
    out  [TILE]  uint32, written here
    """
    k0, k1 = seed & _LOW, seed >> _HALF_WORD
    for i in range(16):
        group = tile * _LANES + np.uint64(i)
        a, b, c, d = philox(group & _LOW, group >> _HALF_WORD, element, stream, k0, k1)
        out[i] = np.uint32(a)
        out[i + 16] = np.uint32(b)
        out[i + 32] = np.uint32(c)
        out[i + 48] = np.uint32(d)


@outer
def uniform_of_words(words: Any, out: Any) -> None:
    """Numbers between 0 and 1 of random words.

    words  [i]  uint32
    out    [i]  float32 or float64, written here
    """
    if out.itemsize == 4:
        for i in range(out.size):
            # As a signed number: that is what processors turn into floats at once.
            cell = np.int32(words[i] >> np.uint32(9))
            out[i] = (np.float32(cell) + np.float32(0.5)) * np.float32(2.0**-23)
    else:
        for i in range(out.size):
            out[i] = (np.float64(words[i]) + 0.5) * 2.0**-32


@outer
def uniform_row(seed: Any, stream: Any, element: Any, first: Any, out: Any) -> None:
    """Uniform numbers of one element.

    seed, stream, element  uint64
    first  scenario of out[0], uint64
    out    [scenario]  float32 or float64, written here
    """
    words = np.empty(TILE, np.uint32)
    part = np.empty(TILE, out.dtype)
    start = np.int64(first % np.uint64(TILE))
    tile = first // np.uint64(TILE)
    done = 0
    while done < out.size:
        words_of_tile(seed, stream, element, tile, words)
        take = min(TILE - start, out.size - done)
        if take == TILE:
            uniform_of_words(words, out[done : done + TILE])
        else:
            uniform_of_words(words, part)
            for i in range(take):
                out[done + i] = part[start + i]
        done += take
        start = np.int64(0)
        tile += np.uint64(1)


@outer
def uniform_block(seed: Any, stream: Any, first_element: Any, first: Any, out: Any) -> None:
    """Uniform numbers between 0 and 1.

    seed, stream           uint64
    first_element, first   element and scenario of out[0, 0], uint64
    out  [element, scenario]  float32 or float64, written here
    """
    for e in range(out.shape[0]):
        uniform_row(seed, stream, first_element + np.uint64(e), first, out[e])


@outer
def normal_block(seed: Any, stream: Any, first_element: Any, first: Any, out: Any) -> None:
    """Standard normal numbers: the quantiles of `uniform_block`, which reach to 5.3 (float32) or 6.3 (float64).

    Arguments as of `uniform_block`.
    """
    for e in range(out.shape[0]):
        uniform_row(seed, stream, first_element + np.uint64(e), first, out[e])
        normal_of_uniform(out[e])
