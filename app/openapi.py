"""The OpenAPI document and a page that shows it, outside production only."""

from pathlib import Path
from typing import Any, Final

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from app.problems import ProblemDocument, documented
from app.rate_limit import HEADERS, Policies
from app.text import NO_NUL

DOCS_PATH: Final = "/api/docs"
OPENAPI_PATH: Final = "/api/openapi.json"

# Swagger UI comes with a package: our policy allows neither another host's script nor one inside the page.
_SWAGGER_UI: Final = Path(fastapi_offline.__file__).parent / "static"
_FILES: Final = frozenset({"swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"})
_START: Final = f"""
SwaggerUIBundle({{ url: "{OPENAPI_PATH}", dom_id: "#page", deepLinking: true, validatorUrl: null }});
"""
_PAGE: Final = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Nuggetwise API</title>
<link rel="icon" href="{DOCS_PATH}/favicon.png">
<link rel="stylesheet" href="{DOCS_PATH}/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="{DOCS_PATH}/swagger-ui-bundle.js"></script>
<script src="{DOCS_PATH}/start.js"></script>
</body>
</html>
"""
# What PostgreSQL stores as jsonb.
_TEXT: Final = {"type": "string", "pattern": NO_NUL}
_AGAIN: Final = {"$ref": "#/components/schemas/JsonValue"}
_JSON_VALUE: Final[dict[str, Any]] = {
    "description": "Any JSON value without NUL characters.",
    "examples": [["text", 1, True, None]],
    "anyOf": [
        {"type": ["boolean", "number", "null"]},
        _TEXT,
        {"type": "array", "items": _AGAIN},
        {"type": "object", "propertyNames": _TEXT, "additionalProperties": _AGAIN},
    ],
}


def install_openapi(app: FastAPI) -> None:
    """Serves the document and the page."""

    async def document(_request: Request) -> Response:
        return JSONResponse(_document(app))

    app.add_route(OPENAPI_PATH, document, include_in_schema=False)
    app.add_route(DOCS_PATH, _page, include_in_schema=False)
    app.add_route(f"{DOCS_PATH}/{{file}}", _file, include_in_schema=False)


async def _page(_request: Request) -> Response:
    return HTMLResponse(_PAGE)


async def _file(request: Request) -> Response:
    name: str = request.path_params["file"]
    if name == "start.js":
        return Response(_START, media_type="text/javascript")
    if name not in _FILES:
        raise HTTPException(404)
    return FileResponse(_SWAGGER_UI / name)


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
        schemas["JsonValue"] = _JSON_VALUE
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
