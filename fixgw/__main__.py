"""``python -m fixgw``: the command line."""

from fixgw.ops.cli import main

main(prog_name="fixgw")
