"""Counted random numbers: known answers, a plain twin, blocks that stand alone, and the distributions they promise."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri

from gridloop.kernel.normal import exponential, normal_of_uniform
from gridloop.kernel.random import TILE, normal_block, philox, uniform_block, uniform_of_words, words_of_tile

U = np.uint64
FULL = 2**32 - 1
# Known answers of Random123 1.14, file kat_vectors, lines "philox4x32 10": counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((FULL,) * 4, (FULL,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
words32 = st.integers(0, FULL)
seeds = st.integers(0, 2**64 - 1)
scenarios = st.integers(0, 2**40)


def plain_philox(counter, key):
    """The rounds as the paper writes them, on Python's own whole numbers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def plain_word(seed, stream, element, scenario):
    """The word of one scenario, by the counter that the module's head describes."""
    i = scenario % 64
    group = 16 * (scenario // 64) + i % 16
    words = plain_philox((group % 2**32, group >> 32, element, stream), (seed % 2**32, seed >> 32))
    return words[i // 16]


def uniform(seed=1, stream=2, element=0, first=0, shape=(1, 1), dtype=np.float64, fill=uniform_block):
    out = np.empty(shape, dtype)
    fill(U(seed), U(stream), U(element), U(first), out)
    return out


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers(counter, key, result):
    assert tuple(int(w) for w in philox(*map(U, counter), *map(U, key))) == result
    assert plain_philox(counter, key) == result


@settings(deadline=None)  # the first call compiles
@given(seed=seeds, stream=words32, element=words32, scenario=scenarios)
def test_every_scenario_has_the_word_of_its_counter(seed, stream, element, scenario):
    words = np.empty(TILE, np.uint32)
    words_of_tile(U(seed), U(stream), U(element), U(scenario // TILE), words)
    assert words[scenario % TILE] == plain_word(seed, stream, element, scenario)


@settings(deadline=None)  # the first call compiles
@given(seed=seeds, element=st.integers(0, 1000), first=scenarios, skip=st.integers(0, 150), count=st.integers(1, 80))
@pytest.mark.parametrize("fill", [uniform_block, normal_block])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_block_is_a_part_of_any_other(fill, dtype, seed, element, first, skip, count):
    whole = uniform(seed, 7, element, first, (3, skip + count + 5), dtype, fill)
    part = uniform(seed, 7, element + 1, first + skip, (2, count), dtype, fill)
    assert part.tobytes() == whole[1:, skip : skip + count].tobytes()


def test_threads_do_not_matter():
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda k: uniform(first=100 * k, shape=(5, 100), fill=normal_block), range(20)))
    assert np.concatenate(parts, axis=1).tobytes() == uniform(shape=(5, 2000), fill=normal_block).tobytes()


@pytest.mark.parametrize(("dtype", "cell"), [(np.float32, 2.0**-23), (np.float64, 2.0**-32)])
def test_the_first_and_the_last_number_are_half_a_cell_from_the_ends(dtype, cell):
    out = np.empty(2, dtype)
    uniform_of_words(np.array([0, FULL], np.uint32), out)
    assert out[0] == cell / 2 and 1.0 - float(out[1]) == cell / 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_and_distribution(dtype):
    """A million numbers: five standard errors of each figure; Kolmogorov–Smirnov at one in a million."""
    u = uniform(shape=(10, 100_000), dtype=dtype).astype(float).ravel()
    error = 5 / np.sqrt(u.size)
    assert abs(u.mean() - 0.5) < error * np.sqrt(1 / 12) and abs((u**2).mean() - 1 / 3) < error * np.sqrt(4 / 45)
    assert stats.kstest(u, "uniform").pvalue > 1e-6
    z = uniform(shape=(10, 100_000), dtype=dtype, fill=normal_block).astype(float).ravel()
    for power, mean, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - mean) < error * np.sqrt(spread)
    assert stats.kstest(z, "norm").pvalue > 1e-6


def test_elements_streams_seeds_and_neighbours_are_uncorrelated():
    """Correlation of 100,000 pairs: five standard errors."""
    base = uniform(shape=(1, 100_001))[0]
    others = [
        uniform(element=1, shape=(1, 100_001))[0],
        uniform(stream=3, shape=(1, 100_001))[0],
        uniform(seed=2, shape=(1, 100_001))[0],
        uniform(seed=1 + 2**32, shape=(1, 100_001))[0],
    ]
    pairs = [(base, other) for other in others] + [(base[lag:], base[:-lag]) for lag in (1, 4, 16, 64)]
    for a, b in pairs:
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(a.size)


@pytest.mark.parametrize(("dtype", "bits", "tolerance"), [(np.float32, 23, 1e-6), (np.float64, 32, 1e-14)])
def test_quantiles_are_those_of_scipy(dtype, bits, tolerance):
    """AS 241 is good to 1 part in 10^7 (PPND7) and 10^16 (PPND16); the rest is rounding of its arithmetic."""
    middle = np.linspace(0.001, 0.999, 4001)
    tail = 2.0 ** -np.arange(2.0, bits + 2)
    p = np.concatenate([middle, tail, (1 - tail)]).astype(dtype)
    p = p[(p > 0) & (p < 1)]
    z = p.copy()
    normal_of_uniform(z)
    assert np.abs(z - ndtri(p.astype(float))).max() < tolerance
    assert (np.diff(z[: middle.size]) > 0).all()


def test_quantiles_are_odd():
    p = np.array([0.5, 2.0**-33, 2.0**-20, 0.0703125, 0.07421875, 0.08203125])  # dyadic: 1 − p is exact
    low, high = p.copy(), 1 - p
    normal_of_uniform(low)
    normal_of_uniform(high)
    assert np.array_equal(low, -high)
    assert low[0] == 0


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.floats(-700, 700), min_size=1, max_size=600))
def test_exponential_is_that_of_the_library(numbers):
    """Within two units in the last place: one rounding of the sum and one of each product near it."""
    x = np.array(numbers)
    y = x.copy()
    exponential(y)
    assert (np.abs(y / np.exp(x) - 1) < 2 * 2.3e-16).all()
