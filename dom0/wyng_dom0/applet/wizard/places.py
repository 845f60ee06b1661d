# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an archive lies, as fields of a form, and the URL that they make.

Pure. Whether a URL can be meant is for the engine to say.
"""

from dataclasses import dataclass

QUBE, DIRECTORY, SSH, QUBE_SSH = "qubes", "internal", "ssh", "qubes-ssh"
KINDS = (QUBE, DIRECTORY, SSH, QUBE_SSH)
# The port is for the configuration of ssh to say.
AS_CONFIGURED = 0


@dataclass(frozen=True)
class Place:
    """What was typed; each kind uses some of the fields."""

    kind: str = DIRECTORY
    path: str = ""
    qube: str = ""
    user: str = ""
    host: str = ""
    port: int = AS_CONFIGURED
    bootstrap: bool = False

    @property
    def is_filled(self) -> bool:
        """True when nothing that is needed is empty."""
        return all(self._needed())

    @property
    def url(self) -> str:
        """The destination in the engine's grammar, right or wrong."""
        if self.kind == DIRECTORY:
            return f"internal:{self.path}"
        if self.kind == QUBE:
            return f"qubes://{self.qube}/{self.path.lstrip('/')}"
        path = self.path if self.path.startswith("/") else f"/{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        via = f"{self.qube}:" if self.kind == QUBE_SSH else ""
        return f"{self.kind}://{via}{user}{host}{port}{path}"

    def _needed(self) -> "tuple[str, ...]":
        if self.kind == DIRECTORY:
            return (self.path,)
        if self.kind == QUBE:
            return (self.qube, self.path.strip("/"))
        server = (self.host, self.path.strip("/"))
        return (*server, self.qube) if self.kind == QUBE_SSH else server
