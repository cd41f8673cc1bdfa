"""The web page: a few files, read once, served with headers that bind it closely.

The Content-Security-Policy allows this origin's own scripts and styles and connections
to this origin, nothing inline, nothing from elsewhere; Trusted Types forbid what would
turn text into markup. The page needs no exception from any of it.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from fixgw.sidedoor.errors import error

FOLDER = Path(__file__).with_name("web")

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Kept, and asked about every time: a new release shows at once.
    "Cache-Control": "no-cache",
}


class Page(NamedTuple):
    """A file as it is served."""

    body: bytes
    kind: str
    tag: str


def read_pages(folder: Path = FOLDER) -> dict[str, Page]:
    """Every file of the page by its name."""
    pages = {}
    for path in sorted(folder.iterdir()):
        kind = KINDS.get(path.suffix)
        if kind is not None:
            body = path.read_bytes()
            pages[path.name] = Page(body, kind, f'"{sha256(body).hexdigest()[:16]}"')
    return pages


def web_routes() -> APIRouter:
    """``/`` and the files it needs, below ``/web/``."""
    pages = read_pages()
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return _served(request, pages["index.html"])

    @router.api_route("/web/{name}", methods=["GET", "HEAD"])
    async def file(request: Request, name: str) -> Response:
        page = pages.get(name)
        if page is None:
            raise error("NOT_FOUND")
        return _served(request, page)

    return router


def _served(request: Request, page: Page) -> Response:
    headers = {**HEADERS, "ETag": page.tag}
    if request.headers.get("if-none-match") == page.tag:
        return Response(status_code=304, headers=headers)
    return Response(page.body, headers=headers, media_type=page.kind)
