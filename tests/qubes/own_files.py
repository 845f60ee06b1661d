# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0 with files of its own: real commands that see another /etc and /home.

Each runs in a mount namespace of its own, in which folders of the test lie
over /etc, /home and /srv: the program has no say in where dom0's files are.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

from product.machine import START, Machine
from qubes.dom0 import Dom0

_OVER = ("etc", "home", "srv")
_MOUNTS = " && ".join(f'mount --bind "$0/{each}" /{each}' for each in _OVER)
_RPM = """#!/bin/sh
test "$1" = -qa && cat {0}/installed
"""


class OwnFiles:
    """`etc`, `home` (of the user) and `srv` are what commands see there."""

    def __init__(self, dom0: Dom0) -> None:
        self.dom0 = dom0
        self.machine: Machine = dom0.machine
        self.root = self.machine.root / "root"
        self.etc, self.srv = self.root / "etc", self.root / "srv"
        self.home = self.root / "home" / "user"
        for each in (self.etc / "qubes" / "policy.d", self.srv, self.home):
            each.mkdir(parents=True)
        for name in ("nsswitch.conf", "localtime"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", self.etc / name)
        (self.etc / "passwd").write_text(
            "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"
        )
        (self.etc / "group").write_text(
            "root:x:0:\nqubes:x:98:user,other\nuser:x:1000:\n"
        )
        os.chown(self.home, 1000, 1000)
        self.install("bash 5.2-1 x86_64", "xen 4.19-2 x86_64")

    def install(self, *packages: str) -> None:
        """Let rpm say that these are installed."""
        folder = self.machine.root / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "rpm").write_text(_RPM.format(folder))
        os.chmod(folder / "rpm", 0o755)
        (folder / "installed").write_text("\n".join(packages) + "\n")

    def include(self) -> None:
        """dom0 is in backups, as it is where nobody said otherwise."""
        self.dom0.system.change("dom0", properties={})

    def bare(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [
            *("unshare", "--mount", "sh", "-c", f'{_MOUNTS} && exec "$@"'),
            *(str(self.root), sys.executable, "-c", START),
        ]
        return subprocess.run(
            [*command, f"--meta-dir={self.machine.state}", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.machine.root,
            env=self._environ(),
        )

    def run(self, *words: str, code: int = 0) -> str:
        done = self.bare(*words)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout

    def fails(self, code: int, *words: str) -> str:
        done = self.bare(*words)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stderr.splitlines()[-1].removeprefix("qvm-wyng: ")

    def sent(self, *words: str) -> "List[Dict[str, Any]]":
        out = self.run("--json", "send", *words)
        return events(out, "volume-done")

    def report(self, *words: str, code: int = 0) -> "Dict[str, Any]":
        out = self.run("--json", *words, code=code)
        return self.machine.parsed(out, "files")

    def there(self, target: str) -> Path:
        """Where a path that a command told is for us."""
        for each in _OVER:
            if target.startswith(f"/{each}/"):
                return self.root / target[1:]
        return Path(target)

    def _environ(self) -> "Dict[str, str]":
        binaries = self.machine.root / "bin"
        return {
            **os.environ,
            **self.dom0.env,
            "HOME": str(self.machine.root / "own"),
            "PATH": f"{binaries}:{os.environ['PATH']}",
        }


def events(out: str, kind: str) -> "List[Dict[str, Any]]":
    found = [json.loads(line) for line in out.splitlines()]
    return [each for each in found if each.get("event") == kind]
