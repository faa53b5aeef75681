"""Cross-origin requests: for the frontend alone, with credentials."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from app.problems import problem_response


class Cors(CORSMiddleware):
    """Starlette's, with a refused preflight as a problem document."""

    def __init__(self, app: ASGIApp, *, frontend_url: str) -> None:
        super().__init__(
            app,
            allow_origins=[frontend_url],
            allow_credentials=True,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Cache"],
            max_age=600,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        of_cors = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        return problem_response(response.status_code, bytes(response.body).decode(), headers=of_cors)
