# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may import and do what (layering.py has the rule), kept over all."""

from pathlib import Path
from typing import Dict, List

import pytest

from layering import (
    DURABLE_CALLS,
    REMOTE_LOADER,
    modules_using,
    violations,
)

ROOT = Path(__file__).resolve().parent.parent


def load_sources() -> Dict[str, str]:
    """Dotted module name -> source text, of all three packages."""
    sources = {}
    for place in ("common", "dom0", "backupvm"):
        for path in sorted((ROOT / place).rglob("*.py")):
            parts = path.relative_to(ROOT / place).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
            sources[".".join(parts)] = path.read_text("utf-8")
    return sources


SOURCES = load_sources()


def test_all_three_packages_are_read() -> None:
    sides = {module.split(".")[0] for module in SOURCES}
    assert {"wyng_common", "wyng_dom0"} <= sides


@pytest.mark.parametrize("module", SOURCES)
def test_module_keeps_the_rule(module: str) -> None:
    assert violations(module, SOURCES[module]) == []


def test_fsync_and_rename_have_one_module_a_side() -> None:
    users = set()
    for call in DURABLE_CALLS:
        users |= modules_using(call, SOURCES)
    store = {name for name in users if name.startswith("wyng_store")}
    assert len(store) <= 1, f"more than one module: {sorted(store)}"
    assert users - store <= {"wyng_dom0.state.durable", REMOTE_LOADER}


@pytest.mark.parametrize("package", ["qubesadmin"])
def test_qubesadmin_has_one_importer(package: str) -> None:
    assert len(modules_using(package, SOURCES)) <= 1


BAD: List[tuple[str, str]] = [
    ("wyng_common.x", "import yaml"),
    ("wyng_common.x", "import wyng_dom0.errors"),
    ("wyng_common.x", "from wyng_store import packs"),
    ("wyng_store.x", "import cryptography"),
    ("wyng_store.x", "from wyng_dom0.errors import BadInput"),
    ("wyng_dom0.x", "import requests"),
    ("wyng_dom0.engine.x", "import wyng_store.packs"),
    ("wyng_dom0.engine.x", "from wyng_dom0.cli import main"),
    ("wyng_dom0.engine.x", "from wyng_dom0 import cli"),
    ("wyng_dom0.engine.x", "from wyng_dom0.commands import send"),
    ("wyng_dom0.commands.x", "import wyng_dom0.cli.options"),
    ("wyng_dom0.cli.x", "import wyng_dom0.applet.window"),
    ("wyng_dom0.seal.x", "import wyng_dom0.engine.send"),
    ("wyng_dom0.state.x", "from wyng_dom0.sources import directory"),
    ("wyng_dom0.errors", "from wyng_dom0.state import durable"),
    ("wyng_dom0.engine.x", "def f():\n    import wyng_dom0.cli"),
    ("wyng_dom0.engine.x", "from . import send"),
    ("wyng_dom0.engine.x", "import qubesadmin"),
    ("wyng_dom0.engine.x", "import PyQt6.QtCore"),
    ("wyng_dom0.engine.x", "from Cryptodome.Cipher import ChaCha20"),
    ("wyng_dom0.migrate.x", "from wyng_dom0.seal import keys"),
    ("wyng_dom0.sources.x", "import wyng_dom0.migrate.find"),
    ("wyng_dom0.x", "import importlib"),
    ("wyng_dom0.x", "from importlib import import_module as f"),
    ("wyng_dom0.x", "__import__('os')"),
    ("wyng_dom0.x", "f = exec"),
    ("wyng_dom0.x", "eval('1')"),
    ("wyng_dom0.x", "import sys\nsys.modules['x']"),
    ("wyng_dom0.engine.x", "import os\nos.fsync(1)"),
    ("wyng_dom0.engine.x", "from os import fsync as f\nf(1)"),
    ("wyng_dom0.engine.x", "import os as o\no.replace('a', 'b')"),
    ("wyng_dom0.engine.x", "path.rename('b')"),
    ("wyng_dom0.engine.x", "path.replace(other)"),
    ("wyng_dom0.engine.x", "import fcntl\nfcntl.ioctl(1, 2)"),
    ("wyng_dom0.engine.x", "run(['lvcreate', '-s'])"),
    ("wyng_dom0.engine.x", "import subprocess"),
    ("wyng_dom0.snapshots.x", "import subprocess\nsubprocess.Popen(['a'])"),
    ("wyng_dom0.cli.x", "import os\nos.system('true')"),
    ("wyng_store.x", "import subprocess"),
    ("wyng_dom0.engine.x", "print('x')"),
    ("wyng_dom0.engine.x", "import sys\nsys.exit(1)"),
    ("wyng_dom0.engine.x", "from sys import exit as leave\nleave()"),
    ("wyng_dom0.engine.x", "raise SystemExit(1)"),
    ("wyng_store.packs", "import sys\nsys.stdout.write('x')"),
    ("wyng_dom0.seal.x", "open('f')"),
    ("wyng_dom0.seal.x", "import os\nos.open('f', 0)"),
    ("wyng_dom0.tree.x", "from os import getenv"),
    ("wyng_dom0.archive.x", "import pathlib"),
    ("wyng_dom0.archive.x", "import subprocess"),
]


@pytest.mark.parametrize("module, source", BAD)
def test_breach_is_seen(module: str, source: str) -> None:
    assert violations(module, source)


GOOD: List[tuple[str, str]] = [
    ("wyng_common.x", "import hashlib\nfrom wyng_common.ids import BlobId"),
    ("wyng_store.x", "import sqlite3\nfrom wyng_common import limits"),
    ("wyng_store.x", "import os\nos.fsync(1)"),
    ("wyng_dom0.engine.x", "from wyng_dom0.seal import keys"),
    ("wyng_dom0.engine.x", "name = text.replace('a', 'b')"),
    ("wyng_dom0.engine.x", "import re\nre.compile('a')"),
    ("wyng_dom0.engine.x", "from dataclasses import replace\nreplace(a, b=1)"),
    ("wyng_dom0.cli.x", "import sys\nprint('x')\nsys.exit(1)"),
    ("wyng_dom0.migrate.x", "from Cryptodome.Cipher import ChaCha20"),
    ("wyng_dom0.engine.x", "import wyng_dom0.migrate.find"),
    ("wyng_dom0.seal.x", "import os\nos.urandom(12)\nos.getpid()"),
    ("wyng_dom0.transport.start", "import subprocess\nsubprocess.Popen([])"),
    ("wyng_dom0.snapshots.x", "import fcntl\nfcntl.ioctl(1, 2)"),
    ("wyng_dom0.state.durable", "import os\nos.rename('a', 'b')"),
]


@pytest.mark.parametrize("module, source", GOOD)
def test_what_is_allowed_is_let_through(module: str, source: str) -> None:
    assert violations(module, source) == []
