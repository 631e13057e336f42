"""Numba on plain arrays: the arithmetic underneath. It sees numpy arrays and nothing of the grid's tables."""
