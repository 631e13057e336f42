"""The doors that take a network or a feeder: which solver answers is decided here, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.powerflow.batch import power_flows as network_flows
from gridloop.powerflow.feeder.batch import FeederFlows, feeder_flows
from gridloop.powerflow.feeder.flow import FeederFlow, feeder_power_flow
from gridloop.powerflow.flow import Flow
from gridloop.powerflow.flow import power_flow as network_flow
from gridloop.powerflow.flows import Flows


@overload
def power_flow(net: Network, **options: Any) -> Flow: ...
@overload
def power_flow(net: Feeder, **options: Any) -> FeederFlow: ...
def power_flow(net: Network | Feeder, **options: Any) -> Flow | FeederFlow:
    """AC power flow of one state, as the tables say.

    Of a network: `gridloop.powerflow.flow.power_flow` (reactive_limits, tolerance_pu, max_iterations).
    Of a feeder, phase by phase: `gridloop.powerflow.feeder.flow.feeder_power_flow` (controls, tolerance_pu,
    max_iterations).
    """
    return feeder_power_flow(net, **options) if isinstance(net, Feeder) else network_flow(net, **options)


@overload
def power_flows(net: Network, scenarios: Mapping[str, Any], **options: Any) -> Flows: ...
@overload
def power_flows(net: Feeder, scenarios: Mapping[str, Any], **options: Any) -> FeederFlows: ...
def power_flows(net: Network | Feeder, scenarios: Mapping[str, Any], **options: Any) -> Flows | FeederFlows:
    """Power flows of many scenarios, {"load.p_mw": [scenario, load], …}; one that fails fails alone.

    Of a network: `gridloop.powerflow.batch.power_flows`. Of a feeder: `gridloop.powerflow.feeder.batch.feeder_flows`.
    """
    if isinstance(net, Feeder):
        return feeder_flows(net, scenarios, **options)
    return network_flows(net, scenarios, **options)
