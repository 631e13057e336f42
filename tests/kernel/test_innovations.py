"""The innovations' likelihood against the joint distribution of all readings, written out."""

from __future__ import annotations

import numpy as np
import pytest
from pytest import approx
from scipy.stats import multivariate_normal

from gridloop.kernel.innovations import filter_states


@pytest.mark.parametrize("gap", [False, True])
def test_likelihood_is_that_of_the_joint_distribution(gap):
    """Mean and covariance of y by running the equations forward; the log density is scipy's."""
    rng = np.random.default_rng(0)
    a, b = np.array([[0.7, 0.2], [0.1, 0.85]]), np.array([[0.1], [0.05]])
    q, r = np.array([[0.04, 0.01], [0.01, 0.02]]), 0.03
    more, times = np.array([[0.02, -0.01], [-0.01, 0.05]]), rng.uniform(0.0, 3.0, 8)
    x0, p0, steps = np.array([1.0, 2.0]), np.diag([1.0, 4.0]), 8
    u = rng.normal(size=(steps, 1))
    y = rng.normal(size=steps)
    if gap:
        y[3] = np.nan
    mean, cover, x = np.empty(steps), np.zeros((steps, steps)), x0
    powers, p = [np.linalg.matrix_power(a, k) for k in range(steps)], p0
    for t in range(steps):
        mean[t] = x[0]
        for later in range(t, steps):
            cover[t, later] = cover[later, t] = (powers[later - t] @ p)[0, 0]
        x, p = a @ x + b @ u[t], a @ p @ a.T + q + times[t] * more
    known = np.isfinite(y)
    right = multivariate_normal(mean[known], (cover + r * np.eye(steps))[np.ix_(known, known)]).logpdf(y[known])
    work = np.empty(steps), np.empty(steps), np.empty((steps, 2))
    assert -filter_states(a, b, q, more, times, r, u, y, x0, p0, *work) == approx(float(right), abs=1e-10)
    assert np.isnan(work[0]).tolist() == (~known).tolist()
