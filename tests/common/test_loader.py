# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The loader of a bare host: a real process that is fed its source."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest

from wyng_common import loader

BUNDLE = b"import sys; sys.stdout.write('became ' + sys.argv[1])\n"
NAME = hashlib.sha256(BUNDLE).hexdigest()


def run(home: Path, said: bytes, change: Tuple[str, str] = ("", "")) -> "Done":
    source = Path(loader.__file__).read_text("ascii")
    source = source.replace(*change) if change[0] else source
    done = subprocess.run(
        [sys.executable, "-Ic", source + "\nload(['it'])\n"],
        input=said,
        stdout=subprocess.PIPE,
        env={**os.environ, "HOME": str(home)},
        timeout=60,
    )
    return done.returncode, done.stdout


Done = Tuple[int, bytes]


def head(name: str = NAME, size: int = len(BUNDLE)) -> bytes:
    return f"{name}{size:08}".encode()


def kept(home: Path) -> List[Path]:
    return sorted((home / ".cache" / "wyng-store").glob("*"))


def test_loader_keeps_what_it_was_sent_and_becomes_it(tmp_path: Path) -> None:
    assert run(tmp_path, head() + BUNDLE) == (0, b"WYNGLOADNbecame it")
    assert [path.name for path in kept(tmp_path)] == [f"{NAME}.pyz"]
    assert run(tmp_path, head()) == (0, b"WYNGLOADYbecame it")


def test_loader_runs_nothing_that_fails_its_hash(tmp_path: Path) -> None:
    bad = BUNDLE.replace(b"became", b"BECAME")
    assert run(tmp_path, head() + bad) == (94, b"WYNGLOADN")
    assert kept(tmp_path) == []


def test_loader_asks_again_for_what_was_altered(tmp_path: Path) -> None:
    run(tmp_path, head() + BUNDLE)
    (path,) = kept(tmp_path)
    path.write_bytes(b"print('other')")
    assert run(tmp_path, head() + BUNDLE) == (0, b"WYNGLOADNbecame it")


@pytest.mark.parametrize("name", ["../" * 21 + "x", "A" * 64, "g" * 64])
def test_loader_takes_no_name_but_a_hash(tmp_path: Path, name: str) -> None:
    code, said = run(tmp_path, head(name) + BUNDLE)
    assert (code, said) == (94, b"WYNGLOAD")
    assert kept(tmp_path) == []


def test_loader_that_is_cut_off_keeps_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, head() + BUNDLE[:-1])[0] == 1
    assert kept(tmp_path) == []


def test_loader_tells_that_python_is_too_old(tmp_path: Path) -> None:
    assert run(tmp_path, b"", ("(3, 9)", "(9, 9)")) == (93, b"")
