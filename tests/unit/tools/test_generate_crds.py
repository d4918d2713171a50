"""The definitions in crds/ are what the records say."""

import pytest

from flyball.records import KINDS
from tools.generate_crds import definition, texts


def test_the_files_are_what_would_be_written() -> None:
    for path, text in texts():
        assert path.read_text() == text, f"{path.name}: run tools/generate_crds.py"


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_every_field_of_a_record_is_in_its_schema(kind) -> None:
    schema = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in ("spec", "status"):
        model = kind.model_fields[part].annotation
        fields = {field.alias or name for name, field in model.model_fields.items()}
        assert schema["properties"][part]["properties"].keys() == fields


def _every(schema):
    yield schema
    for inner in schema.get("properties", {}).values():
        yield from _every(inner)
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from _every(schema[key])


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_schemas_are_structural_and_keep_nothing_unknown(kind) -> None:
    whole = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for schema in _every(whole):
        assert "type" in schema or "x-kubernetes-int-or-string" in schema
        assert not schema.keys() & {"$ref", "$defs", "anyOf", "title", "const", "x-kubernetes-preserve-unknown-fields"}
        assert all(rule["message"] for rule in schema.get("x-kubernetes-validations", []))


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_a_status_has_no_defaults(kind) -> None:
    whole = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert not any("default" in schema for schema in _every(whole["properties"]["status"]))
