"""The ``fixgw`` command line. Each command lives in a module of its own."""

from __future__ import annotations

import importlib

import click

from fixgw import __version__

SECTIONS = {
    "Run": {
        "up": "fixgw.ops.up:up",
        "demo": "fixgw.ops.demo:demo",
        "gateway": "fixgw.ops.processes:gateway",
        "echo": "fixgw.ops.echo:echo",
        "shard": "fixgw.ops.processes:shard",
        "sidedoor": "fixgw.ops.sidedoor:sidedoor",
        "publisher": "fixgw.ops.publisher:publisher",
        "readmodel": "fixgw.ops.readmodel:readmodel",
        "breaker": "fixgw.ops.breaker:breaker",
    },
    "Trade": {
        "client": "fixgw.client.command:client",
        "api": "fixgw.ops.api:api",
    },
    "Operate": {
        "status": "fixgw.ops.status:status",
        "sessions": "fixgw.ops.sessions:sessions",
        "instruments": "fixgw.ops.instrument_commands:instruments",
        "orders": "fixgw.ops.order_commands:orders",
        "trades": "fixgw.ops.trade_commands:trades",
        "limits": "fixgw.ops.limit_commands:limits",
        "keys": "fixgw.ops.key_commands:keys",
        "credentials": "fixgw.ops.credential_commands:credentials",
        "config": "fixgw.ops.config_commands:config",
        "log": "fixgw.ops.logview.command:log",
    },
    "Prove": {
        "certify": "fixgw.ops.certify:certify",
    },
    "Reproduce": {
        "replay-orders": "fixgw.ops.replay_orders:replay_orders",
    },
}
"""What the help shows, and where each command lives."""

HIDDEN = {"demo-traders": "fixgw.ops.demo:demo_traders"}
"""Run by others, not by people."""

COMMANDS = {
    name: place for section in SECTIONS.values() for name, place in section.items()
}


class _Lazy(click.Group):
    """Imports a command when it is used: a client need not load an exchange."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name) or HIDDEN.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        for title, section in SECTIONS.items():
            rows = []
            for name in section:
                command = self.get_command(ctx, name)
                assert command is not None
                rows.append((name, command.get_short_help_str(formatter.width)))
            with formatter.section(title):
                formatter.write_dl(rows, col_spacing=4)


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
@click.version_option(__version__, prog_name="fixgw")
def main() -> None:
    """A FIX exchange gateway with deterministic matching engines behind it.

    \b
    Begin with:   fixgw demo              a market that lives
    or with:      fixgw up                an exchange of your own
    then, in another terminal:
                  fixgw client BUYER
    """
