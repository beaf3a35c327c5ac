"""One description: the OpenAPI document and the TypeScript contract are what the table and the dataclasses say."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from workbench.contract.change import CHANGED_SCHEMA_ID, Change, ChangedNoun
from workbench.contract.project import Finding
from workbench.contract.run import RunCard
from workbench.doors.docstring import documentation_of
from workbench.doors.encoding import to_json
from workbench.doors.server import CHANGED_SCHEMA
from workbench.doors.server.openapi import document, document_text
from workbench.doors.server.routes import routes
from workbench.doors.server.schema import component_schemas, contract_classes, contract_enums
from workbench.doors.server.typescript import contract_path, contract_text
from workbench.verbs import VERBS

DOCS = Path(__file__).parents[3] / "docs"
RUN = RunCard(
    "r1", "first", "RUNNING", "2026-01-01T00:00:00Z", 1.0, "a@b", "n.ipynb", "", "local", {"a": "1"}, {"f1": 0.9}
)


@pytest.mark.checklist("S3-10", "S3-11")
def test_the_openapi_document_is_valid():
    described = document()
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []
    operations = [(method.upper(), path) for path, item in described["paths"].items() for method in item]
    assert sorted(operations) == sorted(
        [("GET", "/mlops-workbench/api/hello"), *((r.method, r.path) for r in routes())]
    )
    ids = [operation["operationId"] for item in described["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids)) == len(VERBS) + 1


def test_the_validator_catches_a_planted_fault():
    broken = document()
    broken["paths"]["/mlops-workbench/api/runs"]["get"]["responses"]["200"].pop("description")
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_the_committed_openapi_document_is_current():
    assert (DOCS / "openapi.json").read_text() == document_text(), (
        "run: python -m workbench.doors.server.openapi > docs/openapi.json"
    )


def test_the_committed_typescript_is_current():
    assert contract_path().read_text() == contract_text(), "run: python -m workbench.doors.server.typescript"


async def test_the_document_is_served(ask):
    answer = await ask("openapi.json", path="")
    assert answer.status == 200
    assert answer.body == json.loads(document_text())


def test_answers_are_what_the_schema_says():
    assert problems_of(RUN, "RunCard") == []
    assert problems_of(dataclasses.replace(RUN, metrics={"loss": math.nan}), "RunCard") == []
    assert problems_of(dataclasses.replace(RUN, state="FROZEN"), "RunCard")
    assert problems_of(Finding("disk", True, "fine"), "RunCard")


async def test_real_answers_are_what_the_schema_says(ask, root):
    for name, schema in (("status", "ProjectStatus"), ("hello", "Hello")):
        answer = await ask(name)
        assert answer.status == 200, answer
        assert list(validator(schema).iter_errors(answer.body)) == []


@pytest.mark.parametrize("name", sorted(contract_classes()))
def test_every_field_is_documented(name):
    kind = contract_classes()[name]
    documented = documentation_of(kind, "Attributes").entries
    assert list(documented) == [field.name for field in dataclasses.fields(kind)]


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.verb.words)
def test_every_parameter_is_documented(route):
    documented = documentation_of(route.verb.load(), "Args").entries
    assert [name for name in route.verb.signature().parameters if not documented.get(name)] == []


def test_status_words_are_enums_in_the_contract():
    schemas = component_schemas()
    assert schemas["JobCard"]["properties"]["state"]["$ref"].endswith("/JobState")
    assert schemas["CheckReport"]["properties"]["result"]["$ref"].endswith("/CheckResult")
    text = contract_text()
    assert "readonly state: RunState;" in text
    assert not re.search(r"[:<|(] ?any\b", text)
    assert all(f"export type {name} =" in text for name in contract_enums())
    assert all(f"export interface I{name} {{" in text for name in contract_classes())


def test_the_event_schema_says_what_the_contract_says():
    described = yaml.safe_load(CHANGED_SCHEMA.read_text())
    assert described["$id"] == CHANGED_SCHEMA_ID
    assert described["properties"]["nouns"]["items"]["enum"] == [noun.value for noun in ChangedNoun]
    assert set(described["properties"]) == {field.name for field in dataclasses.fields(Change)}


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": component_schemas()}}
    )


def problems_of(value: object, name: str) -> list[object]:
    return list(validator(name).iter_errors(to_json(value)))
