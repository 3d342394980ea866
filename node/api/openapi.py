"""The OpenAPI 3.1 document, made from the route table and the models that serve it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue, models_json_schema

from node.api.models import Problem
from node.api.problems import PROBLEM_TYPE
from node.api.route import PARAMETERS, Route

_REFERENCE = "#/components/schemas/{model}"
_Mode = Literal["validation", "serialization"]
_References = Mapping[tuple[type[BaseModel], _Mode], JsonSchemaValue]
"""Model and direction to where its schema stands."""
_DESCRIPTIONS = {
    101: "the socket is open",
    200: "done",
    202: "accepted; whether it becomes final is not known yet",
    400: "the request can't be read",
    401: "not signed, not fresh, or seen before",
    404: "not there, or not for this key",
    408: "the body comes too slowly",
    410: "no proof against that header is kept here",
    413: "the body is too large",
    415: "another media type",
    422: "refused by a rule; `code` says which",
    429: "too many requests",
    503: "not now",
}
_RETRY_AFTER = {
    "description": "seconds to wait",
    "schema": {"type": "integer", "minimum": 1},
}


def document(table: Sequence[Route], version: str) -> dict[str, object]:
    """The document as JSON; a test holds it against OpenAPI's own model."""
    references, schemas = _schemas(table)
    paths: dict[str, dict[str, object]] = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Démocité node",
            "version": version,
            "description": "Amounts are integers in minor units, bytes are lower-case hex, times "
            "are Unix milliseconds. Failures are RFC 9457 problem documents with a stable code.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "democite": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": 'Democite key="HEX", time_ms="N", nonce="HEX", '
                    'signature="HEX", see docs/api.md',
                }
            },
        },
    }


def _schemas(table: Iterable[Route]) -> tuple[_References, dict[str, object]]:
    """Where each model's schema stands, and all of them by name."""
    answered: set[type[BaseModel]] = {Problem}
    asked: set[type[BaseModel]] = set()
    for route in table:
        answered |= {model for model in route.answers.values() if model is not None}
        if route.body is not None:
            asked.add(route.body)
    wanted: list[tuple[type[BaseModel], _Mode]] = [
        *((model, "validation") for model in sorted(asked, key=_name)),
        *((model, "serialization") for model in sorted(answered, key=_name)),
    ]
    found, definitions = models_json_schema(wanted, ref_template=_REFERENCE)
    references = {(model, mode): found[model, mode] for model, mode in wanted}
    schemas: dict[str, object] = definitions["$defs"]
    return references, schemas


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _operation(route: Route, references: _References) -> dict[str, object]:
    responses: dict[str, object] = {}
    for status, model in route.answers.items():
        responses[str(status)] = _answer(route, status, model, references)
    for status in route.refusals:
        responses[str(status)] = _refusal(status, references)
    responses["default"] = _problem("any other failure", references)
    operation: dict[str, object] = {
        "summary": route.summary,
        "operationId": route.handler.__name__,
        "parameters": [_parameter(name) for name in route.parameters],
        "responses": responses,
    }
    if route.signed:
        operation["security"] = [{"democite": []}]
    if route.takes_transaction:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/msgpack": {"schema": {"type": "string", "format": "binary"}}},
        }
    if route.body is not None:
        schema = references[route.body, "validation"]
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _answer(
    route: Route, status: int, model: type[BaseModel] | None, references: _References
) -> dict[str, object]:
    content: dict[str, object] = {}
    if model is not None:
        content["application/json"] = {"schema": references[model, "serialization"]}
    if status == 200:
        content.update({other: {} for other in route.other_types})
    answer: dict[str, object] = {"description": _DESCRIPTIONS[status]}
    if content:
        answer["content"] = content
    return answer


def _refusal(status: int, references: _References) -> dict[str, object]:
    refusal = _problem(_DESCRIPTIONS[status], references)
    if status in (429, 503):
        refusal["headers"] = {"Retry-After": _RETRY_AFTER}
    return refusal


def _problem(description: str, references: _References) -> dict[str, object]:
    schema = references[Problem, "serialization"]
    return {"description": description, "content": {PROBLEM_TYPE: {"schema": schema}}}


def _parameter(name: str) -> dict[str, object]:
    parameter = PARAMETERS[name]
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": {"type": "string", "pattern": parameter.pattern},
    }
