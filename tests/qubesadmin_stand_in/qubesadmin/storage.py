# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Volumes and pools as a client has them: qubesadmin/storage.py."""

import os
from typing import IO, Any, Dict, List, Optional

from qubesadmin import daemon, exc


class Volume:
    """A qube's volume; every property is a call (Volume._fetch_info)."""

    def __init__(self, app: Any, vm: str, vm_name: str) -> None:
        self.app, self.vm, self.name = app, vm, vm_name

    def _call(self, what: str, payload: bytes = b"") -> bytes:
        return daemon.call(
            self.vm, f"admin.vm.volume.{what}", self.name, payload
        )

    def _info(self) -> Dict[str, str]:
        lines = self._call("Info").decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def pool(self) -> str:
        return self._info()["pool"]

    @property
    def vid(self) -> str:
        return self._info()["vid"]

    @property
    def size(self) -> int:
        return int(self._info()["size"])

    @property
    def usage(self) -> int:
        return int(self._info()["usage"])

    @property
    def rw(self) -> bool:
        return self._info()["rw"] == "True"

    @property
    def save_on_stop(self) -> bool:
        return self._info()["save_on_stop"] == "True"

    @property
    def snap_on_start(self) -> bool:
        return self._info()["snap_on_start"] == "True"

    @property
    def source(self) -> Optional[str]:
        return self._info()["source"] or None

    @property
    def revisions_to_keep(self) -> int:
        return int(self._info()["revisions_to_keep"])

    @revisions_to_keep.setter
    def revisions_to_keep(self, value: int) -> None:
        self._call("Set.revisions_to_keep", str(value).encode())

    @property
    def revisions(self) -> List[str]:
        return self._call("ListSnapshots").decode().splitlines()

    def is_outdated(self) -> bool:
        return self._info()["is_outdated"] == "True"

    def resize(self, size: int, *, allow_shrink: bool = False) -> None:
        """Volume.resize: shrinking is refused on this side."""
        if not allow_shrink and size < self.size:
            raise exc.StoragePoolException("Refusing to shrink volume")
        self._call("Resize", str(size).encode())

    def revert(self, revision: str) -> None:
        self._call("Revert", revision.encode())

    def clear_data(self) -> None:
        self._call("Clear")

    def import_data(self, stream: "IO[bytes]") -> None:
        self._import(stream, None)

    def import_data_with_size(self, stream: "IO[bytes]", size: int) -> None:
        self._import(stream, size)

    def _import(self, stream: "IO[bytes]", size: Optional[int]) -> None:
        """qubes-rpc/admin.vm.volume.Import: dd, and the count must be exact.

        A client that is killed in the middle leaves the import in progress.
        """
        given = stream.fileno()
        wanted, path = daemon.import_begin(self.vm, self.name, size)
        try:
            error = _take(given, wanted, str(path))
        finally:
            stream.close()
        daemon.import_end(self.vm, self.name, error)


def _take(source: int, size: int, path: str) -> str:
    """Bytes into a file, zeros as holes; what was wrong with their number."""
    done = 0
    target = os.open(path, os.O_WRONLY)
    try:
        while done < size:
            piece = os.read(source, min(131072, size - done))
            if not piece:
                return f"not enough data (copied {done} bytes, expected {size}"
            if piece.strip(b"\0"):
                os.pwrite(target, piece, done)
            done += len(piece)
    finally:
        os.close(target)
    return f"too much data (expected {size}" if os.read(source, 1) else ""


class Pool:
    """A pool: qubesadmin/storage.py, Pool."""

    def __init__(self, app: Any, name: str) -> None:
        self.app, self.name = app, name

    def __str__(self) -> str:
        return self.name

    def _ask(self, method: str) -> Dict[str, str]:
        lines = daemon.call("dom0", method, self.name).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def config(self) -> Dict[str, str]:
        return self._ask("admin.pool.Info")

    @property
    def driver(self) -> str:
        return self.config["driver"]

    @property
    def usage_details(self) -> Dict[str, int]:
        found = self._ask("admin.pool.UsageDetails")
        return {key: int(value) for key, value in found.items()}

    @property
    def size(self) -> Optional[int]:
        return self.usage_details.get("data_size")

    @property
    def usage(self) -> Optional[int]:
        return self.usage_details.get("data_usage")
