"""``fixgw api``: one signed request to the side door, and its answer."""

from __future__ import annotations

import json
import sys

import click
import httpx

from fixgw.sidedoor.client import RestClient

EXIT_OK, EXIT_REFUSED, EXIT_NO_ANSWER = 0, 1, 3
_METHODS = ("GET", "POST", "PUT", "DELETE")


@click.command("api")
@click.argument(
    "method", metavar="METHOD", type=click.Choice(_METHODS, case_sensitive=False)
)
@click.argument("path")
@click.argument("body", required=False)
@click.option(
    "--key", envvar="FIXGW_KEY", show_envvar=True, help="Which key signs the request."
)
@click.option(
    "--secret",
    envvar="FIXGW_SECRET",
    show_envvar=True,
    help="Better in the environment than on the command line.",
)
@click.option(
    "--url",
    envvar="FIXGW_URL",
    show_envvar=True,
    default="http://127.0.0.1:8080",
    show_default=True,
    help="Where the side door is.",
)
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="How long to wait for the answer.",
)
def api(
    method: str,
    path: str,
    body: str | None,
    key: str | None,
    secret: str | None,
    url: str,
    timeout: float,
) -> None:
    """Send one request to the side door, signed if there is a key.

    PATH begins with / and may have a query; BODY is JSON, or - for standard input.
    Prints the status and the answer.

    \b
    fixgw api GET /v1/book/ACME
    fixgw api POST /v1/orders '{"client_order_id": "A-1", "symbol": "ACME",
        "side": "buy", "type": "limit", "qty": "100", "price": "10.00"}'

    \b
    Exit codes:
      0  the request was answered with success
      1  it was refused (4xx, 5xx)
      2  the command line was not understood
      3  no answer came; an order may have been taken all the same
    """
    if not path.startswith("/"):
        raise click.UsageError("PATH begins with /, like /v1/orders")
    if bool(key) != bool(secret):
        raise click.UsageError(
            "a key and its secret go together: set FIXGW_KEY and FIXGW_SECRET as "
            "'fixgw keys create' printed them"
        )
    data = _body(body)
    headers = {"Content-Type": "application/json"} if data else None
    try:
        with RestClient(url, key or "", secret or "", timeout) as client:
            answer = client.send(method, path, data, headers)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        click.echo(
            f"fixgw api: no answer from {url}: {error or type(error).__name__}. "
            "Does the exchange run, and is this its address?",
            err=True,
        )
        sys.exit(EXIT_NO_ANSWER)
    click.echo(f"{answer.status_code} {answer.reason_phrase}")
    if answer.content:
        click.echo(_pretty(answer))
    sys.exit(EXIT_REFUSED if answer.status_code >= 400 else EXIT_OK)


def _body(text: str | None) -> bytes:
    """The body as it will be sent; what is no JSON is refused here, with its place."""
    if text is None:
        return b""
    data = sys.stdin.buffer.read() if text == "-" else text.encode()
    try:
        json.loads(data)
    except ValueError as error:
        raise click.UsageError(f"BODY is not JSON: {error}") from None
    return data


def _pretty(answer: httpx.Response) -> str:
    try:
        return json.dumps(answer.json(), indent=2, ensure_ascii=False)
    except ValueError:
        return answer.text
