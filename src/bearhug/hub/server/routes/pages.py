"""The pages that people see."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response


def routes() -> list:
    return []


def wants_page(request: Request) -> bool:
    return False


def failed(request: Request, status: int, message: str) -> Response:
    return HTMLResponse(message, status_code=status)
