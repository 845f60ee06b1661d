# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The application object: qubesadmin/app.py, QubesLocal."""

import os
from typing import Any, Callable, Dict, Iterator, List, Optional

from qubesadmin import daemon
from qubesadmin.storage import Pool
from qubesadmin.vm import QubesVM


class VMCollection:
    """VMCollection: listed once, until clear_cache."""

    def __init__(self, app: "Qubes") -> None:
        self.app = app
        self._known: Optional[Dict[str, str]] = None

    def clear_cache(self) -> None:
        self._known = None

    def _listed(self) -> Dict[str, str]:
        if self._known is None:
            lines = daemon.call("dom0", "admin.vm.List").decode().splitlines()
            words = [line.split(" ") for line in lines]
            self._known = {w[0]: w[1].partition("=")[2] for w in words}
        return self._known

    def __getitem__(self, name: str) -> QubesVM:
        return QubesVM(self.app, name, self._listed()[name])

    def get_blind(self, name: str) -> QubesVM:
        return QubesVM(self.app, name, (self._known or {}).get(name, ""))

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default

    def __contains__(self, name: object) -> bool:
        return str(name) in self._listed()

    def __iter__(self) -> Iterator[QubesVM]:
        return (self[name] for name in sorted(self._listed()))

    def keys(self) -> List[str]:
        return list(self._listed())

    def values(self) -> List[QubesVM]:
        return list(self)

    def __delitem__(self, name: str) -> None:
        daemon.call(name, "admin.vm.Remove")
        self.clear_cache()


class Named:
    """base.WrapperObjectsCollection: names from one call."""

    def __init__(self, method: str, make: Callable[[str], Any]) -> None:
        self._method, self._make = method, make

    def keys(self) -> List[str]:
        return daemon.call("dom0", self._method).decode().splitlines()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: object) -> bool:
        return str(name) in self.keys()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return self._make(name)


class Qubes:
    """QubesLocal; or, where there is no qubesd, QubesRemote as in a qube."""

    qubesd_connection_type = (
        "socket" if os.environ.get("QUBES_STAND_IN") else "qrexec"
    )

    def __init__(self) -> None:
        daemon.folder()
        self.domains = VMCollection(self)
        self.pools = Named("admin.pool.List", lambda name: Pool(self, name))
        self.labels = Named("admin.label.List", str)

    def qubesd_call(
        self,
        dest: str,
        method: str,
        arg: Optional[str] = None,
        payload: Optional[bytes] = None,
    ) -> bytes:
        return daemon.call(dest, method, arg or "", payload or b"")

    def __getattr__(self, item: str) -> Any:
        if item.startswith("_"):
            raise AttributeError(item)
        found = daemon.call("dom0", "admin.property.Get", item).decode()
        _, kind, value = found.split(" ", 2)
        if kind == "type=vm":
            return self.domains.get_blind(value) if value else None
        return value

    def add_new_vm(
        self,
        cls: str,
        name: str,
        label: str,
        template: Any = None,
        pool: Optional[str] = None,
        pools: Optional[Dict[str, str]] = None,
    ) -> QubesVM:
        """QubesBase.add_new_vm."""
        if " " in name:
            raise ValueError(f"Qube name could not contain space: {name}")
        if pool and pools:
            raise ValueError("only one of pool= and pools= can be used")
        words = [f"name={name}", f"label={label}"]
        words += [f"pool={pool}"] if pool else []
        words += [f"pool:{v}={p}" for v, p in sorted((pools or {}).items())]
        kind = "CreateInPool" if pool or pools else "Create"
        arg = "" if template is None else str(template)
        method = f"admin.vm.{kind}.{cls}"
        daemon.call("dom0", method, arg, " ".join(words).encode())
        self.domains.clear_cache()
        return self.domains[name]
