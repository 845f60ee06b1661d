# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0 as qrexec's calls of qubes find it: our scripts, sudo and systemctl.

The project's own files, with the folder that they are installed in replaced;
`sudo` gives no variable of the caller's on, `systemctl` notes what it is told.
"""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

from qrexec_stand_in import client
from qrexec_stand_in.qubes import ROOT, Qubes

_LIBEXEC = "/usr/libexec/qvm-wyng"
_DECIDE = """#!{python}
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from wyng_dom0.runs import systemd
from wyng_dom0.services import decide
from wyng_dom0.state import paces
from wyng_dom0.state.places import Places
if {unheeded!r}:
    paces.FREE = 10**6
systemd.PATH = {bin!r}
sys.exit(decide.main(places=Places(Path({state!r}))))
"""
_SUDO = """#!/bin/sh
echo "$@" >>{root}/sudo
test "$1 $2" = "-n --" || exit 1
shift 2
exec env -i PATH={path} {variables} "$@"
"""


class Dom0Side:
    """`state` is qvm-wyng's, whose policy qrexec reads here."""

    def __init__(
        self, qubes: Qubes, state: Path, variables: "Dict[str, str]"
    ) -> None:
        self.qubes, self.state = qubes, state
        self._reading: List[int] = []
        self._lock = threading.Lock()
        self.root = qubes.root / "qubes" / "dom0"
        self.rpc, self.bin = self.root / "rpc", self.root / "bin"
        self._libexec = self.root / "libexec"
        for each in (self.rpc, self.bin, self._libexec, self.root / "home"):
            each.mkdir(parents=True)
        for source in (ROOT / "qubes-rpc" / "dom0").iterdir():
            self._copy(source, self.rpc)
        self._copy(ROOT / "dom0" / "libexec" / "answer", self._libexec)
        self.decide_by()
        given = " ".join(f"{k}='{v}'" for k, v in variables.items())
        path = f"{self.bin}:/usr/bin:/bin"
        self.program(
            "sudo", _SUDO.format(root=self.root, path=path, variables=given)
        )
        self.program("systemctl", f'#!/bin/sh\necho "$@" >>{self.root}/told\n')
        state.mkdir(parents=True, exist_ok=True)
        (state / "policy.d").symlink_to(qubes.policies)

    def _copy(self, source: Path, folder: Path) -> None:
        text = source.read_text().replace(_LIBEXEC, str(self._libexec))
        (folder / source.name).write_text(text)
        (folder / source.name).chmod(0o755)

    def program(self, name: str, text: str) -> None:
        """Put a program in front of the system's."""
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def decide_by(self, heeds: bool = True) -> None:
        """The program that decides; without heed of how often one calls."""
        program = self._libexec / "decide"
        program.write_text(
            _DECIDE.format(
                python=sys.executable,
                path=[str(ROOT / each) for each in ("common", "dom0")]
                + list(sys.path),
                state=str(self.state),
                unheeded=not heeds,
                bin=f"{self.bin}:/usr/bin:/bin",
            )
        )
        program.chmod(0o755)

    def do_not_wait(self) -> None:
        """`sleep` only notes for how long it was asked to."""
        self.program("sleep", f'#!/bin/sh\necho "$@" >>{self.root}/slept\n')

    def lines(self, name: str) -> "List[str]":
        """What sudo, told (systemctl) or slept noted."""
        path = self.root / name
        return path.read_text().splitlines() if path.exists() else []

    def start(self, caller: str, service: str) -> "subprocess.Popen[bytes]":
        """A call that policy let through, its script with pipes."""
        service = client._OTHER_BYTES.sub("_", service)
        script = client._script(self.rpc, service)
        assert script is not None
        argument = service.partition("+")[2]
        with self._held() as held:
            return subprocess.Popen(
                [str(script), *([argument] if argument else [])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=client._environment(self.root, caller, service),
                cwd=self.root / "home",
                pass_fds=[held],
            )

    def start_client(
        self, caller: str, service: str
    ) -> "subprocess.Popen[bytes]":
        """qrexec-client-vm in a qube: policy decides, then our script."""
        program = self.qubes.client_of(caller) / "qrexec-client-vm"
        with self._held() as held:
            return subprocess.Popen(
                [str(program), "--", "dom0", service],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "HELD": str(held)},
                pass_fds=[held],
            )

    def call(self, caller: str, service: str) -> bytes:
        """What it answers, when all that it started has ended."""
        with self.start(caller, service) as script:
            out, err = script.communicate(timeout=60)
        assert (script.returncode, err) == (0, b"")
        self.settle()
        return out

    @contextmanager
    def _held(self) -> "Iterator[int]":
        """One end of a pipe for a process and all that it starts."""
        reading, writing = os.pipe()
        with self._lock:
            self._reading.append(reading)
        try:
            yield writing
        finally:
            os.close(writing)

    def settle(self) -> None:
        """Wait until nothing that the calls so far started is left."""
        with self._lock:
            waiting, self._reading = self._reading, []
        for each in waiting:
            assert os.read(each, 1) == b""
            os.close(each)
