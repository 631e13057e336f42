"""Kernels that only kernels call, with a way in from Python."""

from numba import njit

from gridloop.kernel import elimination, outage


@njit
def forward_shared(factors, x):
    elimination.forward_shared(factors, x)


@njit
def backward_shared(factors, x):
    elimination.backward_shared(factors, x)


@njit
def solve_shared(factors, x):
    elimination.solve_shared(factors, x)


@njit
def factorize_lanes(plan, blocks):
    elimination.factorize_lanes(plan, blocks)


@njit
def solve_lanes(plan, blocks, x):
    elimination.solve_lanes(plan, blocks, x)


@njit
def correct_step(paths, correction, first, lanes, x):
    outage._correct(paths, correction, first, lanes, x)
