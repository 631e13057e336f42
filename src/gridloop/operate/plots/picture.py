"""What is drawn of a solved state: buses, branches, voltages by series, loading and violations, whatever solved it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pandas as pd

from gridloop.network.model import Network
from gridloop.network.topology import find_topology
from gridloop.operate.report.places import Places, places
from gridloop.operate.report.words import count, number
from gridloop.powerflow.feeder.flow import FeederFlow
from gridloop.powerflow.flow import Flow

# A series of its own for each of the levels with most buses; further ones share one.
MOST_LEVELS = 6
OTHERS = "other levels"
# Where the colours change when nobody gives a band: not a limit, and not drawn as one.
SCALE_PU = (0.95, 1.05)
MOST_LABELS = 5
ENDS = ["tail_bus", "head_bus"]


@dataclass(frozen=True)
class Picture:
    """One state of a grid, ready to draw.

    bus         v_nom_kv, v_min_pu, v_max_pu; one row per bus
    line, transformer  tail_bus, head_bus, and length_km of lines; only what is connected at both ends
    opened      tail_bus, head_bus of branches that are out of service or open at an end
    joins       tail_bus, head_bus of closed bus switches
    points      bus, series, v_pu: one row per voltage; NaN where none is known
    series      names of the series, in the order of the legend: voltage levels from the highest, or phases
    loading     branch → loading_pct
    violations  as of a flow
    sources     buses that are held from outside
    where       coordinates of buses; empty where the grid has none
    says, trouble  a sentence on the whole; sentences of the diagnosis
    in_km       whether `where` is in kilometres; a feeder's own drawing has any unit
    weakest     buses that the diagnosis blames, to be marked where there are no voltages
    """

    name: str
    bus: pd.DataFrame
    line: pd.DataFrame
    transformer: pd.DataFrame
    opened: pd.DataFrame
    joins: pd.DataFrame
    points: pd.DataFrame
    series: list[str]
    loading: pd.Series
    violations: pd.DataFrame
    sources: list[str]
    where: Places
    says: str
    trouble: list[str] = field(default_factory=list)
    weakest: list[str] = field(default_factory=list)
    by: str = "voltage level"
    in_km: bool = True

    @property
    def solved(self) -> bool:
        return bool(self.points["v_pu"].notna().any())

    @property
    def usual_band(self) -> pd.DataFrame:
        """The buses that have the most frequent band: a source's own set-point is no band for its grid."""
        bands = self.bus[["v_min_pu", "v_max_pu"]]
        known = bands.value_counts()
        if known.empty:  # no limits at all: colours need a scale all the same
            return self.bus.assign(v_min_pu=SCALE_PU[0], v_max_pu=SCALE_PU[1])
        usual = known.index[0]
        mine: pd.DataFrame = self.bus[(bands["v_min_pu"] == usual[0]) & (bands["v_max_pu"] == usual[1])]
        return mine

    def extreme(self) -> pd.Series:
        """The voltage of every bus that is furthest from 1 pu. [bus] → v_pu"""
        points = self.points.dropna(subset="v_pu")
        far = (points["v_pu"] - 1.0).abs()
        order = points.loc[far.sort_values(ascending=False, kind="stable").index]
        return order.drop_duplicates("bus").set_index("bus")["v_pu"]


def picture_of(flow: Flow | FeederFlow, name: str = "") -> Picture:
    """The picture of a power flow, solved or diagnosed."""
    return _of_feeder(flow, name) if isinstance(flow, FeederFlow) else _of_network(flow, name)


def _of_network(flow: Flow, name: str) -> Picture:
    points = flow.bus["v_pu"]
    loading = pd.concat([flow.line["loading_pct"], flow.transformer["loading_pct"]])
    drawn = picture_of_network(flow.network, points, loading, name)
    return replace(
        drawn,
        violations=flow.violations(),
        says=_says(flow, drawn.points),
        trouble=_trouble(flow),
        weakest=_weakest(flow),
    )


def picture_of_network(net: Network, v_pu: pd.Series, loading: pd.Series, name: str = "") -> Picture:
    """A network with voltages by bus and loading by branch, whatever found them; nothing said and nothing broken."""
    on = net.bus["in_service"]
    bus = net.bus[on]
    joined = net.switch[(net.switch["element_kind"] == "bus") & net.switch["closed"] & net.switch["in_service"]]
    level, levels = _levels(bus["v_nom_kv"])
    points = pd.DataFrame({"bus": bus.index, "series": level, "v_pu": v_pu.to_numpy()[on.to_numpy()]})
    topology = find_topology(net)
    whole, opened = {}, []
    for kind, ends in (("line", topology.line_ends), ("transformer", topology.transformer_ends)):
        table = net.tables[kind][net.tables[kind][ENDS].isin(bus.index).all(axis=1)]
        closed = pd.Series(ends.all(axis=1), index=net.tables[kind].index).reindex(table.index).to_numpy(dtype=bool)
        whole[kind] = table[closed]
        opened.append(table.loc[~closed, ENDS])
    return Picture(
        name=name or net.name,
        bus=bus,
        line=whole["line"],
        transformer=whole["transformer"],
        opened=pd.concat(opened),
        joins=joined.rename(columns={"bus": "tail_bus", "element": "head_bus"})[ENDS],
        points=points,
        series=levels,
        loading=loading,
        violations=pd.DataFrame(columns=["kind", "id", "quantity", "value", "limit", "excess"]),
        sources=[str(b) for b in net.source.loc[net.source["in_service"], "bus"]],
        where=places(bus),
        says="",
    )


