"""Innovations of a linear state that one sensor watches: the Kalman filter and its likelihood."""

from __future__ import annotations

import numpy as np
from numba import njit

from gridloop.units import FloatArray


@njit(cache=True, nogil=True)
def filter_states(
    a: FloatArray,
    b: FloatArray,
    q: FloatArray,
    more: FloatArray,
    times: FloatArray,
    r: float,
    u: FloatArray,
    y: FloatArray,
    x0: FloatArray,
    p0: FloatArray,
    innovation: FloatArray,
    variance: FloatArray,
    state: FloatArray,
) -> float:
    """−log likelihood of readings of the first state; x_{t+1} = a x_t + b u_t + noise of covariance q + times_t more.

    a           [state, state]
    b           [state, input]
    q           [state, state]  covariance of what is added in every interval
    more        [state, state]  covariance that comes on top, as often as `times` says
    times       [step]
    r           variance of a reading
    u           [step, input]   constant over the interval that begins with the step
    y           [step]          readings at the beginning of each interval; NaN is none
    x0, p0      [state], [state, state]  expected first state and its covariance, before the first reading
    innovation  [step]          reading less what was expected of it; NaN where there is none; written here
    variance    [step]          its variance; written here
    state       [step, state]   state given the readings up to and including this one; written here
    """
    n, steps = x0.size, y.size
    x, p = x0.copy(), p0.copy()
    total = 0.0
    moved, gain, row = np.empty(n), np.empty(n), np.empty(n)
    half = np.empty((n, n))
    for t in range(steps):
        s = p[0, 0] + r
        variance[t] = s
        if np.isnan(y[t]):
            innovation[t] = np.nan
        else:
            e = y[t] - x[0]
            innovation[t] = e
            total += 0.5 * (np.log(2.0 * np.pi * s) + e * e / s)
            for i in range(n):
                gain[i] = p[i, 0] / s
                row[i] = p[0, i]
            for i in range(n):
                x[i] += gain[i] * e
                for j in range(n):
                    p[i, j] -= gain[i] * row[j]
        for i in range(n):
            state[t, i] = x[i]
        for i in range(n):
            found = 0.0
            for j in range(n):
                found += a[i, j] * x[j]
            for j in range(u.shape[1]):
                found += b[i, j] * u[t, j]
            moved[i] = found
        for i in range(n):
            x[i] = moved[i]
            for j in range(n):
                found = 0.0
                for k in range(n):
                    found += a[i, k] * p[k, j]
                half[i, j] = found
        for i in range(n):
            for j in range(i + 1):
                found = 0.5 * (q[i, j] + q[j, i] + times[t] * (more[i, j] + more[j, i]))
                for k in range(n):
                    found += half[i, k] * a[j, k]
                p[i, j] = found
                p[j, i] = found
    return total
