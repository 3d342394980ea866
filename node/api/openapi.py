"""The OpenAPI 3.1 document, made from the route table and the models that serve it."""

from collections.abc import Iterable, Sequence

from openapi_pydantic import OpenAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from node.api.models import Problem
from node.api.routes import PARAMETERS, Route

_REFERENCE = "#/components/schemas/{model}"


def document(table: Sequence[Route], version: str) -> dict[str, object]:
    """The document as JSON; checked against OpenAPI's own model before it is served."""
    paths: dict[str, dict[str, object]] = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    content: dict[str, object] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Démocité node",
            "version": version,
            "description": "Amounts are integers in minor units, bytes are lower-case hex, times "
            "are Unix milliseconds. Failures are RFC 9457 problem documents with a stable code.",
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(table),
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
    OpenAPI.model_validate(content)
    return content


def _schemas(table: Iterable[Route]) -> dict[str, object]:
    models: set[type[BaseModel]] = {Problem}
    for route in table:
        models |= {model for model in route.answers.values() if model is not None}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema(
        [(model, "serialization") for model in ordered], ref_template=_REFERENCE
    )
    schemas: dict[str, object] = definitions["$defs"]
    return schemas


def _operation(route: Route) -> dict[str, object]:
    responses: dict[str, object] = {}
    for status, model in route.answers.items():
        response: dict[str, object] = {"description": route.summary}
        if model is not None:
            response["content"] = {"application/json": {"schema": _schema(model)}}
        responses[str(status)] = response
    for status in route.refusals:
        responses[str(status)] = {
            "description": "refused",
            "content": {"application/problem+json": {"schema": _schema(Problem)}},
        }
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
    return operation


def _parameter(name: str) -> dict[str, object]:
    place, pattern, description = PARAMETERS[name]
    return {
        "name": "height" if name == "at_height" else name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
    }


def _schema(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}
