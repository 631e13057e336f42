"""Forecast: quantiles of load, sun and wind, learned only from what was known before each tick."""

from gridloop.forecast.blend.feedback import Memory, correct, newest_errors
from gridloop.forecast.corrected import CorrectedForecaster
from gridloop.forecast.day_ahead import DayAheadForecaster
from gridloop.forecast.derived.fleet import Fleet, ranks_of
from gridloop.forecast.derived.hierarchy import Hierarchy, Reconciler
from gridloop.forecast.derived.peaks import peaks
from gridloop.forecast.features.holidays import holidays_of
from gridloop.forecast.feeder import FeederForecaster, Kind
from gridloop.forecast.known.place import Place
from gridloop.forecast.known.record import Record
from gridloop.forecast.load import LoadForecaster
from gridloop.forecast.meters import MeterForecaster
from gridloop.forecast.plants.disaggregation import disaggregate
from gridloop.forecast.plants.solar_plant import Plant
from gridloop.forecast.plants.wind_curve import PowerCurve
from gridloop.forecast.plants.wind_mask import mask_wind
from gridloop.forecast.price import PriceForecaster
from gridloop.forecast.scenarios import ScenarioModel, Scenarios
from gridloop.forecast.solar import SolarForecaster
from gridloop.forecast.steady import SteadyForecaster
from gridloop.forecast.tested.backtest import backtest
from gridloop.forecast.tested.backtest_scores import Backtest
from gridloop.forecast.tested.scores import Scores, score
from gridloop.forecast.value import Forecast, join
from gridloop.forecast.week_ahead import WeekAheadForecaster
from gridloop.forecast.wind import WindForecaster

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
