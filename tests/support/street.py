"""A street behind a station of 250 kVA: two cables of 150 m and the first home; the rest is added."""

_WIRES = """Clear
New Circuit.street basekv=11 pu=1.02 bus1=grid mvasc3=100 mvasc1=80
New Transformer.station phases=3 windings=2 xhl=4 %loadloss=1.2
~ wdg=1 bus=grid conn=delta kv=11 kva=250
~ wdg=2 bus=joint0 conn=wye kv=0.4 kva=250
New Linecode.cable nphases=3 r1=0.32 x1=0.08 r0=0.6 x0=0.25 c1=0 c0=0 units=km
New Line.cable1 bus1=joint0 bus2=joint1 linecode=cable length=0.15 units=km
New Line.cable2 bus1=joint1 bus2=joint2 linecode=cable length=0.15 units=km
New Load.home1 bus1=joint1.1 phases=1 kv=0.231 kw=8 kvar=2
"""
_END = """Set voltagebases=[11 0.4]
CalcVoltageBases
"""


def street_case(more: str) -> str:
    """The street as an OpenDSS case, with more elements."""
    return _WIRES + more + _END
