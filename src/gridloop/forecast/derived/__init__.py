"""Derived: what follows from forecasts — peaks, ramps, sums of plants, and levels that add up."""
