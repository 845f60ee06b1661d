# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""On Qubes OS a command becomes root's, through sudo and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# The interpreter may be one that only root can read, so that nobody else can
# be had: the process says that it is a user.
START = """
import os, sys
os.geteuid = lambda: 1000
from pathlib import Path
from wyng_dom0.cli import elevate
from wyng_dom0.cli.main import main
elevate.RELEASE = Path(sys.argv.pop(1))
sys.argv[0] = "/usr/bin/qvm-wyng"
sys.exit(main())
"""
# Notes what it was asked to do, and lets `true` alone run.
SUDO = """#!{python}
import json, sys
if sys.argv[1:] == ["-n", "--", "true"]:
    sys.exit({code})
print(json.dumps(sys.argv[1:]))
"""


class Dom0:
    """A user's shell in dom0, with a sudo that works or doesn't."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.release = root / "qubes-release"
        self.release.write_text("Qubes release 4.2\n")
        (root / "bin").mkdir()

    def sudo(self, code: int) -> None:
        path = self.root / "bin" / "sudo"
        path.write_text(SUDO.format(python=sys.executable, code=code))
        path.chmod(0o755)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        environ = {
            **os.environ,
            "PATH": f"{self.root}/bin",
            "HOME": str(self.root),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        return subprocess.run(
            [sys.executable, "-c", START, str(self.release), *words],
            capture_output=True,
            text=True,
            env=environ,
            timeout=60,
        )


@pytest.fixture
def dom0(tmp_path: Path) -> Dom0:
    return Dom0(tmp_path)


def test_command_is_run_again_through_sudo_word_for_word(dom0: Dom0) -> None:
    dom0.sudo(0)
    words = ["send", "--volume-desc=a b", "work", "--json"]
    done = dom0.run(*words)
    assert json.loads(done.stdout) == ["-n", "--", "/usr/bin/qvm-wyng", *words]


def test_sudo_that_does_not_work_is_one_sentence(dom0: Dom0) -> None:
    for prepare in (lambda: dom0.sudo(1), lambda: None):
        prepare()
        done = dom0.run("list")
        assert done.returncode == 1
        assert "sudo -n does not work here: run it as root" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        (dom0.root / "bin" / "sudo").unlink(missing_ok=True)


def test_what_needs_no_state_needs_no_root(dom0: Dom0) -> None:
    dom0.sudo(1)
    assert dom0.run("version").returncode == 0
    assert dom0.run("--help").returncode == 0
    assert dom0.run("send", "--nonsense").returncode == 9


def test_state_that_is_named_is_ones_own(dom0: Dom0, tmp_path: Path) -> None:
    dom0.sudo(1)
    assert dom0.run(f"--meta-dir={tmp_path}", "list").returncode == 6


def test_other_systems_are_let_be(dom0: Dom0) -> None:
    dom0.sudo(1)
    dom0.release.unlink()
    assert dom0.run("list").returncode == 6
