"""The compiled modules once more, with AddressSanitizer and UBSan, and runs in them.

    python tests/fuzz/asan.py --seconds 60 --seed 1 [harness ...]

copies the packages to ``build/asan/<hash of what is compiled>``, compiles them there
with the sanitizers, and runs :mod:`tests.fuzz.run` in that copy with the same
arguments. A build is used again until a compiled source changes. The interpreter itself
is not instrumented, so the sanitizer's library is preloaded; leaks are not looked for,
because CPython leaves memory behind at exit; and its small-object allocator is switched
off, so that every ``bytes`` object has its own guarded piece of heap.

The build also counts basic blocks: :class:`tests.fuzz.trace.Trace` reads the counters.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILDS = ROOT / "build" / "asan"
BUILDS_KEPT = 3
COPIED = (
    *("engine", "fixgw", "spec", "tests/fuzz", "tests/reference"),
    "tests/fix_scenarios/dictionaries",
)
COMPILER = os.environ.get("CC", "gcc")

SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
COMPILE = ["-O1", "-g", "-fno-omit-frame-pointer", *SANITIZE]
COUNT_BLOCKS = "-fsanitize-coverage=trace-pc"

TRACE_SOURCE = r"""
#include <stdint.h>
uint64_t fuzz_blocks, fuzz_fresh;
static uint8_t seen[1 << 18];
void __sanitizer_cov_trace_pc(void) {
    uintptr_t pc = (uintptr_t)__builtin_return_address(0);
    uint32_t place = (pc ^ (pc >> 18)) & ((1 << 18) - 1);
    fuzz_blocks++;
    if (!seen[place]) { seen[place] = 1; fuzz_fresh++; }
}
"""

# Faults on purpose: what proves that the sanitizers are in force.
FAULTY_SOURCE = r"""
#include <limits.h>
#include <stdlib.h>
int past_the_heap(int size) {
    volatile unsigned char *p = malloc(size);
    p[size] = 1;
    free((void *)p);
    return 0;
}
int byte_at(const unsigned char *data, int place) { return data[place]; }
int shifted(int bits) { return 1 << bits; }
"""


class BuildError(Exception):
    """The sanitizer build is not possible; the text says why."""


def run_tool(command: list[str], **options: object) -> str:
    """Output of a command, or BuildError with it."""
    try:
        result = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
    except OSError as error:
        raise BuildError(f"{command[0]}: {error}") from error
    if result.returncode:
        raise BuildError(f"{' '.join(command)}\n{result.stdout[-8000:]}")
    return result.stdout


def compiled_sources() -> list[Path]:
    """Every file that has a part in the compiled modules."""
    sources = [ROOT / "setup.py"]
    for package in ("engine", "fixgw"):
        sources += (ROOT / package).rglob("*.pxd")
        sources += (
            path
            for path in (ROOT / package).rglob("*.py")
            if b"import cython" in path.read_bytes()
        )
    return sorted(sources)


def source_key() -> str:
    """A hash of what decides the build: sources, flags, compiler, interpreter."""
    version = run_tool([COMPILER, "--version"]).splitlines()[0]
    digest = hashlib.sha256(
        f"{sys.version}\0{version}\0{COMPILE}\0{TRACE_SOURCE}{FAULTY_SOURCE}".encode()
    )
    for path in compiled_sources():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def only_one() -> Iterator[None]:
    """Two runs at once do not build at once."""
    BUILDS.mkdir(parents=True, exist_ok=True)
    with (BUILDS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build() -> Path:
    """The sanitizer build of the present sources, made if there is none yet."""
    with only_one():
        tree = BUILDS / source_key()
        stamp = tree / "complete"
        if not stamp.exists():
            shutil.rmtree(tree, ignore_errors=True)
            copy_to(tree)
            compile_modules(tree)
            stamp.touch()
            forget_old_builds(tree)
        else:
            copy_to(tree)
        return tree


def copy_to(tree: Path) -> None:
    """Puts the present sources there; what was compiled stays."""
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    for name in COPIED:
        shutil.copytree(ROOT / name, tree / name, ignore=ignored, dirs_exist_ok=True)


def compile_modules(tree: Path) -> None:
    """Compiles the modules in place, and the two small libraries beside them."""
    text = (ROOT / "setup.py").read_text()
    if text.count('"-O3"') != 1:
        raise BuildError(
            'setup.py no longer says "-O3" once: how to compile is unknown'
        )
    (tree / "setup.py").write_text(text.replace('"-O3"', '"-O1"'))
    flags = " ".join([*COMPILE, COUNT_BLOCKS])
    environment = os.environ | {
        "CC": COMPILER,
        "CFLAGS": flags,
        "LDSHARED": f"{COMPILER} -shared {' '.join(SANITIZE)}",
        "PYTHONPATH": str(tree),
    }
    jobs = str(os.cpu_count() or 1)
    run_tool(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace", "-j", jobs],
        cwd=tree,
        env=environment,
    )
    for name, source, extra in (
        ("trace", TRACE_SOURCE, ["-O2"]),
        ("faulty", FAULTY_SOURCE, COMPILE),
    ):
        path = tree / f"{name}_library.c"
        path.write_text(source)
        output = str(tree / f"lib{name}.so")
        run_tool([COMPILER, "-shared", "-fPIC", *extra, str(path), "-o", output])


def forget_old_builds(present: Path) -> None:
    trees = [path for path in BUILDS.iterdir() if path.is_dir() and path != present]
    trees.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for old in trees[BUILDS_KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


def environment(tree: Path) -> dict[str, str]:
    """What a process needs to run in the build with the sanitizers in force."""
    library = run_tool([COMPILER, "-print-file-name=libasan.so"]).strip()
    if not Path(library).is_absolute():
        raise BuildError(f"{COMPILER} has no libasan.so")
    return os.environ | {
        "LD_PRELOAD": f"{library} {tree / 'libtrace.so'}",
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def main(arguments: list[str]) -> int:
    try:
        tree = build()
        variables = environment(tree)
    except BuildError as error:
        sys.stderr.write(f"the sanitizer build failed: {error}\n")
        return 2
    command = [sys.executable, str(tree / "tests" / "fuzz" / "run.py"), *arguments]
    kept = ["--artifacts", str(ROOT / "build" / "fuzz")]
    return subprocess.run([*command, *kept], env=variables).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
