"""Decide: pure functions from what is known to checked set-points. No clock, no chance, no outside."""
