"""The OpenAPI document and a page that shows it, outside production only."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.problems import ProblemDocument, documented
from app.rate_limit import HEADERS, Policies

DOCS_PATH: Final = "/api/docs"
OPENAPI_PATH: Final = "/api/openapi.json"

# Swagger UI comes from a CDN and starts by a script in the page.
_DOCS_CSP: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; "
    "script-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; img-src 'self' data: https:"
)


def install_openapi(app: FastAPI) -> None:
    """Serves the document and the page."""

    async def document(_request: Request) -> Response:
        return JSONResponse(_document(app))

    async def page(_request: Request) -> Response:
        html = get_swagger_ui_html(openapi_url=OPENAPI_PATH, title=app.title)
        html.headers["Content-Security-Policy"] = _DOCS_CSP
        return html

    app.add_route(OPENAPI_PATH, document, include_in_schema=False)
    app.add_route(DOCS_PATH, page, include_in_schema=False)


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        # FastAPI describes 422 by its own schema wherever a route does not.
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs", {}))
        schemas["ProblemDocument"] = problem
        _tell_of_limits(document)
        app.openapi_schema = document
    return app.openapi_schema


def _tell_of_limits(document: dict[str, Any]) -> None:
    """Adds 429 to every operation that is limited: it comes from the gate, not from the routes."""
    policies = Policies(api=1, auth=1)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if policies.of(method.upper(), path).limits:
                answer = operation["responses"].setdefault("429", documented(429)[429])
                answer["headers"] = {**answer.get("headers", {}), **HEADERS}
