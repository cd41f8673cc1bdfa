"""The page in a real browser, in front of a real exchange."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Request

from engine.codes import CommandKind, Phase
from engine.records import UNIT, InstrumentCommand
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.keys import KeyFile
from fixgw.sidedoor.orders import Order
from tests.browser.exchange import BrowserExchange
from tests.browser.looking import PHONE, Look, eventually, looking, show

SYMBOL = "ACME"
PANELS = ("chart", "book", "entry", "trades", "own")


def open_orders(exchange: BrowserExchange, account: str = "ALICE") -> list[Order]:
    return exchange.parts.services.accounts.open_orders(account_key(account))


def plain(number: str) -> str:
    """A number as shown, as the exchange writes it."""
    text = number.replace(",", "")
    return text.rstrip("0").rstrip(".") if "." in text else text


async def enter(look: Look, **fields: str) -> None:
    """Fill the form and send it."""
    for name in ("price", "qty"):
        if name in fields:
            await look.page.fill(f"#{name}", fields[name])
    if fields.get("side") == "sell":
        await look.page.check('input[value="sell"]', force=True)
    await look.page.click("#submit")


def test_a_living_market(tmp_path: Path, chromium: str) -> None:
    """The book moves, trades run, and what stands there at rest is the book."""

    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        exchange.make_past(60)
        async with looking(exchange, browser) as look:
            await look.open()
            await look.sees("#symbol", SYMBOL)
            assert len(await look.page.query_selector_all("#instrument-list li")) == 24
            exchange.live(0.02)
            before = await look.levels("bids")
            newest = await look.text("#trades li")

            async def moved() -> bool:
                same = await look.levels("bids") == before
                return not same and await look.text("#trades li") != newest

            await eventually(moved)
            await exchange.stop_living()
            market = exchange.parts.services.market

            async def at_rest() -> bool:
                shown = market.book(SYMBOL, 100)
                for side in ("bids", "asks"):
                    rows = [[plain(p), plain(q)] for p, q in await look.levels(side)]
                    if len(rows) < 5 or rows != shown[side][: len(rows)]:
                        return False
                return True

            await eventually(at_rest)
            last = market.trades(SYMBOL, 1)[0]
            await look.sees("#trades li .price", f"{float(last['price']):.2f}")
            await look.sees("#last", f"{float(last['price']):.2f}")
            assert "O " in await look.text("#readout")
            await look.shoot(tmp_path, "market")
            for interval in ("300", "86400"):
                await look.page.click(f'[data-interval="{interval}"]')
            await look.page.fill("#filter", "btc")
            await look.page.press("#filter", "Enter")
            await look.sees("#symbol", "BTC-USD")
            assert "BTC-USD" in await look.page.title()
            # A slash in a symbol is no end of anything.
            await look.page.fill("#filter", "eur/")
            await look.page.press("#filter", "Enter")
            await look.sees("#symbol", "EUR/USD")
            await look.sees("#readout", "C 1.0")

    show(tmp_path, chromium, scene, past_hours=1)


def test_an_order_from_entry_to_cancel(tmp_path: Path, chromium: str) -> None:
    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        sent: list[dict[str, Any]] = []

        def note(request: Request) -> None:
            if request.method == "POST":
                sent.append(json.loads(request.post_data or ""))

        async with looking(exchange, browser) as look:
            look.page.on("request", note)
            await look.sign_in()
            await enter(look, price="9.50", qty="120.0")
            await look.sees("#outcome", "Order is in the book")
            await look.sees("#own-orders tbody tr", SYMBOL)
            (order,) = open_orders(exchange)
            assert (order.price, order.qty) == (950 * UNIT // 100, 120 * UNIT)
            assert sent == [
                {
                    "client_order_id": order.client_order_id,
                    "symbol": SYMBOL,
                    "side": "buy",
                    "type": "limit",
                    "time_in_force": "day",
                    "qty": "120",
                    "price": "9.5",
                }
            ]
            await look.sees("#bids .level.own .price", "9.50")
            await look.shoot(tmp_path, "order")
            await look.page.click("#own-orders tbody tr button")
            await look.sees("#own-orders .empty", "No open orders")
            await look.sees("#outcome", "Order is cancelled, nothing was filled")
            assert open_orders(exchange) == []
            await look.page.wait_for_selector("#bids .level.own", state="detached")

    show(tmp_path, chromium, scene)


def test_fills_and_positions(tmp_path: Path, chromium: str) -> None:
    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        async with (
            looking(exchange, browser) as maker,
            looking(exchange, browser) as taker,
        ):
            await maker.sign_in("BOB")
            await taker.sign_in("ALICE")
            await enter(maker, price="10.00", qty="100", side="sell")
            await maker.sees("#outcome", "Order is in the book")
            await taker.page.check('input[value="market"]', force=True)
            assert not await taker.page.is_visible("#price")
            await enter(taker, qty="30")
            await taker.sees("#outcome", "30 filled at 10.00")
            await maker.sees("#toasts", "Sold 30 ACME at 10.00")
            await maker.sees("#own-orders tbody tr", "70 of 100")
            await maker.sees("#outcome", "Order is in the book, partly filled")
            await taker.page.click("#tab-fills")
            await taker.sees("#own-fills tbody tr", "10.00")
            await taker.sees("#own-fills tbody tr", "Taker")
            await taker.page.click("#tab-positions")
            await taker.sees("#own-positions tbody tr", "30")
            # A page that is loaded again knows the same.
            await maker.page.reload()
            await maker.sees("#account", "BOB")
            await maker.sees("#own-orders tbody tr", "70 of 100")
            await maker.page.click("#tab-positions")
            await maker.sees("#own-positions tbody tr", "−30")

    show(tmp_path, chromium, scene)


def test_what_is_refused_says_why(tmp_path: Path, chromium: str) -> None:
    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        key, secret = await exchange.known_key("ALICE")
        async with looking(exchange, browser) as look:
            await look.open()
            await look.sees("#submit", "Sign in to trade")
            await look.page.click("#submit")
            assert await look.page.is_visible("#sign-in")
            await look.page.fill("#key-id", "nobody")
            await look.page.fill("#key-secret", "x" * 40)
            await look.page.click("#sign-in-submit")
            await look.sees("#sign-in-outcome", "KEY_UNKNOWN")
            await look.page.fill("#key-id", key)
            await look.page.fill("#key-secret", secret)
            await look.page.click("#sign-in-submit")
            await look.sees("#account", "ALICE")

            await look.page.fill("#price", "9.501")
            await look.sees("#price-hint", "Price must be a multiple of 0.01")
            await look.page.fill("#qty", "1.5")
            await look.sees("#qty-hint", "Quantity must be a multiple of 1")
            await look.page.click("#submit")
            assert await look.page.evaluate("document.activeElement.id") == "price"
            await enter(look, price="9.50", qty="2000000")
            await look.sees("#outcome", "Order was refused")
            await look.sees(
                "#outcome", "The quantity is above the instrument's maximum"
            )
            await look.sees("#outcome", "QTY_ABOVE_MAX")
            assert open_orders(exchange) == []

            exchange.halt(SYMBOL, Phase.HALTED)
            await look.sees("#submit", "Trading is halted")
            assert await look.text("#phase") == "Halted"
            assert await look.page.is_disabled("#submit")
            await look.sees("#instrument-list [aria-current] .unit", "Halted")
            exchange.halt(SYMBOL, Phase.CONTINUOUS)
            await look.sees("#submit", "Buy")
            assert not await look.page.is_visible("#phase")
            exchange.halt(SYMBOL, Phase.CLOSING_AUCTION)
            await look.sees("#phase", "Closing auction")
            assert await look.page.is_enabled("#submit")
            exchange.halt(SYMBOL, Phase.CANCEL_ONLY)
            await look.sees("#submit", "No orders in this phase")

    show(tmp_path, chromium, scene)


def test_a_stop_an_iceberg_and_a_passive_order(tmp_path: Path, chromium: str) -> None:
    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        async with looking(exchange, browser) as look:
            await look.sign_in()
            page = look.page
            assert not await page.is_visible("#stop-field")
            await page.check('input[value="stop_limit"]', force=True)
            assert await page.is_disabled('input[name="tif"][value="ioc"]')
            await page.fill("#stop", "10.501")
            await look.sees("#stop-hint", "Stop price must be a multiple of 0.01")
            await page.fill("#stop", "10.50")
            await page.fill("#display", "20")
            await enter(look, price="11", qty="100")
            await look.sees("#outcome", "Order waits for its stop price")
            await look.sees("#own-orders tbody tr", "Stop 10.50 → 11.00")
            (order,) = open_orders(exchange)
            assert (order.stop_price, order.display_qty) == (1050000000, 20 * UNIT)
            await look.shoot(tmp_path, "stop")
            await page.check('input[value="limit"]', force=True)
            await page.check("#post-only")
            await page.fill("#display", "")
            await enter(look, price="9.50", qty="10")
            await look.sees("#outcome", "Order is in the book")
            passive = next(one for one in open_orders(exchange) if one is not order)
            assert passive.shown()["post_only"] is True
            await page.check('input[value="market"]', force=True)
            assert await page.is_disabled("#post-only")
            assert not await page.is_visible("#display-field")

    show(tmp_path, chromium, scene)


def test_the_key_stays_where_it_should(tmp_path: Path, chromium: str) -> None:
    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        async with looking(exchange, browser) as look:
            key, secret = await exchange.known_key("ALICE")
            seen: list[str] = []
            look.page.on("request", lambda r: seen.append(f"{r.url} {r.headers}"))
            await look.open(f"#key={key}&secret={secret}&symbol=GLOBEX")
            await look.sees("#account", "ALICE")
            await look.sees("#symbol", "GLOBEX")
            assert "secret" not in look.page.url
            assert key not in look.page.url
            await enter(look, price="50", qty="1")
            await look.sees("#outcome", "Order is in the book")
            assert not [text for text in seen if secret in text]
            assert await look.page.evaluate("localStorage.length") == 0
            assert await look.page.evaluate("document.cookie") == ""
            assert secret not in await look.page.content()
            # An operator disables the key: the page is shown the door, and says so.
            KeyFile(exchange.config.sidedoor.keys).set_disabled(key, True)
            await look.sees("#sign-in-outcome", "KEY_")
            assert (
                await look.page.evaluate("sessionStorage.getItem('fixgw-key')") is None
            )

    show(tmp_path, chromium, scene)


def test_signing_out(tmp_path: Path, chromium: str) -> None:
    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        async with looking(exchange, browser) as look:
            await look.sign_in()
            await enter(look, price="9", qty="1")
            await look.sees("#orders-count", "1")
            await look.page.click("#account")
            await look.sees("#menu-account", "ALICE")
            await look.page.click("#sign-out")
            await look.sees("#account", "Sign in")
            await look.sees("#own-orders .empty", "Sign in to see your orders")
            await look.page.wait_for_selector('#connection[data-state="open"]')
            assert len(open_orders(exchange)) == 1
            await look.page.reload()
            await look.sees("#account", "Sign in")

    show(tmp_path, chromium, scene)


def test_without_a_secure_context_the_page_says_what_to_do(
    tmp_path: Path, chromium: str
) -> None:
    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        async with looking(exchange, browser) as look:
            url = exchange.url.replace("localhost", "exchange.test")
            await look.open(url=url)
            await look.page.click("#account")
            await look.sees("#no-crypto", "https or on this computer itself")
            await look.sees("#no-crypto", "ssh -L")
            assert await look.page.is_disabled("#sign-in-submit")
            # Looking on needs no signature.
            await look.sees("#symbol", SYMBOL)
            # What a browser says of a header that means nothing without https.
            look.complaints = [
                text for text in look.complaints if "Cross-Origin-Opener" not in text
            ]

    rules = "--host-resolver-rules=MAP exchange.test 127.0.0.1"
    show(tmp_path, chromium, scene, rules)


def test_the_exchange_comes_back(tmp_path: Path, chromium: str) -> None:
    """The side door is started anew: the page finds it and everything is as it was."""

    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        async with looking(exchange, browser) as look:
            await look.sign_in()
            await enter(look, price="9", qty="10")
            await look.sees("#orders-count", "1")
            await exchange.close()
            await look.page.wait_for_selector('#connection:not([data-state="open"])')
            await asyncio.sleep(1.0)  # it tries in vain
            await exchange.open()
            exchange.apply(exchange.traders[SYMBOL].quote(30))
            await look.page.wait_for_selector('#connection[data-state="open"]')
            await look.page.wait_for_selector("body:not(.stale)")
            shown = exchange.parts.services.market.book(SYMBOL, 5)

            async def caught_up() -> bool:
                rows = (await look.levels("bids"))[:5]
                return [[plain(p), plain(q)] for p, q in rows] == shown["bids"]

            await eventually(caught_up)
            await enter(look, price="8", qty="10")
            await look.sees("#orders-count", "2")
            look.complaints = [
                text for text in look.complaints if "WebSocket connection" not in text
            ]

    show(tmp_path, chromium, scene)


def test_the_past_comes_late(tmp_path: Path, chromium: str) -> None:
    """The page is loaded while a side door that has just begun knows nothing yet."""

    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        exchange.apply(exchange.traders[SYMBOL].quote(30))
        key, secret = await exchange.known_key("ALICE")
        await exchange.close()
        await exchange.serve()
        async with looking(exchange, browser) as look:
            await look.page.goto(f"{exchange.url}#key={key}&secret={secret}")
            await look.sees("#account", "ALICE")
            assert await look.text("#symbol") == "–"
            assert await look.page.is_disabled("#submit")
            await exchange.link()
            await look.sees("#symbol", SYMBOL)
            await look.page.wait_for_selector("#bids .level:not(.blank)")
            await enter(look, price="9", qty="10")
            await look.sees("#orders-count", "1")
            assert not await look.page.query_selector("#toasts .bad")

    show(tmp_path, chromium, scene)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(tmp_path: Path, chromium: str, scheme: str) -> None:
    """No panel is wider than the screen, and an order can be entered and cancelled."""

    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        exchange.make_past(30)
        exchange.live()
        async with looking(exchange, browser, color_scheme=scheme, **PHONE) as look:
            await look.sign_in()
            await look.page.click("#pick")
            await look.page.wait_for_selector(".choosing #filter")
            await look.page.click("#instrument-list li:nth-child(2) button")
            await look.sees("#pick-symbol", "BTC-USD")
            await look.page.click('.bottom [data-panel="entry"]')
            await enter(look, price="10000", qty="0.00000001")
            await look.sees("#outcome", "Order is in the book")
            for panel in PANELS:
                await look.page.click(f'.bottom [data-panel="{panel}"]')
                wide = await look.page.evaluate(
                    "[document.documentElement.scrollWidth, innerWidth,"
                    " document.querySelector('main').scrollWidth,"
                    " document.querySelector('main').clientWidth]"
                )
                assert wide[0] <= 390 == wide[1], panel
                assert wide[2] <= wide[3], panel
                await look.shoot(tmp_path, f"phone-{scheme}-{panel}")
            await look.page.click("#own-orders tbody tr button")
            await look.sees("#own-orders .empty", "No open orders")

    show(tmp_path, chromium, scene, past_hours=1)


def test_markup_in_a_name_stays_text(tmp_path: Path, chromium: str) -> None:
    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        name = "<img/src=x>"
        kind = CommandKind.DEFINE_INSTRUMENT
        exchange.apply([InstrumentCommand(kind, symbol=name, currency="<b>")])
        async with looking(exchange, browser) as look:
            await look.open(f"#symbol={name}")
            await look.sees("#symbol", name)
            await look.sees("#currency", "<b>")
            assert await look.page.query_selector("img") is None
            assert await look.page.query_selector("main b b") is None

    show(tmp_path, chromium, scene)


def test_keys_alone_enter_an_order(tmp_path: Path, chromium: str) -> None:
    """Nobody needs a mouse: arrows choose and step, Enter sends, Tab leads on."""

    async def scene(exchange: BrowserExchange, browser: Browser) -> None:
        async with looking(exchange, browser) as look:
            await look.sign_in()
            page = look.page
            await page.focus('input[name="side"]:checked')
            await page.keyboard.press("ArrowRight")
            assert await page.is_checked('input[value="sell"]')
            await page.focus("#price")
            await page.keyboard.press("ArrowUp")
            assert await page.input_value("#price") == "10.01"
            await page.keyboard.press("Shift+ArrowUp")
            assert await page.input_value("#price") == "10.11"
            await page.focus("#qty")
            for _ in range(3):
                await page.keyboard.press("ArrowUp")
            await page.keyboard.press("Enter")
            await look.sees("#outcome", "Sell 3 ACME")
            await page.focus("#tab-orders")
            await page.keyboard.press("ArrowRight")
            assert await page.evaluate("document.activeElement.id") == "tab-fills"
            assert await page.is_visible("#own-fills")
            await page.focus("#chart")
            await page.keyboard.press("ArrowLeft")
            names = await page.eval_on_selector_all(
                "button, input, [role=tab], canvas",
                "all => all.filter(e => !(e.textContent.trim() ||"
                " e.getAttribute('aria-label') || e.labels?.length)).map(e => e.id)",
            )
            assert names == []

    show(tmp_path, chromium, scene)


async def _headers(url: str) -> dict[str, str]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(url.replace("localhost", "127.0.0.1"))
        assert answer.status_code == 200
        tag = {"If-None-Match": answer.headers["etag"]}
        again = await client.get(answer.url, headers=tag)
        assert again.status_code == 304
        for name in ("nothing.js", "..%2Fpages.py", "%2e%2e/pages.py"):
            missing = await client.get(f"{answer.url}web/{name}")
            assert missing.status_code == 404
        return dict(answer.headers)


def test_headers_of_the_page(tmp_path: Path) -> None:
    async def main() -> None:
        exchange = BrowserExchange(tmp_path)
        await exchange.open()
        headers = await _headers(exchange.url)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-cache"
        await exchange.close()
        for service in exchange.services:
            service.host.close()

    asyncio.run(main())
