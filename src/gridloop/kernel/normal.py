"""Quantiles of the normal distribution, its logarithm and its exponential, written so that loops become vectors.

Nothing here branches on a value and nothing calls the C library: both sides of a choice are computed and one is
taken, and a logarithm is made of the exponent's bits and a series. Sums, products, quotients and roots are rounded
alike on every processor, so that the same uniform number gives the same normal one everywhere.

Quantile of p (Wichura): with q = p − 1/2, in the middle |q| ≤ 0.425 a rational function of 0.425² − q² times q;
outside, one of √(−log min(p, 1 − p)). The third range of the source, beyond e^−25, is left out: `kernel.random` gives
no p below 2^−33.

Logarithm: x = m 2^e with m in √½ … √2 gives log x = e log 2 + 2 artanh s, s = (m − 1)/(m + 1), |s| < 0.172: of
artanh s = s + s³/3 + s⁵/5 + … ten terms leave 3e-17 of it, five leave 2e-9.

Source: Wichura, Algorithm AS 241, Applied Statistics 37 (1988): PPND16 for float64, PPND7 for float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gridloop.kernel.compiled import inner, kernel, outer

# Numbers that are worked on together: few enough to stay in the first cache.
_BLOCK = 512
_LOG2 = math.log(2.0)
_SQRT2 = math.sqrt(2.0)
# 1/log 2, and log 2 as a short number plus a small rest, so that x − k log 2 is exact to the last bit.
_PER_LOG2 = 1.0 / _LOG2
_LOG2_HIGH = 6.93147180369123816490e-01
_LOG2_LOW = 1.90821492927058770002e-10


@kernel(inline="always")
def _ratio64(r: Any, tail: Any) -> Any:
    """Numerator and denominator of PPND16 in the middle, of 0.425² − q², and outside, of √(−log p) − 1.6."""
    top = 2.5090809287301226727e3 * r + 3.3430575583588128105e4
    top = (((top * r + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r + 1.3731693765509461125e4) * r
    top = ((top + 1.9715909503065514427e3) * r + 1.3314166789178437745e2) * r + 3.3871328727963666080
    low = 5.2264952788528545610e3 * r + 2.8729085735721942674e4
    low = (((low * r + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r
    low = ((low + 6.8718700749205790830e2) * r + 4.2313330701600911252e1) * r + 1.0
    far = 7.74545014278341407640e-4 * tail + 2.27238449892691845833e-2
    far = (
        ((far * tail + 2.41780725177450611770e-1) * tail + 1.27045825245236838258) * tail + 3.64784832476320460504
    ) * tail
    far = ((far + 5.76949722146069140550) * tail + 4.63033784615654529590) * tail + 1.42343711074968357734
    out = 1.05075007164441684324e-9 * tail + 5.47593808499534494600e-4
    out = (
        ((out * tail + 1.51986665636164571966e-2) * tail + 1.48103976427480074590e-1) * tail
    ) + 6.89767334985100004550e-1
    out = (((out * tail) + 1.67638483018380384940) * tail + 2.05319162663775882187) * tail + 1.0
    return top, low, far, out


@kernel(inline="always")
def _ratio32(r: Any, tail: Any) -> Any:
    """As `_ratio64` for PPND7, in float32."""
    f = np.float32
    top = ((f(59.109374720) * r + f(159.29113202)) * r + f(50.434271938)) * r + f(3.3871327179)
    low = ((f(67.187563600) * r + f(78.757757664)) * r + f(17.895169469)) * r + f(1.0)
    far = ((f(0.17023821103) * tail + f(1.3067284816)) * tail + f(2.7568153900)) * tail + f(1.4234372777)
    out = (f(0.12021132975) * tail + f(0.73700164250)) * tail + f(1.0)
    return top, low, far, out


@inner
def _log64(x: Any, out: Any) -> None:
    """Logarithm of x [i] > 0, float64; out [i] is written."""
    bits = x.view(np.int64)
    raised = np.empty(x.size, np.int64)
    for i in range(x.size):
        # The same exponent for everything: 1 ≤ m < 2.
        raised[i] = (bits[i] & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000
    mantissa = raised.view(np.float64)
    for i in range(x.size):
        m, e = mantissa[i], np.float64((bits[i] >> 52) - 1023)
        above = m > _SQRT2
        m, e = m * 0.5 if above else m, e + 1.0 if above else e
        s = (m - 1.0) / (m + 1.0)
        t = s * s
        series = t * (1 / 19) + 1 / 17
        series = (((series * t + 1 / 15) * t + 1 / 13) * t + 1 / 11) * t + 1 / 9
        series = (((series * t + 1 / 7) * t + 1 / 5) * t + 1 / 3) * t
        out[i] = e * _LOG2 + 2.0 * (s + s * series)


@inner
def _log32(x: Any, out: Any) -> None:
    """Logarithm of x [i] > 0, float32; out [i] is written."""
    f = np.float32
    bits = x.view(np.int32)
    raised = np.empty(x.size, np.int32)
    for i in range(x.size):
        raised[i] = (bits[i] & np.int32(0x7FFFFF)) | np.int32(0x3F800000)
    mantissa = raised.view(np.float32)
    for i in range(x.size):
        m, e = mantissa[i], f((bits[i] >> np.int32(23)) - np.int32(127))
        above = m > f(_SQRT2)
        m, e = m * f(0.5) if above else m, e + f(1.0) if above else e
        s = (m - f(1.0)) / (m + f(1.0))
        t = s * s
        series = ((t * f(1 / 9) + f(1 / 7)) * t + f(1 / 5)) * t + f(1 / 3)
        out[i] = e * f(_LOG2) + f(2.0) * (s + s * t * series)


@inner
def _least(p: Any, out: Any) -> None:
    """The smaller of p and 1 − p. p, out [i]"""
    one = p.dtype.type(1.0)
    for i in range(p.size):
        out[i] = min(p[i], one - p[i])


@inner
def _quantile64(p: Any, logs: Any) -> None:
    """Put the quantiles in the place of p [i], where `logs` [i] are those of min(p, 1 − p); float64."""
    for i in range(p.size):
        q = p[i] - 0.5
        top, low, far, out = _ratio64(0.180625 - q * q, np.sqrt(-logs[i]) - 1.6)
        middle = abs(q) <= 0.425
        far = far if q > 0.0 else -far
        # One quotient, of what was chosen: quotients are what takes time here.
        p[i] = (q * top if middle else far) / (low if middle else out)


@inner
def _quantile32(p: Any, logs: Any) -> None:
    """As `_quantile64`, in float32."""
    f = np.float32
    for i in range(p.size):
        q = p[i] - f(0.5)
        top, low, far, out = _ratio32(f(0.180625) - q * q, np.sqrt(-logs[i]) - f(1.6))
        middle = abs(q) <= f(0.425)
        far = far if q > f(0.0) else -far
        p[i] = (q * top if middle else far) / (low if middle else out)


@outer
def normal_of_uniform(p: Any) -> None:
    """Quantiles of the standard normal distribution.

    p  [i]  float32 or float64, at least 2^-33 away from 0 and 1; overwritten with the quantiles
    """
    # One loop per function: each is then turned into vectors, which a loop over all of it is not.
    least = np.empty(min(_BLOCK, p.size), p.dtype)
    logs = np.empty(least.size, p.dtype)
    for begin in range(0, p.size, _BLOCK):
        n = min(_BLOCK, p.size - begin)
        here = p[begin : begin + n]
        _least(here, least)
        if p.itemsize == 4:
            _log32(least[:n], logs)
            _quantile32(here, logs)
        else:
            _log64(least[:n], logs)
            _quantile64(here, logs)


@outer
def exponential(x: Any) -> None:
    """e to the power of x.

    x  [i]  float64 between −700 and 700; overwritten

    x = k log 2 + r with |r| ≤ 0.347 gives 2^k times the series of e^r, whose fourteenth power is below 5e-18.
    """
    powers = np.empty(_BLOCK, np.int64)
    scale = powers.view(np.float64)
    for begin in range(0, x.size, _BLOCK):
        n = min(_BLOCK, x.size - begin)
        here = x[begin : begin + n]
        for i in range(n):
            k = np.floor(here[i] * _PER_LOG2 + 0.5)
            r = (here[i] - k * _LOG2_HIGH) - k * _LOG2_LOW
            series = ((r * (1 / 6227020800) + 1 / 479001600) * r + 1 / 39916800) * r + 1 / 3628800
            series = (((series * r + 1 / 362880) * r + 1 / 40320) * r + 1 / 5040) * r + 1 / 720
            series = (((series * r + 1 / 120) * r + 1 / 24) * r + 1 / 6) * r + 0.5
            here[i] = (series * r + 1.0) * r + 1.0
            powers[i] = (np.int64(k) + 1023) << 52
        for i in range(n):
            here[i] *= scale[i]
