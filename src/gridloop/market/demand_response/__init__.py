"""Demand response: programmes and their calls, baselines, what was delivered and how surely, and who bears it."""
