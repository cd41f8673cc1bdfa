# Sourced by the launchers: finds a Python, makes the environment, sets PYTHON.
ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
PYTHON=${FIXGW_VENV:-$ROOT/.venv}/bin/python

prepare() {
    local candidate
    for candidate in "${FIXGW_PYTHON:-}" python3.11 python3.12 python3.13 python3; do
        [ -n "$candidate" ] && command -v "$candidate" >/dev/null || continue
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue
        "$candidate" "$ROOT/bin/_setup.py" "$@"
        return
    done
    echo "fixgw: Python 3.11 or newer is needed and was not found on PATH." >&2
    echo "Install it, or name it: FIXGW_PYTHON=/path/to/python3.11 $0" >&2
    return 1
}
