"""gridloop runs a power grid as one closed loop over one model: observe → forecast → plan → check → act → learn.

This is the public door: the names below, each loaded when it is first used, so that importing gridloop does nothing.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridloop.diagnosis import Diagnosis as Diagnosis
    from gridloop.errors import GridloopError as GridloopError
    from gridloop.forecast.corrected import CorrectedForecaster as CorrectedForecaster
    from gridloop.forecast.day_ahead import DayAheadForecaster as DayAheadForecaster
    from gridloop.forecast.feeder import FeederForecaster as FeederForecaster
    from gridloop.forecast.load import LoadForecaster as LoadForecaster
    from gridloop.forecast.meters import MeterForecaster as MeterForecaster
    from gridloop.forecast.operation.guard import GuardedForecaster as GuardedForecaster
    from gridloop.forecast.price import PriceForecaster as PriceForecaster
    from gridloop.forecast.solar import SolarForecaster as SolarForecaster
    from gridloop.forecast.value import Forecast as Forecast
    from gridloop.forecast.week_ahead import WeekAheadForecaster as WeekAheadForecaster
    from gridloop.forecast.wind import WindForecaster as WindForecaster
    from gridloop.io.folder import write_network as write_network
    from gridloop.io.pglib_uc import read_units as read_units
    from gridloop.io.read import read_network as read_network
    from gridloop.market.tariff import DynamicTariff as DynamicTariff
    from gridloop.network.feeder.model import Feeder as Feeder
    from gridloop.network.merge import merge as merge
    from gridloop.network.model import Network as Network
    from gridloop.network.unit_system import UnitSystem as UnitSystem
    from gridloop.network.validation import validate as validate
    from gridloop.operate.replay import replay_tick as replay_tick
    from gridloop.operate.run import operate as operate
    from gridloop.operate.run import resume_run as resume_run
    from gridloop.operate.settings import read_site as read_site
    from gridloop.optimize.check.checked import Checked as Checked
    from gridloop.optimize.check.commitment import CommitmentCase as CommitmentCase
    from gridloop.optimize.check.dispatch import DispatchCase as DispatchCase
    from gridloop.optimize.check.plan import ScheduleCase as ScheduleCase
    from gridloop.optimize.check.solution import check_solution as check_solution
    from gridloop.optimize.commitment.result import Commitment as Commitment
    from gridloop.optimize.devices.battery import Battery as Battery
    from gridloop.optimize.devices.connection import Connection as Connection
    from gridloop.optimize.devices.ev import EVFleet as EVFleet
    from gridloop.optimize.devices.load import Load as Load
    from gridloop.optimize.devices.renewable import Renewable as Renewable
    from gridloop.optimize.devices.tap_changer import TapChanger as TapChanger
    from gridloop.optimize.dispatch_result import Dispatch as Dispatch
    from gridloop.optimize.horizon import Horizon as Horizon
    from gridloop.optimize.losses import BCoefficients as BCoefficients
    from gridloop.optimize.next_best import next_best as next_best
    from gridloop.optimize.optimal_flow import OptimalFlow as OptimalFlow
    from gridloop.optimize.physics.ac_tangent import AcTangent as AcTangent
    from gridloop.optimize.physics.dc import Dc as Dc
    from gridloop.optimize.physics.dc import Security as Security
    from gridloop.optimize.physics.lindistflow_feeder_result import FeederOptimalFlow as FeederOptimalFlow
    from gridloop.optimize.plan import Plan as Plan
    from gridloop.optimize.problems.commitment import CommitmentScenario as CommitmentScenario
    from gridloop.optimize.problems.commitment import commit_units as commit_units
    from gridloop.optimize.problems.commitment_units import place_units as place_units
    from gridloop.optimize.problems.commitment_units import units_of_network as units_of_network
    from gridloop.optimize.problems.dispatch import dispatch as dispatch
    from gridloop.optimize.problems.multi_period import plan_dispatch as plan_dispatch
    from gridloop.optimize.problems.opf import optimal_power_flow as optimal_power_flow
    from gridloop.optimize.problems.opf_feeder import optimal_feeder_flow as optimal_feeder_flow
    from gridloop.optimize.problems.schedule import schedule as schedule
    from gridloop.optimize.problems.secure import secure_optimal_flow as secure_optimal_flow
    from gridloop.powerflow.contingency.report import Contingencies as Contingencies
    from gridloop.powerflow.contingency.study import contingencies as contingencies
    from gridloop.powerflow.contingency.study import prepare_contingencies as prepare_contingencies
    from gridloop.powerflow.diagnosis import load_margin as load_margin
    from gridloop.powerflow.doors import power_flow as power_flow
    from gridloop.powerflow.doors import power_flows as power_flows
    from gridloop.powerflow.feeder.batch import FeederFlows as FeederFlows
    from gridloop.powerflow.feeder.flow import FeederFlow as FeederFlow
    from gridloop.powerflow.flow import Flow as Flow
    from gridloop.powerflow.flows import Flows as Flows
    from gridloop.powerflow.sensitivities import lodf as lodf
    from gridloop.powerflow.sensitivities import psdf as psdf
    from gridloop.powerflow.sensitivities import ptdf as ptdf
    from gridloop.powerflow.study.reducers import Converged as Converged
    from gridloop.powerflow.study.reducers import HostingCapacity as HostingCapacity
    from gridloop.powerflow.study.reducers import Quantiles as Quantiles
    from gridloop.powerflow.study.reducers import Range as Range
    from gridloop.powerflow.study.reducers import Violations as Violations
    from gridloop.powerflow.study.reducers import WorstK as WorstK
    from gridloop.powerflow.study.samplers import Adoption as Adoption
    from gridloop.powerflow.study.samplers import GaussianCopula as GaussianCopula
    from gridloop.powerflow.study.samplers import Independent as Independent
    from gridloop.powerflow.study.samplers import LogNormal as LogNormal
    from gridloop.powerflow.study.samplers import Normal as Normal
    from gridloop.powerflow.study.samplers import Uniform as Uniform
    from gridloop.powerflow.study.simulate import simulate as simulate
    from gridloop.powerflow.study.study import Study as Study
    from gridloop.series.readings import Readings as Readings
    from gridloop.telemetry.store import open_store as open_store

_WHERE = {
    "AcTangent": "optimize.physics.ac_tangent",
    "Adoption": "powerflow.study.samplers",
    "BCoefficients": "optimize.losses",
    "Battery": "optimize.devices.battery",
    "Checked": "optimize.check.checked",
    "Commitment": "optimize.commitment.result",
    "CommitmentCase": "optimize.check.commitment",
    "CommitmentScenario": "optimize.problems.commitment",
    "Connection": "optimize.devices.connection",
    "Contingencies": "powerflow.contingency.report",
    "Converged": "powerflow.study.reducers",
    "CorrectedForecaster": "forecast.corrected",
    "DayAheadForecaster": "forecast.day_ahead",
    "Dc": "optimize.physics.dc",
    "Diagnosis": "diagnosis",
    "Dispatch": "optimize.dispatch_result",
    "DispatchCase": "optimize.check.dispatch",
    "DynamicTariff": "market.tariff",
    "EVFleet": "optimize.devices.ev",
    "Feeder": "network.feeder.model",
    "FeederFlow": "powerflow.feeder.flow",
    "FeederFlows": "powerflow.feeder.batch",
    "FeederForecaster": "forecast.feeder",
    "FeederOptimalFlow": "optimize.physics.lindistflow_feeder_result",
    "Flow": "powerflow.flow",
    "Flows": "powerflow.flows",
    "Forecast": "forecast.value",
    "GaussianCopula": "powerflow.study.samplers",
    "GridloopError": "errors",
    "GuardedForecaster": "forecast.operation.guard",
    "Horizon": "optimize.horizon",
    "HostingCapacity": "powerflow.study.reducers",
    "Independent": "powerflow.study.samplers",
    "Load": "optimize.devices.load",
    "LoadForecaster": "forecast.load",
    "LogNormal": "powerflow.study.samplers",
    "MeterForecaster": "forecast.meters",
    "Network": "network.model",
    "Normal": "powerflow.study.samplers",
    "OptimalFlow": "optimize.optimal_flow",
    "Plan": "optimize.plan",
    "PriceForecaster": "forecast.price",
    "Quantiles": "powerflow.study.reducers",
    "Range": "powerflow.study.reducers",
    "Readings": "series.readings",
    "Renewable": "optimize.devices.renewable",
    "ScheduleCase": "optimize.check.plan",
    "Security": "optimize.physics.dc",
    "SolarForecaster": "forecast.solar",
    "Study": "powerflow.study.study",
    "TapChanger": "optimize.devices.tap_changer",
    "Uniform": "powerflow.study.samplers",
    "UnitSystem": "network.unit_system",
    "Violations": "powerflow.study.reducers",
    "WeekAheadForecaster": "forecast.week_ahead",
    "WindForecaster": "forecast.wind",
    "WorstK": "powerflow.study.reducers",
    "check_solution": "optimize.check.solution",
    "commit_units": "optimize.problems.commitment",
    "contingencies": "powerflow.contingency.study",
    "dispatch": "optimize.problems.dispatch",
    "load_margin": "powerflow.diagnosis",
    "lodf": "powerflow.sensitivities",
    "merge": "network.merge",
    "next_best": "optimize.next_best",
    "open_store": "telemetry.store",
    "operate": "operate.run",
    "optimal_feeder_flow": "optimize.problems.opf_feeder",
    "optimal_power_flow": "optimize.problems.opf",
    "place_units": "optimize.problems.commitment_units",
    "plan_dispatch": "optimize.problems.multi_period",
    "power_flow": "powerflow.doors",
    "power_flows": "powerflow.doors",
    "prepare_contingencies": "powerflow.contingency.study",
    "psdf": "powerflow.sensitivities",
    "ptdf": "powerflow.sensitivities",
    "read_network": "io.read",
    "read_site": "operate.settings",
    "read_units": "io.pglib_uc",
    "replay_tick": "operate.replay",
    "resume_run": "operate.run",
    "schedule": "optimize.problems.schedule",
    "secure_optimal_flow": "optimize.problems.secure",
    "simulate": "powerflow.study.simulate",
    "units_of_network": "optimize.problems.commitment_units",
    "validate": "network.validation",
    "write_network": "io.folder",
}

__all__ = sorted([*_WHERE, "__version__"])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("gridloop")
    if name not in _WHERE:
        raise AttributeError(f"module 'gridloop' has no attribute {name!r}")
    value = getattr(import_module(f"gridloop.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
