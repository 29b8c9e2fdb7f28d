"""What others rely on, pinned: the ids of cells, and the fields of `--json` (a field may be added, none may go)."""

import json
from pathlib import Path

import pytest

from backproof.cli import main

GOLDEN = Path(__file__).parents[1] / "support" / "golden" / "conform-quick.json"


def skeleton(value):
    """A result without its values: dicts by key, a list by its first item, anything else by its JSON type."""
    match value:
        case dict():
            return {key: skeleton(item) for key, item in value.items()}
        case list():
            return [skeleton(item) for item in value[:1]]
        case bool() | None:
            return str(value)
        case int() | float():
            return "number"
    return "string"


def lacking(golden, ours, where=""):
    """What `ours` lacks of `golden`, as dotted names."""
    if isinstance(golden, dict):
        if not isinstance(ours, dict):
            return [where]
        return [w for key, item in golden.items() for w in lacking(item, ours.get(key), f"{where}.{key}")]
    if isinstance(golden, list):
        return (
            [where]
            if not isinstance(ours, list)
            else [w for g, o in zip(golden, ours, strict=False) for w in lacking(g, o, where)]
        )
    return [] if golden == ours or ("None" in (golden, ours) and ours is not None) else [where]


def test_ids_and_fields_of_a_run(tmp_path):
    file = tmp_path / "r.json"
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["conform", "--backend", "numpy", "--cells", "quick", "--json", str(file)])
    ours = json.loads(file.read_text())
    golden = json.loads(GOLDEN.read_text())
    assert [cell["id"] for cell in ours["cells"]] == golden["ids"]
    assert lacking(golden["fields"], skeleton(ours)) == []


def test_a_lost_field_is_seen():
    assert lacking({"a": {"b": "number"}, "c": ["string"]}, {"a": {}, "c": ["string"], "d": "True"}) == [".a.b"]
    assert lacking({"c": ["string"]}, {"c": ["number"]}) == [".c"]
