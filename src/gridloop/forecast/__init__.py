"""Forecast: quantiles of load, sun and wind, learned only from what was known before each tick."""

from gridloop.forecast.backtest import backtest
from gridloop.forecast.backtest_scores import Backtest
from gridloop.forecast.day_ahead import DayAheadForecaster
from gridloop.forecast.features.holidays import holidays_of
from gridloop.forecast.feedback import Memory, correct, newest_errors
from gridloop.forecast.feeder import FeederForecaster, Kind
from gridloop.forecast.load import LoadForecaster
from gridloop.forecast.place import Place
from gridloop.forecast.record import Record
from gridloop.forecast.scores import Scores, score
from gridloop.forecast.solar import SolarForecaster
from gridloop.forecast.steady import SteadyForecaster
from gridloop.forecast.value import Forecast, join
from gridloop.forecast.wind import WindForecaster

__all__ = [
    "Backtest",
    "DayAheadForecaster",
    "FeederForecaster",
    "Forecast",
    "Kind",
    "LoadForecaster",
    "Memory",
    "Place",
    "Record",
    "Scores",
    "SolarForecaster",
    "SteadyForecaster",
    "WindForecaster",
    "backtest",
    "correct",
    "holidays_of",
    "join",
    "newest_errors",
    "score",
]
