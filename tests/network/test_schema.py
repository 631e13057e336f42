"""The schema says what a column is; types, defaults and docs follow it."""

import pytest

from gridloop.network import schema


@pytest.mark.parametrize("table", schema.TABLES)
def test_every_table_begins_with_id_and_owner(table):
    assert list(schema.attributes(table))[:2] == ["id", "owner"]


@pytest.mark.parametrize("table", schema.TABLES)
def test_attributes_are_consistent(table):
    for a in schema.attributes(table).values():
        assert a.type in ("string", "float", "int", "bool"), a.name
        assert a.description and a.description[0].isupper() and not a.description.endswith("."), a.name
        assert a.references in ("", *schema.TABLES), a.name
        assert not (a.required and a.default), f"{a.name}: a required attribute has no default"
        if a.type in ("int", "bool"):
            assert a.default is not None, f"{a.name}: an int or bool cannot be missing"
        if a.allowed and not a.required:
            assert a.default in a.allowed, a.name
        if isinstance(a.default, float):
            assert (a.minimum is None or a.minimum <= a.default) and (a.maximum is None or a.default <= a.maximum), (
                a.name
            )


@pytest.mark.parametrize("table", schema.TABLES)
def test_a_number_wears_its_unit(table):
    """A column with a unit says so in its name: `p_mw`, `v_nom_kv`."""
    suffix = {"kV": "kv", "MW": "mw", "Mvar": "mvar", "MVA": "mva", "kA": "ka", "km": "km", "pu": "pu", "°": "deg"}
    for a in schema.attributes(table).values():
        if a.unit in suffix:
            assert a.name.endswith(f"_{suffix[a.unit]}"), a.name


def test_references():
    assert schema.references("line") == {"tail_bus": "bus", "head_bus": "bus"}
    assert schema.references("bus") == {}


def test_markdown_of_a_table():
    lines = schema.markdown("source").splitlines()
    assert lines[0] == "| column | type | unit | default | range | what |"
    assert "| `v_set_pu` | float | pu | 1 | ≥ 0, ≤ 2 | Voltage it holds |" in lines
    assert "| `bus` | string |  | *required* | id of a bus | Bus whose voltage and angle it holds |" in lines
    assert len(lines) == 2 + len(schema.attributes("source"))
