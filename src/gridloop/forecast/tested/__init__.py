"""Tested: forecasts against what came — replayed issues, scores, reliability."""
