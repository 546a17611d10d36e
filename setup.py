"""The native modules; everything else about the project is in pyproject.toml."""

import os
from pathlib import Path

import lxml
from Cython.Build import cythonize
from setuptools import Extension, setup

SANITIZERS = "-fsanitize=address,undefined"
# DUISIGN_BUILD chooses one; the release build is the default.
BUILDS = {
    "release": ["-O3", "-g1"],
    # symbols, C assertions on; with -O0 the unused functions in lxml's headers would ask for libxml2
    "debug": ["-Og", "-g3", "-UNDEBUG"],
    # what other platforms get: the scanner without vectors, SHA-256 by hashlib, trees by lxml
    "plain": ["-O3", "-g1", "-DDUISIGN_PLAIN_SCAN", "-DDUISIGN_LOADED_NOTHING"],
    "sanitize": ["-O1", "-g1", "-fno-omit-frame-pointer", SANITIZERS],
    # for clang: the same, and coverage for libFuzzer
    "fuzz": ["-O1", "-g1", "-fno-omit-frame-pointer", f"{SANITIZERS},fuzzer-no-link"],
}
BUILD = os.environ.get("DUISIGN_BUILD", "release")
LINK_ARGS = [argument for argument in BUILDS[BUILD] if argument.startswith("-fsanitize")]
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-Wno-missing-field-initializers",
    "-Wno-sign-compare",
]

IS_WINDOWS = os.name == "nt"

extensions = [
    Extension(
        f"duisign.{source.stem}",
        [source.as_posix()],
        # Headers only: no libxml2 is linked, the nodes are read through lxml's own copy.
        include_dirs=[
            "src/duisign",
            *(path for path in lxml.get_include() if not path.endswith("__pycache__")),
            *(["src/duisign/_windows"] if IS_WINDOWS else []),
        ],
        depends=["src/duisign/_scan.h", "src/duisign/_loaded_module.h"],
        extra_compile_args=[] if IS_WINDOWS else BUILDS[BUILD] + WARNINGS,
        extra_link_args=LINK_ARGS,
    )
    for source in sorted(Path("src/duisign").glob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        compiler_directives={
            "language_level": 3,
            "boundscheck": True,
            "wraparound": False,
            "initializedcheck": True,
            "embedsignature": True,
            "warn.unused": True,
        },
    )
)
