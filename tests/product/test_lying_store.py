# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A store that claims to have what it has not is noticed at once."""

import os
import sys
from pathlib import Path

from product.machine import DATA, OFF, Machine

# Says yes to every HAVE, and makes every commit exist.
LIAR = """
from wyng_common.commits import parse_commit
from wyng_store import committing, staging

def have(self, ids):
    return bytes([255]) * ((len(ids) + 7) // 8)

def commit(archive, record, *_):
    archive.chain.append(parse_commit(record), bytes(record))

staging.Staging.have = have
committing.commit = commit
"""


def test_sample_after_the_commit_finds_a_store_that_lies(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path / "machine")
    machine.init(*OFF)
    machine.write("disk", DATA)
    (tmp_path / "liar").mkdir()
    (tmp_path / "liar" / "sitecustomize.py").write_text(LIAR)
    path = os.pathsep.join([str(tmp_path / "liar"), *sys.path])
    done = machine.bare(
        f"--meta-dir={machine.state}",
        "send",
        "disk",
        env={"PYTHONPATH": path},
    )
    assert done.returncode in (2, 4), (done.stdout, done.stderr)
    assert "does not give back what it took" in done.stderr
