"""Forecast: quantiles of load, sun and wind, learned only from what was known before each tick."""

from gridloop.forecast.feedback import Memory, correct, newest_errors
from gridloop.forecast.feeder import FeederForecaster, Kind
from gridloop.forecast.load import LoadForecaster
from gridloop.forecast.place import Place
from gridloop.forecast.scores import Scores, score
from gridloop.forecast.solar import SolarForecaster
from gridloop.forecast.steady import SteadyForecaster
from gridloop.forecast.value import Forecast, join
from gridloop.forecast.wind import WindForecaster

__all__ = [
    "FeederForecaster",
    "Forecast",
    "Kind",
    "LoadForecaster",
    "Memory",
    "Place",
    "Scores",
    "SolarForecaster",
    "SteadyForecaster",
    "WindForecaster",
    "correct",
    "join",
    "newest_errors",
    "score",
]
