# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Qubes whose private volumes are real thin LVs, with the names qubesd gives.

What happens to LVs is that of core-admin's qubes/storage/lvm.py, ThinVolume:

    VID              the committed state
    VID-snap         that of a running qube (start)
    VID-TIME-back    revisions (_commit: VID, then VID-snap, is renamed)
    VID-import       half written by an import (import_data)

What qubesd says of qubes is the stand-in's.
"""

import time
from pathlib import Path
from typing import Dict, Set

from machine.lvm import write
from machine.lvm_host import LvmHost
from qubesadmin_stand_in.qubes_system import QubesSystem
from system.machine import Ended, sha256

MEGABYTES = 4


def lv_of(qube: str) -> str:
    """The LV of a qube's private volume."""
    return f"vm-{qube}-private"


class ThinQubes:
    """Qubes in a thin pool, and an archive of them.

    `root` is where the stand-in keeps images of others. `wanted` keeps the
    digest that was expected, by (volume, session).
    """

    def __init__(self, host: LvmHost, root: Path) -> None:
        self.host = host
        self.system = QubesSystem(root)
        self.system.add_pool(
            *("thin", "lvm_thin"),
            volume_group=host.group.vg,
            thin_pool=host.pool,
        )
        self.wanted: Dict["tuple[str, str]", str] = {}
        self._thin: Set[str] = set()
        self._backs = int(time.time()) - 1000
        host.wyng(
            *("--unattended", "--encrypt=off", "--chunk-factor=1"),
            *("--archive=a", "--local=qubes"),
            f"--dest=internal:{host.machine.live}/archive-a",
            "arch-init",
        ).check()

    # What qubesd and qubes do

    def add(self, qube: str) -> None:
        """A halted qube with some data."""
        size = MEGABYTES << 20
        self.system.add(qube, pool="thin", size=size, netvm="")
        self.host.make(lv_of(qube), MEGABYTES)
        self._thin.add(qube)

    def snap(self, qube: str) -> str:
        """Its volume's dirty snapshot, as at a start; its name."""
        name = f"{lv_of(qube)}-snap"
        self.host.group.snapshot(lv_of(qube), name)
        self.host._made.add(name)
        return name

    def start(self, qube: str, text: bytes) -> str:
        """Start it, and let it write; the LV it writes to."""
        name = self.snap(qube)
        self.system.change(qube, state="Running")
        self.write(name, text)
        return name

    def write(self, name: str, text: bytes) -> None:
        """Write at the front of an LV."""
        write(self.host.group.path(name), 0, text)

    def new_back(self, qube: str) -> str:
        """What the next revision of its volume shall be called."""
        self._backs += 1
        back = f"{lv_of(qube)}-{self._backs}-back"
        self.host._made.add(back)
        return back

    def put_aside(self, qube: str, back: str) -> None:
        """The first rename of a commit: it makes the revision."""
        self.host.group.rename(lv_of(qube), back)

    def put_in_place(self, qube: str) -> None:
        """The second one."""
        self.host.group.rename(f"{lv_of(qube)}-snap", lv_of(qube))

    def commit(self, qube: str, back: str) -> None:
        """Both."""
        self.put_aside(qube, back)
        self.put_in_place(qube)

    def stop(self, qube: str) -> None:
        """Shut it down."""
        self.commit(qube, self.new_back(qube))
        self.system.change(qube, state="Halted")

    def names(self) -> "list[str]":
        """All LVs of the group."""
        return self.host.group.names()

    # Backups

    def send(self, *words: str) -> Ended:
        """Send with events."""
        return self.host.wyng("--json", "--archive=a", *words)

    def sent(self, qube: str, lv: str, state: str = "auto") -> None:
        """Send a qube; the session must then be what the LV holds."""
        ended = self.send(f"--state={state}", "send", qube).check()
        self.expect(ended, qube, self.host.content(lv))

    def expect(self, ended: Ended, qube: str, content: bytes) -> None:
        """A send made a session of the qube, which must be that."""
        volume = f"{qube}:private"
        (done,) = [
            each
            for each in ended.events("volume-done")
            if each["volume"] == volume
        ]
        assert done["changed"], "there is no session of it"
        self.wanted[volume, done["session"]] = sha256(content)

    def check_all(self) -> None:
        """Every session there is, bit for bit; and no snapshot too many."""
        assert self.host.machine.restored_all() == self.wanted
        assert len(self.host.own()) == len(self._thin)

    def states(self, qube: str) -> "list[str]":
        """What listings call its sessions, oldest first."""
        ended = self.send("list", f"{qube}:private").check()
        return [each["state"] for each in ended.objects[-1]["sessions"]]
