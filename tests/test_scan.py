"""The scanner of octets on its own: every branch of _scan.h, also that for processors that are not at hand."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import duisign
from interop import peers

HEADERS = Path(duisign.__file__).parent
SOURCE = Path(__file__).parent / "native" / "scan.c"
SECONDS = 300
WATCHED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def output(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.release_build
@pytest.mark.parametrize(
    ("compiler", "options", "emulator", "branch"),
    [
        ("gcc", WATCHED, [], None),
        ("gcc", [*WATCHED, "-DDUISIGN_PLAIN_SCAN"], [], "plain"),
        ("aarch64-linux-gnu-gcc", ["-static"], ["qemu-aarch64"], "NEON"),
    ],
)
def test_every_branch_stops_where_it_must(compiler, options, emulator, branch, tmp_path):
    program = tmp_path / "scan"
    flags = ["-std=c11", "-O3", "-Wall", "-Wextra", "-Werror", f"-I{HEADERS}", *options]
    output(peers.require_program(compiler), *flags, SOURCE, "-o", program)
    found = output(*map(peers.require_program, emulator), program)
    name, _, rest = found.partition(": ")
    # 6 kinds, 256 octets, each place of each length up to 67; and random ones.
    scans = 6 * 256 * 67 * 68 // 2 + 200_000
    # Names up to 49 octets, at each place behind them in buffers up to 134, wrong at each of their octets or nowhere.
    comparisons = sum((length + 1) * (135 - length) * (136 - length) // 2 for length in range(1, 50))
    assert rest == f"{scans} scans, {comparisons} comparisons\n"
    assert name == branch if branch else name in ("SSE2", "NEON")


@pytest.mark.release_build
def test_microsofts_branch_compiles(tmp_path):
    """By a compiler that takes its language and its built-in functions; its libraries are not to be had."""
    (tmp_path / "string.h").write_text("#include <stddef.h>\nint memcmp(const void *, const void *, size_t);\n")
    source = tmp_path / "branch.c"
    source.write_text(
        '#include "_scan.h"\n'
        "#if !defined(_MSC_VER)\n#error\n#endif\n"
        "const uint8_t *stop(const uint8_t *at, const uint8_t *end) { return duisign_scan_name(at, end); }\n"
        "const char *branch(void) { return DUISIGN_SCAN; }\n"
    )
    target = ["--target=x86_64-pc-windows-msvc", "-ffreestanding", "-fms-compatibility-version=19.40"]
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}", f"-I{HEADERS}"]
    output(peers.require_program("clang"), *target, *flags, "-c", source, "-o", tmp_path / "branch.obj")
    assert b"SSE2" in (tmp_path / "branch.obj").read_bytes()
