"""Bad inputs that are a grid: islands, sources, impedances, powers, taps, set-points and switches beyond sense."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bad_inputs import BASES, FAILED, SOLVED, Case, a_case, added, changed, village_of_all

from gridloop.network.model import Network


def islands() -> Iterator[Case]:
    for name, base in BASES.items():
        net = base()
        for kind in ("line", "transformer"):
            for row in range(min(len(net.tables[kind]), 4)):
                yield a_case(
                    "island",
                    f"{name} without {kind} {row}",
                    lambda b=base, k=kind, r=row: changed(b(), k, "in_service", False, r),
                    SOLVED,
                )
        yield a_case(
            "island", f"{name}: all lines out", lambda b=base: changed(b(), "line", "in_service", False, None), SOLVED
        )
        yield a_case(
            "island",
            f"{name}: a bus of its own with a load",
            lambda b=base: added(added(b(), "bus", id="far", name="far"), "load", id="far load", bus="far"),
            SOLVED,
        )
        yield a_case(
            "island",
            f"{name}: a generator that holds the voltage of a dark bus",
            lambda b=base: added(
                added(b(), "bus", id="far"), "generator", id="lost", bus="far", regulates_voltage=True, p_mw=1.0
            ),
            SOLVED,
        )
        yield a_case(
            "island",
            f"{name}: a bus out of service",
            lambda b=base: changed(b(), "bus", "in_service", False, -1),
            SOLVED,
        )


def sources() -> Iterator[Case]:
    for name, base in BASES.items():
        yield a_case(
            "source", f"{name}: out of service", lambda b=base: changed(b(), "source", "in_service", False), "no_source"
        )
        yield a_case(
            "source", f"{name}: nowhere", lambda b=base: changed(b(), "source", "bus", "nowhere"), "dangling_reference"
        )
        yield a_case(
            "source", f"{name}: unnamed bus", lambda b=base: changed(b(), "source", "bus", ""), "missing_value"
        )
        yield a_case(
            "source",
            f"{name}: two in conflict",
            lambda b=base: added(b(), "source", id="second", v_set_pu=0.97),
            "conflicting_set_points",
        )
        yield a_case(
            "source",
            f"{name}: two at 0° and 90° of one node",
            lambda b=base: added(b(), "source", id="second", angle_deg=90.0),
            "conflicting_set_points",
        )
        for angle in (0.0, 40.0, 179.0):
            yield a_case(
                "source",
                f"{name}: a second {angle:g}° away at the last bus",
                lambda b=base, a=angle: added(b(), "source", id="second", bus=b().bus.index[-1], angle_deg=a),
                SOLVED,
                FAILED,
                "conflicting_set_points",
            )


def impedances() -> Iterator[Case]:
    odd = {
        "zero": (0.0, 0.0, ("zero_impedance",)),
        # Machines that hold different voltages across next to nothing exchange more than any solution allows.
        "1e-6 of it": (1e-6, 1e-6, (SOLVED, FAILED)),
        "1e-12 of it": (1e-12, 1e-12, ("tiny_impedance",)),
        "1e-300 of it": (1e-300, 1e-300, ("tiny_impedance",)),
        "1e12 of it": (1e12, 1e12, ("huge_impedance",)),
        "1e308 of it": (1e308, 1e308, ("huge_impedance", "infinite")),
        "R/X of 100": (100.0, 0.0, (SOLVED, FAILED)),
        "negative resistance": (-1.0, 1.0, (SOLVED, FAILED)),
        "negative reactance": (1.0, -1.0, (SOLVED, FAILED)),
        "series capacitor": (1.0, -0.3, (SOLVED, FAILED)),
        "all negative": (-1.0, -1.0, (SOLVED, FAILED)),
        "no reactance": (1.0, 0.0, (SOLVED, FAILED, "zero_impedance")),
        "no resistance": (0.0, 1.0, (SOLVED, FAILED, "zero_impedance")),
    }
    for name, base in BASES.items():
        for what, (on_r, on_x, allowed) in odd.items():
            for every in (False, True):

                def make(b=base, kr=on_r, kx=on_x, row=None if every else 0, ratio=what) -> Network:
                    net = b()
                    if ratio == "R/X of 100":
                        frame = net.line.copy()
                        rows = frame.index if row is None else frame.index[:1]
                        frame.loc[rows, "r_ohm_per_km"] = 100 * (frame.loc[rows, "x_ohm_per_km"].abs() + 1e-3) / 10
                        frame.loc[rows, "x_ohm_per_km"] = frame.loc[rows, "r_ohm_per_km"] / 100
                        return Network.from_tables({**net.tables, "line": frame})
                    net = changed(net, "line", "r_ohm_per_km", lambda v: v * kr, row)
                    return changed(net, "line", "x_ohm_per_km", lambda v: v * kx, row)

                yield a_case("impedance", f"{name}: {what}, {'every line' if every else 'one line'}", make, *allowed)
        yield a_case(
            "impedance",
            f"{name}: a parallel line of zero",
            lambda b=base: added(b(), "line", id="zero", length_km=0.0),
            "zero_impedance",
        )
        yield a_case(
            "impedance",
            f"{name}: a line to its own bus",
            lambda b=base: added(b(), "line", id="loop", head_bus=b().line["tail_bus"].iloc[0]),
            "self_loop",
        )
        yield a_case(
            "impedance",
            f"{name}: negative length",
            lambda b=base: changed(b(), "line", "length_km", -1.0),
            "out_of_range",
        )
    for name in ("village", "random", "case14"):
        for column, value, code in (
            ("s_rated_mva", 0.0, "zero_impedance"),
            ("x_pu", 1e12, "huge_impedance"),
            ("v_tail_kv", 0.0, "out_of_range"),
            ("parallel", 0, "out_of_range"),
        ):
            yield a_case(
                "impedance",
                f"{name}: transformer {column} = {value:g}",
                lambda b=BASES[name], c=column, v=value: changed(b(), "transformer", c, v),
                code,
            )


def powers() -> Iterator[Case]:
    for name, base in BASES.items():
        for mw in (1e3, 1e6, -1e6):
            yield a_case(
                "load", f"{name}: {mw:g} MW", lambda b=base, p=mw: changed(b(), "load", "p_mw", p), SOLVED, FAILED
            )
        for mw in (1e9, 1e300, -1e300):
            yield a_case(
                "load", f"{name}: {mw:g} MW", lambda b=base, p=mw: changed(b(), "load", "p_mw", p), "out_of_range"
            )
        # The first load may stand at a bus whose voltage somebody holds, whatever it takes.
        yield a_case("load", f"{name}: 1e6 Mvar", lambda b=base: changed(b(), "load", "q_mvar", 1e6), SOLVED, FAILED)
        yield a_case("load", f"{name}: 1e6 Mvar each", lambda b=base: changed(b(), "load", "q_mvar", 1e6, None), FAILED)
        for factor in (2.0, 10.0, 1000.0):
            make = lambda b=base, k=factor: changed(  # noqa: E731
                changed(b(), "load", "p_mw", lambda v: v * k, None), "load", "q_mvar", lambda v: v * k, None
            )
            yield a_case(
                "collapse",
                f"{name}: {factor:g} times the load",
                make,
                *((FAILED,) if factor == 1000 else (SOLVED, FAILED)),
            )
        for b_mvar in (1e3, 1e6, -1e3, -1e6):
            yield a_case(
                "shunt",
                f"{name}: {b_mvar:g} Mvar",
                lambda b=base, q=b_mvar: added(
                    b(), "shunt", id="bank 2", bus=b().bus.index[-1], g_mw=0.0, b_mvar=q, in_service=True
                ),
                SOLVED,
                FAILED,
            )


def taps() -> Iterator[Case]:
    for what, cells, code in (
        ("ratio 0", {"tap_pos": -1, "tap_min": -1, "tap_step_pu": 1.0}, "out_of_range"),
        ("step of 20 %, ratio 0", {"tap_pos": -5, "tap_min": -5, "tap_step_pu": 0.2}, "out_of_range"),
        ("negative ratio", {"tap_pos": -9, "tap_min": -9, "tap_step_pu": 0.2}, "out_of_range"),
        ("beyond its range", {"tap_pos": 40}, "outside_limits"),
        ("range upside down", {"tap_min": 5, "tap_max": -5}, "min_above_max"),
        ("rated voltages exchanged", {"v_tail_kv": 20.0, "v_head_kv": 110.0}, SOLVED),
        ("half the ratio", {"v_tail_kv": 55.0}, SOLVED),
        ("far from its bus", {"v_head_kv": 0.4}, "wrong_unit"),
    ):

        def make(cells=cells) -> Network:
            net = village_of_all()
            frame = net.transformer.copy()
            for column, value in cells.items():
                frame[column] = value
            return Network.from_tables({**net.tables, "transformer": frame})

        yield a_case("tap", what, make, code, *((FAILED,) if code == SOLVED else ()))


def set_points() -> Iterator[Case]:
    for name, base in BASES.items():
        for value in (0.0, 1e-6, 0.1, 1.9, 10.0, -1.0):
            yield a_case(
                "set-point",
                f"{name}: source at {value:g} pu",
                lambda b=base, v=value: changed(b(), "source", "v_set_pu", v),
                "out_of_range",
            )
        for value in (0.6, 1.4):
            yield a_case(
                "set-point",
                f"{name}: source at {value:g} pu",
                lambda b=base, v=value: changed(b(), "source", "v_set_pu", v),
                SOLVED,
                FAILED,
            )
        for value in (0.0, 0.5, 1.5, 10.0):
            yield a_case(
                "set-point",
                f"{name}: machine at {value:g} pu",
                lambda b=base, v=value: added(
                    b(),
                    "generator",
                    id="machine 2",
                    bus=b().bus.index[1],
                    p_mw=0.0,
                    v_set_pu=v,
                    regulates_voltage=True,
                    in_service=True,
                ),
                *(("out_of_range",) if value in (0.0, 10.0) else (SOLVED, FAILED)),
            )


def switches() -> Iterator[Case]:
    for name in ("village", "ring", "random"):
        base = BASES[name]
        yield a_case(
            "switch",
            f"{name}: a bus to itself",
            lambda b=base: added(
                b(), "switch", id="own", element_kind="bus", bus=b().bus.index[0], element=b().bus.index[0]
            ),
            SOLVED,
        )
        yield a_case(
            "switch",
            f"{name}: a line shorted by a switch",
            lambda b=base: added(
                b(),
                "switch",
                id="short",
                element_kind="bus",
                closed=True,
                bus=b().line["tail_bus"].iloc[0],
                element=b().line["head_bus"].iloc[0],
            ),
            SOLVED,
        )
        for both in (False, True):

            def make(b=base, both=both) -> Network:
                net = b()
                row, name = net.line.iloc[0], net.line.index[0]
                for k, end in enumerate(("tail_bus", "head_bus")[: 1 + both]):
                    net = added(
                        net, "switch", id=f"open {k}", element_kind="line", bus=row[end], element=name, closed=False
                    )
                return net

            yield a_case("switch", f"{name}: a line open at {1 + both} ends", make, SOLVED)


FAMILIES: tuple[Callable[[], Iterator[Case]], ...] = (
    islands,
    sources,
    impedances,
    powers,
    taps,
    set_points,
    switches,
)
