"""Writes ``spec/openapi.json``: ``python -m fixgw.sidedoor.openapi``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fixgw.sidedoor.app import bare_app

PATH = Path(__file__).resolve().parent.parent.parent / "spec" / "openapi.json"


def rendered() -> str:
    """The document as text."""
    return json.dumps(bare_app().openapi(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write it."""
    PATH.write_text(rendered())
    sys.stdout.write(f"wrote {PATH.name}\n")


if __name__ == "__main__":
    main()
