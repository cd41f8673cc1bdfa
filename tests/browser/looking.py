"""A browser that looks at the page, and notes everything it should not see."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.browser.exchange import BrowserExchange, browser_exchange

PATIENCE_S = 30.0

DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}

WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
  violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""

REFUSED = "Failed to load resource: the server responded with a status of 4"
"""What a browser says by itself of every answer with an error status."""


class Look:
    """One page, and what it complained about."""

    def __init__(self, exchange: BrowserExchange, page: Page) -> None:
        self.exchange = exchange
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(
            REFUSED
        ):
            self.complaints.append(message.text)

    async def open(self, fragment: str = "", url: str = "") -> None:
        """Load the page; it is connected afterwards."""
        await self.page.goto((url or self.exchange.url) + fragment)
        await self.page.wait_for_selector('#connection[data-state="open"]')

    async def sign_in(self, account: str = "ALICE") -> None:
        """Open the page with a new key of the account; its first instrument is known
        afterwards."""
        key, secret = await self.exchange.known_key(account)
        await self.open(f"#key={key}&secret={secret}")
        await self.sees("#account", account)
        await self.sees("#symbol", "ACME")

    async def text(self, selector: str) -> str:
        return (await self.page.text_content(selector) or "").strip()

    async def sees(self, selector: str, text: str) -> None:
        """Within a while the element holds the text."""

        async def holds() -> bool:
            element = self.page.locator(selector).first
            return text in (await element.text_content() or "")

        try:
            await eventually(holds)
        except TimeoutError:
            found = await self.text(selector)
            raise AssertionError(f"{selector} is {found!r}, not {text!r}") from None

    async def levels(self, side: str) -> list[list[str]]:
        """Price and size of the levels shown, best first."""
        rows: list[list[str]] = await self.page.eval_on_selector_all(
            f"#{side} .level:not(.blank)",
            "rows => rows.map(row => [...row.children].slice(0, 2)"
            ".map(cell => cell.textContent))",
        )
        return rows if side == "bids" else rows[::-1]

    async def shoot(self, folder: Path, name: str) -> None:
        """A screenshot for whoever wants to look."""
        await self.page.screenshot(path=folder / f"{name}.png")


@contextlib.asynccontextmanager
async def looking(
    exchange: BrowserExchange, browser: Browser, **options: Any
) -> AsyncIterator[Look]:
    """A page; nothing may have gone wrong in it at the end."""
    context = await browser.new_context(**({**DESKTOP} | options))
    await context.add_init_script(WATCH)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    look = Look(exchange, page)
    try:
        yield look
        violations = await page.evaluate("window.violations")
        assert not violations, violations
        assert not look.complaints, look.complaints
    finally:
        await context.close()


async def eventually(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until something holds. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.05)


def show(
    folder: Path,
    chromium: str,
    scene: Callable[[BrowserExchange, Browser], Coroutine[Any, Any, None]],
    *arguments: str,
    **options: Any,
) -> None:
    """Play a scene with an exchange and a browser."""

    async def main() -> None:
        async with (
            browser_exchange(folder, **options) as exchange,
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(
                executable_path=chromium,
                # Tests run as root in containers, where Chromium has no sandbox.
                args=["--no-sandbox", *arguments],
            )
            try:
                await scene(exchange, browser)
            finally:
                await browser.close()

    asyncio.run(main())
