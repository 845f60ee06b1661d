# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""No secret is in a process's words, its environment, a log or a file."""

import base64
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from product.machine import DATA, PASSPHRASE, Machine
from wyng_common.ids import ArchiveId
from wyng_dom0.state import definitions, remembered
from wyng_dom0.state.places import Places

_FILE_MOST = 64 << 20


class Search:
    """Looks for byte strings in every process's /proc and below folders."""

    def __init__(self, secrets: "list[bytes]", folders: "list[Path]") -> None:
        self._secrets = [form for each in secrets for form in _forms(each)]
        self._folders = folders
        self._allowed: set[Path] = set()
        self.found: set[str] = set()
        self.processes: set[str] = set()

    def allow(self, path: Path) -> None:
        """A file that is meant to hold a secret."""
        self._allowed.add(path)

    def look(self) -> None:
        """Once over all processes and files."""
        self.look_at_processes()
        for folder in self._folders:
            for path in folder.rglob("*"):
                if path not in self._allowed and path.is_file():
                    self._look_into(path, _FILE_MOST)

    def look_at_processes(self) -> None:
        """Once over the words and environments of all processes."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                for name in ("cmdline", "environ"):
                    self._look_into(entry / name, 1 << 20)

    def _look_into(self, path: Path, most: int) -> None:
        try:
            with open(path, "rb") as file:
                content = file.read(most)
        except OSError:
            return
        if path.name == "cmdline" and b"wyng" in content:
            self.processes.add(path.parts[2])
        if any(secret in content for secret in self._secrets):
            self.found.add(str(path))

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Look at processes again and again while the block runs."""
        done = threading.Event()

        def look() -> None:
            while not done.is_set():
                self.look_at_processes()
                time.sleep(0.01)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _forms(secret: bytes) -> "list[bytes]":
    """The secret as it is, and as people write bytes."""
    return [
        secret,
        secret.hex().encode(),
        base64.b64encode(secret).rstrip(b"="),
        repr(secret).encode()[2:-1],
    ]


def _key_of(machine: Machine) -> "tuple[Path, bytes]":
    """The remembered key's file, and the key."""
    places = Places(machine.state)
    archive: ArchiveId = definitions.load_default(places).archive
    key = remembered.recall(places, archive)
    assert key is not None and len(key) == 32
    return places.remembered(archive), key


def _search(machine: Machine) -> Search:
    path, key = _key_of(machine)
    search = Search([key, PASSPHRASE.encode()], [machine.root])
    search.allow(path)
    search.allow(machine.root / "passphrase")
    for kept in (machine.root / "kept").rglob("*.key"):
        search.allow(kept)
    return search


def test_planted_secrets_are_found(sealed: Machine) -> None:
    search = _search(sealed)
    _, key = _key_of(sealed)
    planted = sealed.root / "planted"
    planted.write_bytes(b"x" * 1000 + key.hex().encode())
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    in_words = subprocess.Popen([*sleeper, PASSPHRASE])
    in_environ = subprocess.Popen(sleeper, env={**os.environ, "X": PASSPHRASE})
    try:
        time.sleep(0.3)
        search.look()
    finally:
        for process in (in_words, in_environ):
            process.kill()
            process.wait()
        planted.unlink()
    assert search.found == {
        str(planted),
        f"/proc/{in_words.pid}/cmdline",
        f"/proc/{in_environ.pid}/environ",
    }


def test_runs_leave_no_secret_anywhere(sealed: Machine) -> None:
    sealed.write("a", DATA * 20)
    search = _search(sealed)
    with search.going_on():
        for words in (
            ("send", "a"),
            ("list", "a", "--debug"),
            ("key", "list", "-v"),
            ("--recovery", "key", "add"),
            ("key", "export", f"--save-to={sealed.root}/sheet", "--force"),
            ("verify", "a"),
            (f"--save-to={sealed.root}/out", "receive", "a", "--force"),
        ):
            said = sealed.bare(f"--meta-dir={sealed.state}", *words)
            assert said.returncode == 0, said.stderr
            (sealed.root / "log").write_text(said.stdout + said.stderr)
            search.look()
    assert len(search.processes) >= 7, "it looked at no process of ours"
    assert search.found == set()


def test_agent_and_wrong_passphrase_leave_no_secret(sealed: Machine) -> None:
    search = _search(sealed)
    path, _ = _key_of(sealed)
    typed = sealed.root / "typed"
    typed.write_text("a passphrase that is wrong\n")
    search.allow(typed)
    sealed.run("forget")
    assert not path.exists()
    with search.going_on():
        sealed.run(sealed.passcmd, "--authmin=1", "list")
        sealed.fails(3, f"--passcmd=cat {typed}", "remember")
        try:
            search.look()
        finally:
            sealed.run("forget")
    assert search.found == set()
