# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Qubes system of the tests: pools, templates and qubes with contents.

Processes see it when they get `env`: the stand-in for qubesadmin is on their
path, and QUBES_STAND_IN is its folder.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List

HERE = Path(__file__).resolve().parent
# Only for the import: other tests' processes, which get this path, must not
# believe that they are on Qubes OS.
sys.path.append(str(HERE))

from qubesadmin import daemon, volumes  # noqa: E402

sys.path.remove(str(HERE))

LABELS = ("red", "orange", "yellow", "green", "gray", "blue", "purple", "black")


class QubesSystem:
    """`root` must be on a file system with reflinks for clones to share."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "pools" / "vm-pool").mkdir(parents=True)
        self.pool = root / "pools" / "vm-pool"
        config = {"driver": "file-reflink", "dir_path": str(self.pool)}
        first: Dict[str, Any] = {
            "labels": list(LABELS),
            "pools": {"vm-pool": {**config, "revisions_to_keep": 1}},
            "defaults": {
                "default_pool": "vm-pool",
                "default_template": "fedora",
                "default_netvm": "sys-firewall",
                "default_dispvm": "",
            },
            "vms": {},
        }
        (root / "state.json").write_text(json.dumps(first))
        os.environ["QUBES_STAND_IN"] = str(root)
        with daemon.opened() as state:
            admin = daemon.new_vm("AdminVM", "black")
            # Included by default (AdminVM in qubes/vm/adminvm.py), which only
            # tests of dom0's own files want.
            admin["properties"]["include_in_backups"] = False
            state["vms"]["dom0"] = {**admin, "state": "Running"}
        self.add("fedora", "TemplateVM", "black", root=b"fedora root")
        self.add("sys-firewall", "AppVM", "green", provides_network=True)

    @property
    def env(self) -> Dict[str, str]:
        """What processes need in their environment to see this system."""
        return {"QUBES_STAND_IN": str(self.root)}

    def add_pool(self, name: str, driver: str, **config: Any) -> None:
        with daemon.opened() as state:
            state["pools"][name] = {"driver": driver, **config}

    def add(
        self,
        name: str,
        klass: str = "AppVM",
        label: str = "blue",
        private: bytes = b"",
        root: bytes = b"",
        pool: str = "vm-pool",
        size: int = 1 << 20,
        **properties: Any,
    ) -> None:
        """A halted qube; contents stand at the beginnings of its volumes."""
        with daemon.opened() as state:
            state["vms"][name] = vm = daemon.new_vm(klass, label)
            vm["properties"].update(properties)
            for each in ("root", "private", "volatile"):
                volume = volumes.create(state, name, each, pool)
                volume["size"] = size
                if volume["save_on_stop"] and volumes.is_reflink(state, volume):
                    os.truncate(volumes.image(state, volume), size)
        for each, data in (("private", private), ("root", root)):
            if data:
                self.write(name, data, volume=each)

    def image(self, name: str, volume: str = "private") -> Path:
        """The file that a qube writes to now."""
        with daemon.opened() as state:
            found = state["vms"][name]["volumes"][volume]
            running = state["vms"][name]["state"] != "Halted"
            return volumes.image(state, found, "-dirty" if running else "")

    def committed(self, name: str, volume: str = "private") -> Path:
        """The file of the committed state."""
        with daemon.opened() as state:
            found = state["vms"][name]["volumes"][volume]
            return volumes.image(state, found)

    def write(
        self, name: str, data: bytes, at: int = 0, volume: str = "private"
    ) -> None:
        """Write as the qube itself would."""
        with open(self.image(name, volume), "r+b") as file:
            file.seek(at)
            file.write(data)

    def read(self, name: str, volume: str = "private") -> bytes:
        return self.committed(name, volume).read_bytes()

    def change(self, name: str, **parts: Any) -> None:
        """Put other values into a qube's state: features, tags, notes..."""
        with daemon.opened() as state:
            state["vms"][name].update(parts)

    def qube(self, name: str) -> Dict[str, Any]:
        """All that qubesd knows of a qube."""
        with daemon.opened() as state:
            found: Dict[str, Any] = state["vms"][name]
            return found

    def names(self) -> List[str]:
        with daemon.opened() as state:
            return sorted(state["vms"])

    def start(self, name: str) -> None:
        daemon.call(name, "admin.vm.Start")

    def stop(self, name: str) -> None:
        daemon.call(name, "admin.vm.Shutdown")

    def calls(self) -> List[str]:
        """METHOD DEST ARG of every Admin API call since forget_calls."""
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def forget_calls(self) -> None:
        (self.root / "calls").write_text("")
