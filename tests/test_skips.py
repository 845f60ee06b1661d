# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A skipped test is told aloud, and where CI=true it fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).with_name("conftest.py")
IN_A_TEST = 'import pytest\ndef test_a(): pytest.skip("no such disk")\n'
AT_IMPORT = 'import pytest\npytest.importorskip("no_such_module_here")\n'


def run_pytest(folder: Path, test: str, ci: str) -> "tuple[int, str]":
    shutil.copy(CONFTEST, folder)
    (folder / "test_it.py").write_text(test)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env={**os.environ, "CI": ci},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    return done.returncode, done.stdout.decode()


def test_skip_is_told_with_its_reason(tmp_path: Path) -> None:
    code, said = run_pytest(tmp_path, IN_A_TEST, "")
    assert code == 0
    assert "NOT RUN: 1 TESTS" in said and "no such disk" in said


def test_skip_fails_in_ci(tmp_path: Path) -> None:
    code, said = run_pytest(tmp_path, IN_A_TEST, "true")
    assert code == 1
    assert "skipped where CI=true: no such disk" in said


def test_module_that_skips_itself_fails_in_ci(tmp_path: Path) -> None:
    code, said = run_pytest(tmp_path, AT_IMPORT, "true")
    assert code != 0
    assert "skipped where CI=true" in said
