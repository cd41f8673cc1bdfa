"""The dialogues for clients find out one that only seems to speak FIX."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fixgw.certify import Names, Result, Situation, load, run
from fixgw.certify.door import Door
from fixgw.certify.macros import Scope
from fixgw.certify.versions import version_of
from fixgw.certify.wire import fields_of, take_frame
from tests.certify.fakes import fix

SCRIPTS = Path(__file__).parents[1] / "fix_scenarios" / "client"

WAITING = ("1B.d", "1B.e", "4.a", "6_", "12_", "13.b", "789", "order")
"""Scripts left out here: to find this client out takes them long."""

HEAD = "49=C|52=20260101-00:00:00|56=S|"

HARMLESS = {"1B.a_Logon", "3.a_Packets", "11.a_ResetForward"}
"""What even a client can pass that answers and looks at nothing."""


async def answer_everything(port: int) -> None:
    """Log on, and answer each TestRequest(1); no numbers, no checks, no replays."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(fix(f"8=FIX.4.4|35=A|34=1|{now(HEAD)}98=0|108=30|141=Y|"))
        try:
            await answer(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, from behind the Logon to the end."""
    number = 1
    buffer = bytearray()
    while data := await reader.read(65536):
        buffer += data
        while frame := take_frame(buffer):
            fields = dict(fields_of(frame.decode("latin-1")))
            number += 1
            if "112" in fields:
                body = f"112={fields['112']}|"
                writer.write(fix(f"8=FIX.4.4|35=0|34={number}|{now(HEAD)}{body}"))
            elif fields["35"] == "5":
                writer.write(fix(f"8=FIX.4.4|35=5|34={number}|{now(HEAD)}"))


def now(head: str) -> str:
    """The fields with the time of now."""
    return head.replace("20260101-00:00:00", Scope(Path()).expand("<TIME>"))


def test_a_client_that_only_answers_is_found_out() -> None:
    dialogues = [
        item
        for item in load([SCRIPTS], Names(versions=(version_of("FIX.4.4"),)))
        if not item.name.startswith(WAITING)
    ]

    async def main() -> list[Result]:
        door = Door("127.0.0.1", 0)
        await door.open()
        situation = Situation(
            "127.0.0.1", door.port, wait_s=0.3, door=door, connect_s=5.0
        )
        task = asyncio.create_task(answer_everything(door.port))
        try:
            return list((await run(dialogues, situation)).results)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await door.shut()

    results = asyncio.run(main())
    assert len(results) >= 14
    passed = {result.dialogue.name for result in results if not result.has_failed}
    assert passed == HARMLESS