def _of_feeder(flow: FeederFlow, name: str) -> Picture:
    feeder = flow.feeder
    bus = feeder.bus
    closed = feeder.line["in_service"] & feeder.line["closed"]
    index = flow.bus.index
    points = pd.DataFrame(
        {
            "bus": index.get_level_values("bus").astype(str),
            "series": [f"phase {phase}" for phase in index.get_level_values("phase")],
            "v_pu": flow.bus["v_pu"].to_numpy(dtype=float),
        }
    )
    points = points[points["series"] != "phase 4"].sort_values("series", kind="stable").reset_index(drop=True)
    return Picture(
        name=name or feeder.name,
        bus=bus,
        line=feeder.line[closed],
        opened=feeder.line.loc[~closed, ENDS],
        transformer=_windings(feeder.tables["winding"], feeder.tables["transformer"]),
        joins=pd.DataFrame(columns=ENDS),
        points=points,
        series=sorted(set(points["series"])),
        loading=pd.concat([flow.line["loading_pct"], flow.transformer["loading_pct"]]),
        violations=flow.violations(),
        sources=[str(b) for b in feeder.tables["source"]["bus"]],
        where=_plain_places(bus),
        says=_says(flow, points),
        trouble=_trouble(flow),
        weakest=_weakest(flow),
        by="phase",
        in_km=False,
    )


def _windings(winding: pd.DataFrame, transformer: pd.DataFrame) -> pd.DataFrame:
    """Every transformer from the bus of its first winding to the bus of its second."""
    ends = {}
    for number_, column in ((1, "tail_bus"), (2, "head_bus")):
        mine = winding[winding["number"] == number_]
        ends[column] = pd.Series(mine["bus"].to_numpy(), index=mine["transformer"].to_numpy())
    table = pd.DataFrame(ends).reindex(transformer.index[transformer["in_service"]])
    return table.dropna()


def _plain_places(bus: pd.DataFrame) -> Places:
    """Coordinates of a feeder's own drawing: any unit, so that only their proportions count."""
    known = bus[["x", "y"]].astype(float)
    known = known[known.notna().all(axis=1) & (known != 0).any(axis=1)]
    if len(known.drop_duplicates()) < 2:
        return Places(pd.DataFrame(columns=["x_km", "y_km"], dtype=float), len(bus))
    middle, size = known.median(), float((known.max() - known.min()).max())
    xy = (known - middle) / size * 10.0
    return Places(xy.set_axis(["x_km", "y_km"], axis=1).round(4), len(bus) - len(known))


def _levels(kv: pd.Series) -> tuple[list[str], list[str]]:
    """The name of every bus's voltage level, and those names from the highest; the rarer ones share one."""
    common = kv.value_counts().index[:MOST_LEVELS]
    names = {value: f"{number(float(value), 0 if value == int(value) else 2)} kV" for value in common}
    level = [names.get(value, OTHERS) for value in kv]
    order = [names[value] for value in sorted(common, reverse=True)]
    return level, order + [OTHERS] * (OTHERS in level)


def _says(flow: Flow | FeederFlow, points: pd.DataFrame) -> str:
    if not flow.converged:
        return "The power flow found no solution; what follows is the grid without results."
    v = points.dropna(subset="v_pu").sort_values("v_pu", kind="stable")
    found = flow.violations()
    bus = flow.feeder.bus if isinstance(flow, FeederFlow) else flow.network.bus
    unlimited = ", but no band of voltages is given" if bus[["v_min_pu", "v_max_pu"]].isna().all(axis=None) else ""
    low, high = v.iloc[0], v.iloc[-1]
    kinds = found.groupby("quantity").size()
    broken = ", ".join(
        count(int(kinds[quantity]), *words)
        for quantity, words in (
            ("v_pu", ("voltage out of its band", "voltages out of their band")),
            ("loading_pct", ("branch overloaded", "branches overloaded")),
        )
        if quantity in kinds
    )
    return (
        f"Voltages from {number(float(low['v_pu']), 4)} pu (bus {low['bus']}) to {number(float(high['v_pu']), 4)} pu "
        f"(bus {high['bus']}); losses {number(flow.losses_mw, 3)} MW. "
        + (f"Limits that do not hold: {broken}." if len(found) else f"All limits hold{unlimited}.")
    )


def _weakest(flow: Flow | FeederFlow) -> list[str]:
    facts = {} if flow.diagnosis is None else flow.diagnosis.facts
    return [str(bus) for bus in facts.get("worst_buses", facts.get("buses", []))][:MOST_LABELS]


def _trouble(flow: Flow | FeederFlow) -> list[str]:
    return [] if flow.diagnosis is None else [*flow.diagnosis.causes, flow.diagnosis.advice]
