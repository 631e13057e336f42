"""Scenarios: whole courses over time and places, drawn from quantiles, with the probability of each."""

from gridloop.forecast.scenarios.model import ScenarioModel, Scenarios

__all__ = ["ScenarioModel", "Scenarios"]
