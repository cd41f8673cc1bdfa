"""``python -m tests.rules.recording FILE``: a document with what the exchange answers
in its examples, of which only what is sent and what happens counts.

The answers are to be read and judged before they become the document.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.rules.comparing import HEADER, shown
from tests.rules.document import Example, Happens, examples
from tests.rules.stack import Play, Stage

SETTLED_S = 0.15


class Recording(Play):
    """Plays an example, and writes down what comes."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.lines: list[str] = []

    async def run(self) -> None:
        example = self._stage.example
        for name in example.clients:
            await self._stage.enter(name)
        for step in example.steps:
            if isinstance(step, Happens):
                self.lines.append("! " + " ".join(step.words))
                if step in self._stage.rest:
                    await self._happen(step)
            elif step.sent:
                self.lines.append(f"{step.client} > {shown(step.pairs)}")
                self._say(step)
            else:
                continue
            await self._listen()

    async def _listen(self) -> None:
        for name, client in self._stage.players.items():
            while True:
                try:
                    pairs = await asyncio.wait_for(client._next(), SETTLED_S)
                except (TimeoutError, AssertionError):
                    break
                said = [(tag, value) for tag, value in pairs if tag not in HEADER]
                self.lines.append(f"{name} < {shown(said)}")
                fields = dict(said)
                if 17 in fields:
                    self._fills[f"{name} {fields[17]}"] = said


def record(example: Example, folder: Path) -> list[str]:
    """The lines of an example as they should be."""

    async def main() -> list[str]:
        stage = Stage(folder, example)
        stage.start_gateway()
        await stage.listen()
        recording = Recording(stage)
        try:
            await recording.run()
        finally:
            await stage.close()
        return recording.lines

    return asyncio.run(main())


def main() -> None:
    """Write the document with what is really received."""
    path = Path(sys.argv[1])
    lines = path.read_text().splitlines()
    for example in reversed(examples(path, complete=False)):
        with TemporaryDirectory(prefix="fixgw-rules-") as folder:
            end = lines.index("```", example.line)
            lines[example.line : end] = record(example, Path(folder))
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
