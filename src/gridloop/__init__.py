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
    from gridloop.forecast.air import AirForecaster as AirForecaster
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
    from gridloop.io.citylearn import Homes as Homes
    from gridloop.io.citylearn import read_citylearn as read_citylearn
    from gridloop.io.folder import write_network as write_network
    from gridloop.io.house import read_house as read_house
    from gridloop.io.pglib_uc import read_units as read_units
    from gridloop.io.read import read_network as read_network
    from gridloop.io.weather_file import read_weather as read_weather
    from gridloop.market.demand_response.baseline import BaselineMethod as BaselineMethod
    from gridloop.market.demand_response.baseline import customer_baseline as customer_baseline
    from gridloop.market.demand_response.equity import by_group as by_group
    from gridloop.market.demand_response.event import DREvent as DREvent
    from gridloop.market.demand_response.event import call_event as call_event
    from gridloop.market.demand_response.measure import MeasuredDelivery as MeasuredDelivery
    from gridloop.market.demand_response.measure import measure_event as measure_event
    from gridloop.market.demand_response.program import DRProgram as DRProgram
    from gridloop.market.demand_response.study import DRStudy as DRStudy
    from gridloop.market.demand_response.study import study_program as study_program
    from gridloop.market.demand_response.trial import placebo_trial as placebo_trial
    from gridloop.market.savings.energy_baseline import EnergyBaseline as EnergyBaseline
    from gridloop.market.savings.result import Savings as Savings
    from gridloop.market.savings.savings import savings as savings
    from gridloop.market.savings.trial import savings_trial as savings_trial
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
    from gridloop.operate.studies.process import ProcessStudy as ProcessStudy
    from gridloop.operate.studies.process import process_study as process_study
    from gridloop.optimize.ageing.depth import cost_by_depth as cost_by_depth
    from gridloop.optimize.ageing.rainflow import rainflow as rainflow
    from gridloop.optimize.ageing.report import Ageing as Ageing
    from gridloop.optimize.ageing.report import battery_ageing as battery_ageing
    from gridloop.optimize.ageing.report import fleet_ageing as fleet_ageing
    from gridloop.optimize.before import Before as Before
    from gridloop.optimize.before import left_alone as left_alone
    from gridloop.optimize.building.model import BuildingModel as BuildingModel
    from gridloop.optimize.charging.baselines import least_laxity_first as least_laxity_first
    from gridloop.optimize.charging.baselines import uncontrolled_charging as uncontrolled_charging
    from gridloop.optimize.charging.fair import fair_energies as fair_energies
    from gridloop.optimize.charging.planning import ChargingPlan as ChargingPlan
    from gridloop.optimize.charging.planning import plan_charging as plan_charging
    from gridloop.optimize.charging.problems import charging_problems as charging_problems
    from gridloop.optimize.charging.replan import ChargingRules as ChargingRules
    from gridloop.optimize.charging.replan import replan_charging as replan_charging
    from gridloop.optimize.charging.result import Charging as Charging
    from gridloop.optimize.charging.weights import weigh_charging as weigh_charging
    from gridloop.optimize.charging_arrivals import simulate_arrivals as simulate_arrivals
    from gridloop.optimize.charging_events import charging_events as charging_events
    from gridloop.optimize.charging_fleet.charge import charge_fleet as charge_fleet
    from gridloop.optimize.charging_fleet.result import FleetPlan as FleetPlan
    from gridloop.optimize.check.checked import Checked as Checked
    from gridloop.optimize.check.commitment import CommitmentCase as CommitmentCase
    from gridloop.optimize.check.dispatch import DispatchCase as DispatchCase
    from gridloop.optimize.check.plan import ScheduleCase as ScheduleCase
    from gridloop.optimize.check.solution import check_solution as check_solution
    from gridloop.optimize.commitment.result import Commitment as Commitment
    from gridloop.optimize.compressors.leakage import estimate_leakage as estimate_leakage
    from gridloop.optimize.compressors.machine import Compressor as Compressor
    from gridloop.optimize.devices.battery import Battery as Battery
    from gridloop.optimize.devices.building import Building as Building
    from gridloop.optimize.devices.building import Zone as Zone
    from gridloop.optimize.devices.building_plant import HvacMachine as HvacMachine
    from gridloop.optimize.devices.compressor_station import CompressorStation as CompressorStation
    from gridloop.optimize.devices.connection import Connection as Connection
    from gridloop.optimize.devices.ev import EVFleet as EVFleet
    from gridloop.optimize.devices.heat_pump import HeatPump as HeatPump
    from gridloop.optimize.devices.island_reserve import IslandReserve as IslandReserve
    from gridloop.optimize.devices.load import Load as Load
    from gridloop.optimize.devices.process import Process as Process
    from gridloop.optimize.devices.process import Stock as Stock
    from gridloop.optimize.devices.pump import Pump as Pump
    from gridloop.optimize.devices.reducible import Reducible as Reducible
    from gridloop.optimize.devices.renewable import Renewable as Renewable
    from gridloop.optimize.devices.services import Regulation as Regulation
    from gridloop.optimize.devices.services import Reserve as Reserve
    from gridloop.optimize.devices.sheddable import ShedClass as ShedClass
    from gridloop.optimize.devices.sheddable import Sheddable as Sheddable
    from gridloop.optimize.devices.shiftable import Shiftable as Shiftable
    from gridloop.optimize.devices.shiftable_run import ShiftableRun as ShiftableRun
    from gridloop.optimize.devices.tap_changer import TapChanger as TapChanger
    from gridloop.optimize.devices.water_heater import WaterHeater as WaterHeater
    from gridloop.optimize.dispatch_result import Dispatch as Dispatch
    from gridloop.optimize.economics import Economics as Economics
    from gridloop.optimize.economics import battery_economics as battery_economics
    from gridloop.optimize.horizon import Horizon as Horizon
    from gridloop.optimize.losses import BCoefficients as BCoefficients
    from gridloop.optimize.microgrid.black_start import ColdLoad as ColdLoad
    from gridloop.optimize.microgrid.black_start import black_start as black_start
    from gridloop.optimize.microgrid.former import GridFormer as GridFormer
    from gridloop.optimize.microgrid.machine import SwingMachine as SwingMachine
    from gridloop.optimize.microgrid.resync import SyncWindow as SyncWindow
    from gridloop.optimize.microgrid.resync import resynchronise as resynchronise
    from gridloop.optimize.microgrid.rolling import Circuit as Circuit
    from gridloop.optimize.microgrid.rolling import Rota as Rota
    from gridloop.optimize.microgrid.survival import survival as survival
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
    from gridloop.optimize.problems.replanned import Replanned as Replanned
    from gridloop.optimize.problems.schedule import schedule as schedule
    from gridloop.optimize.problems.secure import secure_optimal_flow as secure_optimal_flow
    from gridloop.optimize.process.task import After as After
    from gridloop.optimize.process.task import Task as Task
    from gridloop.optimize.robust.plan import RobustPlan as RobustPlan
    from gridloop.optimize.robust.roll import Rolled as Rolled
    from gridloop.optimize.robust.roll import roll as roll
    from gridloop.optimize.robust.scenario import Scenario as Scenario
    from gridloop.optimize.robust.scenario import scenarios_from as scenarios_from
    from gridloop.optimize.robust.schedule import schedule_robust as schedule_robust
    from gridloop.optimize.storage import BatterySchedules as BatterySchedules
    from gridloop.optimize.storage import battery_schedules as battery_schedules
    from gridloop.optimize.studies.battery_year import BatteryStudy as BatteryStudy
    from gridloop.optimize.studies.battery_year import BatteryYear as BatteryYear
    from gridloop.optimize.studies.battery_year import battery_study as battery_study
    from gridloop.optimize.studies.community import CommunityPlan as CommunityPlan
    from gridloop.optimize.studies.community import CommunityYear as CommunityYear
    from gridloop.optimize.studies.community import community_year as community_year
    from gridloop.optimize.studies.community_grid import CommunityGrid as CommunityGrid
    from gridloop.optimize.studies.community_grid import community_grid as community_grid
    from gridloop.optimize.studies.microgrid import island_days as island_days
    from gridloop.optimize.vpp.delivery import Delivery as Delivery
    from gridloop.optimize.vpp.delivery import track_delivery as track_delivery
    from gridloop.optimize.vpp.offer import Bids as Bids
    from gridloop.optimize.vpp.plant import VirtualPowerPlant as VirtualPowerPlant
    from gridloop.optimize.vpp.split import Split as Split
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
    "After": "optimize.process.task",
    "Ageing": "optimize.ageing.report",
    "AirForecaster": "forecast.air",
    "BCoefficients": "optimize.losses",
    "BaselineMethod": "market.demand_response.baseline",
    "Battery": "optimize.devices.battery",
    "BatterySchedules": "optimize.storage",
    "BatteryStudy": "optimize.studies.battery_year",
    "BatteryYear": "optimize.studies.battery_year",
    "Before": "optimize.before",
    "Bids": "optimize.vpp.offer",
    "Building": "optimize.devices.building",
    "BuildingModel": "optimize.building.model",
    "Charging": "optimize.charging.result",
    "ChargingPlan": "optimize.charging.planning",
    "ChargingRules": "optimize.charging.replan",
    "Checked": "optimize.check.checked",
    "Circuit": "optimize.microgrid.rolling",
    "ColdLoad": "optimize.microgrid.black_start",
    "Commitment": "optimize.commitment.result",
    "CommitmentCase": "optimize.check.commitment",
    "CommitmentScenario": "optimize.problems.commitment",
    "CommunityGrid": "optimize.studies.community_grid",
    "CommunityPlan": "optimize.studies.community",
    "CommunityYear": "optimize.studies.community",
    "Compressor": "optimize.compressors.machine",
    "CompressorStation": "optimize.devices.compressor_station",
    "Connection": "optimize.devices.connection",
    "Contingencies": "powerflow.contingency.report",
    "Converged": "powerflow.study.reducers",
    "CorrectedForecaster": "forecast.corrected",
    "DREvent": "market.demand_response.event",
    "DRProgram": "market.demand_response.program",
    "DRStudy": "market.demand_response.study",
    "DayAheadForecaster": "forecast.day_ahead",
    "Dc": "optimize.physics.dc",
    "Delivery": "optimize.vpp.delivery",
    "Diagnosis": "diagnosis",
    "Dispatch": "optimize.dispatch_result",
    "DispatchCase": "optimize.check.dispatch",
    "DynamicTariff": "market.tariff",
    "EVFleet": "optimize.devices.ev",
    "Economics": "optimize.economics",
    "EnergyBaseline": "market.savings.energy_baseline",
    "Feeder": "network.feeder.model",
    "FeederFlow": "powerflow.feeder.flow",
    "FeederFlows": "powerflow.feeder.batch",
    "FeederForecaster": "forecast.feeder",
    "FeederOptimalFlow": "optimize.physics.lindistflow_feeder_result",
    "FleetPlan": "optimize.charging_fleet.result",
    "Flow": "powerflow.flow",
    "Flows": "powerflow.flows",
    "Forecast": "forecast.value",
    "GaussianCopula": "powerflow.study.samplers",
    "GridFormer": "optimize.microgrid.former",
    "GridloopError": "errors",
    "GuardedForecaster": "forecast.operation.guard",
    "HeatPump": "optimize.devices.heat_pump",
    "Homes": "io.citylearn",
    "Horizon": "optimize.horizon",
    "HostingCapacity": "powerflow.study.reducers",
    "HvacMachine": "optimize.devices.building_plant",
    "Independent": "powerflow.study.samplers",
    "IslandReserve": "optimize.devices.island_reserve",
    "Load": "optimize.devices.load",
    "LoadForecaster": "forecast.load",
    "LogNormal": "powerflow.study.samplers",
    "MeasuredDelivery": "market.demand_response.measure",
    "MeterForecaster": "forecast.meters",
    "Network": "network.model",
    "Normal": "powerflow.study.samplers",
    "OptimalFlow": "optimize.optimal_flow",
    "Plan": "optimize.plan",
    "PriceForecaster": "forecast.price",
    "Process": "optimize.devices.process",
    "ProcessStudy": "operate.studies.process",
    "Pump": "optimize.devices.pump",
    "Quantiles": "powerflow.study.reducers",
    "Range": "powerflow.study.reducers",
    "Readings": "series.readings",
    "Reducible": "optimize.devices.reducible",
    "Regulation": "optimize.devices.services",
    "Renewable": "optimize.devices.renewable",
    "Replanned": "optimize.problems.replanned",
    "Reserve": "optimize.devices.services",
    "RobustPlan": "optimize.robust.plan",
    "Rolled": "optimize.robust.roll",
    "Rota": "optimize.microgrid.rolling",
    "Savings": "market.savings.result",
    "Scenario": "optimize.robust.scenario",
    "ScheduleCase": "optimize.check.plan",
    "Security": "optimize.physics.dc",
    "ShedClass": "optimize.devices.sheddable",
    "Sheddable": "optimize.devices.sheddable",
    "Shiftable": "optimize.devices.shiftable",
    "ShiftableRun": "optimize.devices.shiftable_run",
    "SolarForecaster": "forecast.solar",
    "Split": "optimize.vpp.split",
    "Stock": "optimize.devices.process",
    "Study": "powerflow.study.study",
    "SwingMachine": "optimize.microgrid.machine",
    "SyncWindow": "optimize.microgrid.resync",
    "TapChanger": "optimize.devices.tap_changer",
    "Task": "optimize.process.task",
    "Uniform": "powerflow.study.samplers",
    "UnitSystem": "network.unit_system",
    "Violations": "powerflow.study.reducers",
    "VirtualPowerPlant": "optimize.vpp.plant",
    "WaterHeater": "optimize.devices.water_heater",
    "WeekAheadForecaster": "forecast.week_ahead",
    "WindForecaster": "forecast.wind",
    "WorstK": "powerflow.study.reducers",
    "Zone": "optimize.devices.building",
    "battery_ageing": "optimize.ageing.report",
    "battery_economics": "optimize.economics",
    "battery_schedules": "optimize.storage",
    "battery_study": "optimize.studies.battery_year",
    "black_start": "optimize.microgrid.black_start",
    "by_group": "market.demand_response.equity",
    "call_event": "market.demand_response.event",
    "charge_fleet": "optimize.charging_fleet.charge",
    "charging_events": "optimize.charging_events",
    "charging_problems": "optimize.charging.problems",
    "check_solution": "optimize.check.solution",
    "commit_units": "optimize.problems.commitment",
    "community_grid": "optimize.studies.community_grid",
    "community_year": "optimize.studies.community",
    "contingencies": "powerflow.contingency.study",
    "cost_by_depth": "optimize.ageing.depth",
    "customer_baseline": "market.demand_response.baseline",
    "dispatch": "optimize.problems.dispatch",
    "estimate_leakage": "optimize.compressors.leakage",
    "fair_energies": "optimize.charging.fair",
    "fleet_ageing": "optimize.ageing.report",
    "island_days": "optimize.studies.microgrid",
    "least_laxity_first": "optimize.charging.baselines",
    "left_alone": "optimize.before",
    "load_margin": "powerflow.diagnosis",
    "lodf": "powerflow.sensitivities",
    "measure_event": "market.demand_response.measure",
    "merge": "network.merge",
    "next_best": "optimize.next_best",
    "open_store": "telemetry.store",
    "operate": "operate.run",
    "optimal_feeder_flow": "optimize.problems.opf_feeder",
    "optimal_power_flow": "optimize.problems.opf",
    "place_units": "optimize.problems.commitment_units",
    "placebo_trial": "market.demand_response.trial",
    "plan_charging": "optimize.charging.planning",
    "plan_dispatch": "optimize.problems.multi_period",
    "power_flow": "powerflow.doors",
    "power_flows": "powerflow.doors",
    "prepare_contingencies": "powerflow.contingency.study",
    "process_study": "operate.studies.process",
    "psdf": "powerflow.sensitivities",
    "ptdf": "powerflow.sensitivities",
    "rainflow": "optimize.ageing.rainflow",
    "read_citylearn": "io.citylearn",
    "read_house": "io.house",
    "read_network": "io.read",
    "read_site": "operate.settings",
    "read_units": "io.pglib_uc",
    "read_weather": "io.weather_file",
    "replan_charging": "optimize.charging.replan",
    "replay_tick": "operate.replay",
    "resume_run": "operate.run",
    "resynchronise": "optimize.microgrid.resync",
    "roll": "optimize.robust.roll",
    "savings": "market.savings.savings",
    "savings_trial": "market.savings.trial",
    "scenarios_from": "optimize.robust.scenario",
    "schedule": "optimize.problems.schedule",
    "schedule_robust": "optimize.robust.schedule",
    "secure_optimal_flow": "optimize.problems.secure",
    "simulate": "powerflow.study.simulate",
    "simulate_arrivals": "optimize.charging_arrivals",
    "study_program": "market.demand_response.study",
    "survival": "optimize.microgrid.survival",
    "track_delivery": "optimize.vpp.delivery",
    "uncontrolled_charging": "optimize.charging.baselines",
    "units_of_network": "optimize.problems.commitment_units",
    "validate": "network.validation",
    "weigh_charging": "optimize.charging.weights",
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
