# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A qube as a client has it: qubesadmin/vm/__init__.py, base, tags..."""

import re
import subprocess
from typing import Any, Dict, Iterator, List

from qubesadmin import daemon, exc
from qubesadmin.storage import Volume

DEFAULT = object()
_OWN = ("app", "klass", "tags", "features", "firewall", "devices", "volumes")
_UNSET = re.compile("default=True type=(int|bool) ")


class QubesVM:
    """PropertyHolder.__getattr__ and __setattr__: unset raises."""

    def __init__(self, app: Any, name: str, klass: str) -> None:
        self._name = name
        self.app, self.klass = app, klass
        self.tags = Tags(self)
        self.features = Features(self)
        self.firewall = Firewall(self)
        self.devices = Devices(self)

    @property
    def name(self) -> str:
        return self._name

    def __str__(self) -> str:
        return self._name

    def qubesd_call(
        self, dest: Any, method: str, arg: Any = None, payload: Any = None
    ) -> bytes:
        return daemon.call(
            dest or self._name, method, arg or "", payload or b""
        )

    def _prop(self, verb: str, name: str, payload: bytes = b"") -> str:
        method = f"admin.vm.property.{verb}"
        return daemon.call(self._name, method, name, payload).decode()

    def property_list(self) -> List[str]:
        return self._prop("List", "").splitlines()

    def property_is_default(self, item: str) -> bool:
        return self._prop("Get", item).startswith("default=True")

    def __getattr__(self, item: str) -> Any:
        if item.startswith("_"):
            raise AttributeError(item)
        _, kind, value = self._prop("Get", item).split(" ", 2)
        kind = kind.partition("=")[2]
        if kind in ("int", "bool") and value == "":
            raise AttributeError(item)
        if kind == "bool":
            return value == "True"
        if kind == "int":
            return int(value)
        if kind == "vm":
            return self.app.domains.get_blind(value) if value else None
        return value

    def __setattr__(self, key: str, value: Any) -> None:
        if key.startswith("_") or key in _OWN:
            super().__setattr__(key, value)
        elif value is DEFAULT:
            self._prop("Reset", key)
        else:
            text = "" if value is None else str(value)
            self._prop("Set", key, text.encode())

    @property
    def volumes(self) -> "Dict[str, Volume]":
        found = daemon.call(self._name, "admin.vm.volume.List").decode()
        return {n: Volume(self.app, self._name, n) for n in found.split()}

    def get_power_state(self) -> str:
        found = daemon.call(self._name, "admin.vm.CurrentState").decode()
        return found.partition("power_state=")[2]

    def is_halted(self) -> bool:
        return self.get_power_state() == "Halted"

    def is_running(self) -> bool:
        return not self.is_halted()

    def start(self) -> None:
        daemon.call(self._name, "admin.vm.Start")

    def shutdown(self, force: bool = False, wait: bool = False) -> None:
        daemon.call(self._name, "admin.vm.Shutdown")

    def kill(self) -> None:
        daemon.call(self._name, "admin.vm.Kill")

    def pause(self) -> None:
        daemon.call(self._name, "admin.vm.Pause")

    def get_notes(self) -> str:
        return daemon.call(self._name, "admin.vm.notes.Get").decode()

    def set_notes(self, notes: str) -> None:
        daemon.call(self._name, "admin.vm.notes.Set", "", notes.encode())

    def run_service(
        self, service: str, **kwargs: Any
    ) -> "subprocess.Popen[bytes]":
        """QubesLocal.run_service: qrexec-client with pipes."""
        words = ["qrexec-client", "-d", self._name]
        words.append(f"DEFAULT:QUBESRPC {service} dom0")
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        return subprocess.Popen(words, **{**pipes, **kwargs})


class Features:
    """qubesadmin/features.py: True is "1", False is ""."""

    def __init__(self, vm: QubesVM) -> None:
        self.vm = vm

    def _call(self, verb: str, key: str = "", payload: bytes = b"") -> bytes:
        method = f"admin.vm.feature.{verb}"
        return daemon.call(self.vm.name, method, key, payload)

    def __iter__(self) -> Iterator[str]:
        return iter(self._call("List").decode().splitlines())

    keys = __iter__

    def items(self) -> "Iterator[tuple[str, str]]":
        return ((key, self[key]) for key in self)

    def __getitem__(self, key: str) -> str:
        return self._call("Get", key).decode()

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, bool):
            value = "1" if value else ""
        self._call("Set", key, str(value).encode())

    def __delitem__(self, key: str) -> None:
        self._call("Remove", key)


class Tags:
    """qubesadmin/tags.py."""

    def __init__(self, vm: QubesVM) -> None:
        self.vm = vm

    def _call(self, verb: str, tag: str = "") -> bytes:
        return daemon.call(self.vm.name, f"admin.vm.tag.{verb}", tag)

    def __iter__(self) -> Iterator[str]:
        return iter(self._call("List").decode().splitlines())

    def __contains__(self, tag: str) -> bool:
        return self._call("Get", tag) == b"1"

    def add(self, tag: str) -> None:
        self._call("Set", tag)

    def remove(self, tag: str) -> None:
        self._call("Remove", tag)

    def discard(self, tag: str) -> None:
        try:
            self.remove(tag)
        except KeyError:
            return


class Rule:
    """qubesadmin/firewall.py, Rule: here its API form alone."""

    def __init__(self, rule: str) -> None:
        self.rule = rule


class Firewall:
    """qubesadmin/firewall.py."""

    def __init__(self, vm: QubesVM) -> None:
        self.vm = vm

    @property
    def rules(self) -> List[Rule]:
        found = daemon.call(self.vm.name, "admin.vm.firewall.Get").decode()
        return [Rule(line) for line in found.splitlines()]

    @rules.setter
    def rules(self, rules: List[Rule]) -> None:
        text = "".join(f"{each.rule}\n" for each in rules)
        method = "admin.vm.firewall.Set"
        daemon.call(self.vm.name, method, "", text.encode())


class Devices(Dict[str, Any]):
    """qubesadmin/devices.py, DeviceManager: assigned ones by class."""

    def __init__(self, vm: QubesVM) -> None:
        super().__init__()
        self.vm = vm

    def __missing__(self, klass: str) -> List[str]:
        method = f"admin.vm.device.{klass}.Assigned"
        return daemon.call(self.vm.name, method).decode().splitlines()


def missing(name: str) -> KeyError:
    """What app.domains[...] raises."""
    return exc.QubesVMNotFoundError("No such domain: %s", name)
