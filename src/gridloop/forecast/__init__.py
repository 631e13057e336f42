"""Forecast: quantiles of load, sun and wind, learned only from what was known before each tick."""

from gridloop.forecast.backtest import backtest
from gridloop.forecast.backtest_scores import Backtest
from gridloop.forecast.corrected import CorrectedForecaster
from gridloop.forecast.day_ahead import DayAheadForecaster
from gridloop.forecast.disaggregation import disaggregate
from gridloop.forecast.features.holidays import holidays_of
from gridloop.forecast.feedback import Memory, correct, newest_errors
from gridloop.forecast.feeder import FeederForecaster, Kind
from gridloop.forecast.fleet import Fleet, ranks_of
from gridloop.forecast.hierarchy import Hierarchy, Reconciler
from gridloop.forecast.load import LoadForecaster
from gridloop.forecast.meters import MeterForecaster
from gridloop.forecast.peaks import peaks
from gridloop.forecast.place import Place
from gridloop.forecast.price import PriceForecaster
from gridloop.forecast.record import Record
from gridloop.forecast.scenarios import ScenarioModel, Scenarios
from gridloop.forecast.scores import Scores, score
from gridloop.forecast.solar import SolarForecaster
from gridloop.forecast.solar_plant import Plant
from gridloop.forecast.steady import SteadyForecaster
from gridloop.forecast.value import Forecast, join
from gridloop.forecast.week_ahead import WeekAheadForecaster
from gridloop.forecast.wind import WindForecaster
from gridloop.forecast.wind_curve import PowerCurve
from gridloop.forecast.wind_mask import mask_wind

__all__ = [
    "Backtest",
    "CorrectedForecaster",
    "DayAheadForecaster",
    "FeederForecaster",
    "Fleet",
    "Forecast",
    "Hierarchy",
    "Kind",
    "LoadForecaster",
    "Memory",
    "MeterForecaster",
    "Place",
    "Plant",
    "PowerCurve",
    "PriceForecaster",
    "Reconciler",
    "Record",
    "ScenarioModel",
    "Scenarios",
    "Scores",
    "SolarForecaster",
    "SteadyForecaster",
    "WeekAheadForecaster",
    "WindForecaster",
    "backtest",
    "correct",
    "disaggregate",
    "holidays_of",
    "join",
    "mask_wind",
    "newest_errors",
    "peaks",
    "ranks_of",
    "score",
]
