"""The ``fixgw`` command line. Each command lives in a module of its own."""

from __future__ import annotations

import importlib

import click

from fixgw import __version__

COMMANDS = {
    "up": "fixgw.ops.processes:up",
    "gateway": "fixgw.ops.processes:gateway",
    "shard": "fixgw.ops.processes:shard",
    "client": "fixgw.client.command:client",
    "replay-orders": "fixgw.ops.replay_orders:replay_orders",
}


class _Lazy(click.Group):
    """Imports a command when it is used: a client need not load an exchange."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
@click.version_option(__version__, prog_name="fixgw")
def main() -> None:
    """A FIX exchange gateway with deterministic matching engines behind it.

    \b
    Begin with:   fixgw up
    then, in another terminal:
                  fixgw client BUYER
    """
