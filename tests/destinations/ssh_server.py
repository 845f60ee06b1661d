# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real sshd on loopback, with several hosts that differ by their port.

Its keys, configuration and homes are its own; the client is OpenSSH's own
with a configuration file of the test's, put in front by a two-line script.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
PROGRAMS = Path(sys.executable).parent
# What a remote command may find: everything, Python alone, or nothing.
_HOSTS = ("store", "bare", "empty", "forced", "rude", "append", "chatty")
_RUDE = r"printf '\033[2Jwelcome\007\n%0900d\n' 7 >&2; exit 1"
# As ~/.bashrc of many does.
_CHATTY = r"printf 'Welcome \033[2J to chatty\n'; eval $SSH_ORIGINAL_COMMAND"


def is_installed() -> bool:
    return os.access(SSHD, os.X_OK) and shutil.which("ssh") is not None


class SshServer:
    """A running sshd; `bin` goes in front of the client's PATH."""

    def __init__(self, root: Path, ciphers: str = "") -> None:
        self.root = root
        self._ciphers = ciphers
        self.home = root / "home"
        self.bin = root / "bin"
        self.archives = root / "there"
        for folder in (self.home, self.bin, self.archives):
            folder.mkdir()
        self.ports = dict(zip(_HOSTS, _free_ports(len(_HOSTS) + 1)))
        self.closed_port = _free_ports(1)[0]
        for name in ("host_key", "other_key", "user_key"):
            _run(
                "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-f",
                name,
                at=root,
            )
        self._write_server()
        self._write_client()
        self._process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(root / "sshd_config")],
            stderr=open(root / "log", "wb"),
        )
        _wait_for(self.ports["store"])

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def url(self, name: str = "a", host: str = "store") -> str:
        return f"ssh://{host}{self.archives}/{name}"

    @property
    def path(self) -> str:
        """PATH of a client that calls this server."""
        return f"{self.bin}:{os.environ['PATH']}"

    def _write_server(self) -> None:
        (self.root / "authorized").write_text(
            (self.root / "user_key.pub").read_text()
        )
        python = self.root / "python_only"
        python.mkdir()
        (python / "python3").symlink_to(sys.executable)
        lines = [
            *(f"Port {port}" for port in self.ports.values()),
            "ListenAddress 127.0.0.1",
            f"HostKey {self.root}/host_key",
            f"AuthorizedKeysFile {self.root}/authorized",
            f"PidFile {self.root}/pid",
            "UsePAM no",
            "StrictModes no",
            "PasswordAuthentication no",
            "PermitRootLogin yes",
            "MaxStartups 100",
        ]
        append = (
            f"{PROGRAMS}/wyng-store serve --allow put --root {self.archives}"
        )
        everything = f"{PROGRAMS}:/usr/bin:/bin"
        for name, path, force in (
            ("store", everything, None),
            ("bare", str(python), None),
            ("empty", str(self.archives), None),
            ("forced", str(python), "/bin/cat"),
            ("rude", everything, _RUDE),
            ("append", everything, append),
            ("chatty", everything, _CHATTY),
        ):
            lines.append(f"Match LocalPort {self.ports[name]}")
            lines.append(f'SetEnv "PATH={path}" "HOME={self.home}"')
            if force is not None:
                lines.append(f"ForceCommand {force}")
        (self.root / "sshd_config").write_text("\n".join(lines) + "\n")
        os.makedirs("/run/sshd", exist_ok=True) if os.geteuid() == 0 else None

    def _write_client(self) -> None:
        good = (self.root / "host_key.pub").read_text()
        bad = (self.root / "other_key.pub").read_text()
        for name, key in (("known", good), ("known_wrong", bad)):
            lines = [f"[127.0.0.1]:{p} {key}" for p in self.ports.values()]
            (self.root / name).write_text("".join(lines))
        blocks = [
            f"Host {name}\n  Port {port}\n  HostName 127.0.0.1"
            for name, port in {**self.ports, "down": self.closed_port}.items()
        ]
        blocks.append(
            f"Host changed\n  HostName 127.0.0.1\n"
            f"  Port {self.ports['store']}\n"
            f"  UserKnownHostsFile {self.root}/known_wrong"
        )
        blocks.append(
            f"Host *\n  IdentityFile {self.root}/user_key\n"
            f"  UserKnownHostsFile {self.root}/known\n"
            "  IdentitiesOnly yes\n  StrictHostKeyChecking yes\n"
            "  GlobalKnownHostsFile /dev/null"
            + (f"\n  Ciphers {self._ciphers}" if self._ciphers else "")
        )
        config = self.root / "ssh_config"
        config.write_text("\n".join(blocks) + "\n")
        script = self.bin / "ssh"
        real = shutil.which("ssh")
        script.write_text(
            f'#!/bin/sh\necho "$*" >>{self.root}/calls\n'
            f'exec {real} -F {config} "$@"\n'
        )
        script.chmod(0o755)

    def calls(self) -> "list[str]":
        """The words of each call of ssh so far."""
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []


def _free_ports(count: int) -> "list[int]":
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("sshd does not listen")


def _run(*words: str, at: Path) -> None:
    subprocess.run(words, cwd=at, check=True, stdin=subprocess.DEVNULL)
