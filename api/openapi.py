"""What the OpenAPI document says of a route, where FastAPI cannot tell by itself."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from api import (
    documents,
    gate,
    performance_documents,
    problems,
    reference_documents,
    report_documents,
    stored_documents,
)
from api.documents import Document

REFERENCE = "#/components/schemas/{model}"
SHOWN: tuple[type[Document], ...] = (
    documents.Problem,
    documents.Readiness,
    documents.Accepted,
    documents.AcceptedList,
    documents.Outcome,
    documents.Outcomes,
    documents.PortfolioOutcomes,
    documents.Positions,
    documents.Position,
    documents.Lots,
    documents.Result,
    stored_documents.TransactionList,
    stored_documents.DisposalList,
    stored_documents.PortfolioList,
    stored_documents.DeadLetterList,
    *reference_documents.SHOWN,
    *report_documents.SHOWN,
    *performance_documents.SHOWN,
)
GIVEN: tuple[type[Document], ...] = (
    documents.TransactionEvent,
    documents.TransactionEvents,
    documents.PortfolioEvents,
    *reference_documents.GIVEN,
    *performance_documents.GIVEN,
)

SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of `portfolio keys add`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}

_REFUSED = (413, 415, 422, 503)
Responses = dict[int | str, dict[str, Any]]


def answers(model: type[Document], *problem_statuses: int) -> Responses:
    """The `responses` of a route that answers 200 with the model, or with a problem."""
    return {200: _answer(model), **{status: _problem(status) for status in problem_statuses}}


def asked(model: type[Document]) -> Responses:
    """The `responses` of a route whose question is a body."""
    return answers(model, 404, 409, 413, 415, 422, 503)


def either(model: type[Document], other: type[Document]) -> dict[str, Any]:
    """The answer of a route that has two shapes."""
    found = _answer(model)
    schema = {"anyOf": [_reference(model), _reference(other)]}
    return found | {"content": {"application/json": {"schema": schema}}}


def events(model: type[Document], other: type[Document], *problem_statuses: int) -> Responses:
    """The `responses` of a stream; `data` of its events are these."""
    schema = {"type": "string", "description": "The `data` of an event is one of these, as JSON."}
    shapes = {"x-event-data": {"anyOf": [_reference(model), _reference(other)]}}
    answer = {
        "description": "Server-sent events.",
        "content": {"text/event-stream": {"schema": schema | shapes}},
    }
    return {200: answer, **{status: _problem(status) for status in problem_statuses}}


def taken_in(accepted: type[Document], applied: type[Document]) -> Responses:
    """The `responses` of a route that takes events in."""
    return {202: _answer(accepted), **answers(applied, *_REFUSED)}


def accepted(model: type[Document]) -> Responses:
    """Likewise, of one that does not wait for what comes out."""
    return {202: _answer(model), **{status: _problem(status) for status in _REFUSED}}


def ready() -> Responses:
    """The `responses` of /readyz, whose 503 is no problem but says what is missing."""
    return {200: _answer(documents.Readiness), 503: _answer(documents.Readiness)}


def _answer(model: type[Document]) -> dict[str, Any]:
    return {
        "description": model.__doc__ or "",
        "content": {"application/json": {"schema": _reference(model)}},
    }


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {problems.MEDIA_TYPE: {"schema": _reference(documents.Problem)}},
    }


def body(model: type[Document], examples: Mapping[str, Any]) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body is read by the event decoder."""
    content = {"schema": _reference(model), "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _guard(operation: dict[str, Any], *, needs_keys: bool) -> None:
    """What the gate may say; an empty alternative says that it comes in without a key as well."""
    alternatives: list[dict[str, list[str]]] = [{name: []} for name in SECURITY_SCHEMES]
    operation["security"] = alternatives if needs_keys else [{}, *alternatives]
    for status in (401, 403, 429, 503):
        operation["responses"].setdefault(str(status), _problem(status))


def _reference(model: type[Document]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model.__name__)}


def install(app: FastAPI, *, needs_keys: bool) -> None:
    """Add the shapes, and what the gate asks for, to the app's OpenAPI document."""
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "serialization") for model in SHOWN),
        *((model, "validation") for model in GIVEN),
    ]
    _, schemas = models_json_schema(modes, ref_template=REFERENCE)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(schemas["$defs"])
        components["securitySchemes"] = SECURITY_SCHEMES
        for path, operations in document["paths"].items():
            for operation in operations.values():
                if path not in gate.OPEN:
                    _guard(operation, needs_keys=needs_keys)
        return document

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI's documentation does it
