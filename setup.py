"""The native modules; everything else about the project is in pyproject.toml."""

import os
from pathlib import Path

import lxml
from Cython.Build import cythonize
from setuptools import Extension, setup

# DUISIGN_BUILD=debug: symbols, no optimization, C assertions on. Anything else is the release build.
DEBUG = os.environ.get("DUISIGN_BUILD") == "debug"
COMPILE_ARGS = ["-O0", "-g3", "-UNDEBUG"] if DEBUG else ["-O3", "-g1"]
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-Wno-missing-field-initializers",
    "-Wno-sign-compare",
]

extensions = [
    Extension(
        f"duisign.{source.stem}",
        [source.as_posix()],
        # Headers only: no libxml2 is linked, the nodes are read through lxml's own copy.
        include_dirs=["src/duisign", *(path for path in lxml.get_include() if not path.endswith("__pycache__"))],
        depends=["src/duisign/_scan.h"],
        extra_compile_args=[] if os.name == "nt" else COMPILE_ARGS + WARNINGS,
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
