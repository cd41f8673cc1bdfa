"""``python -m fixgw``: the command line."""

import sys

try:
    from fixgw.ops.cli import main

    main(prog_name="fixgw")
except KeyboardInterrupt:
    sys.exit(130)
