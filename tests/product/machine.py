# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with the product on it: real commands, real processes."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

START = "import sys; from wyng_dom0.cli.main import main; sys.exit(main())"
PASSPHRASE = "correct horse battery staple"
OFF = ("--encrypt=off",)
DATA = random.Random(9).randbytes(200_000)
_FOLDERS = ("backup", "state", "images")
_NONE: "dict[str, bytes]" = {}


class Machine:
    """A folder of images, a folder for archives, and a state of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.images = root / "images"
        self.backup = root / "backup"
        self.state = root / "state"
        self.images.mkdir(parents=True)
        self.backup.mkdir()
        (root / "passphrase").write_text(PASSPHRASE + "\n")

    @property
    def passcmd(self) -> str:
        return f"--passcmd=cat {self.root}/passphrase"

    def dest(self, name: str = "a") -> str:
        return f"internal:{self.backup}/{name}"

    def bare(self, *words: str, **more: Any) -> "subprocess.CompletedProcess":  # type: ignore[type-arg]
        """A command as it is, with no option of ours and no terminal."""
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HOME": str(self.root / "home"),
            **more.pop("env", {}),
        }
        return subprocess.run(
            [sys.executable, "-c", START, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.root,
            env=environ,
            **more,
        )

    def run(self, *words: str, code: int = 0, **more: Any) -> str:
        """Standard output of a command that must end with `code`."""
        done = self.bare(f"--meta-dir={self.state}", *words, **more)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return str(done.stdout)

    def fails(self, code: int, *words: str, **more: Any) -> str:
        """The one sentence of a command that must fail with `code`."""
        done = self.bare(f"--meta-dir={self.state}", *words, **more)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        lines = done.stderr.splitlines()
        assert len(lines) == 1, (words, done.stderr)
        assert lines[0].startswith("qvm-wyng: "), lines
        return str(lines[0].removeprefix("qvm-wyng: "))

    def fails_among(self, code: int, *words: str) -> str:
        """The last sentence of a command that tells other things too."""
        done = self.bare(f"--meta-dir={self.state}", *words)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return str(done.stderr.splitlines()[-1])

    def objects(self, *words: str) -> "list[dict[str, Any]]":
        """What a command says with --json: nothing but objects."""
        return [
            json.loads(each)
            for each in self.run("--json", *words).split("\n")
            if each
        ]

    def parsed(self, out: str, kind: str) -> "dict[str, Any]":
        """The one report of a kind among the objects of --json."""
        found = [json.loads(each) for each in out.splitlines()]
        (report,) = [each for each in found if each.get("kind") == kind]
        return dict(report)

    def init(self, *words: str, name: str = "a") -> None:
        """An archive of that name; its destination has it too."""
        self.run(
            f"--archive={name}",
            f"--local={self.images}",
            f"--dest={self.dest(name)}",
            "arch-init",
            *words,
        )

    def write(self, name: str, data: bytes) -> Path:
        path = self.images / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def sessions(self, volume: str, *words: str) -> "list[str]":
        (listed,) = self.objects("list", volume, *words)
        return [each["session"] for each in listed["sessions"]]

    def volumes(self, *words: str) -> "dict[str, int]":
        """Volume -> number of its sessions."""
        (listed,) = self.objects("list", *words)
        return {each["name"]: each["sessions"] for each in listed["volumes"]}

    def restored(
        self, volume: str, session: str = "newest", *words: str
    ) -> bytes:
        """The bytes of a session, received to a new file."""
        target = self.root / "restored.img"
        target.unlink(missing_ok=True)
        self.run(
            f"--session={session}",
            f"--save-to={target}",
            *words,
            "receive",
            volume,
        )
        return target.read_bytes()


class Template:
    """A machine with an archive in it that is put back for every test.

    Making a sealed archive costs a second or two; copying it, nothing.
    """

    def __init__(
        self,
        root: Path,
        *words: str,
        volumes: "Mapping[str, bytes]" = _NONE,
        sends: "Sequence[Mapping[str, bytes]]" = (),
    ) -> None:
        self._machine = Machine(root)
        self._machine.init(*words)
        for each in sends or [volumes]:
            for name, data in each.items():
                self._machine.write(name, data)
            if each:
                self._machine.run("send", *each)
        self._kept = root / "kept"
        for name in _FOLDERS:
            shutil.copytree(root / name, self._kept / name)

    def fresh(self) -> Machine:
        """The machine as it was, the volumes sent and nothing else."""
        machine = self._machine
        for entry in machine.root.iterdir():
            if entry.name in ("kept", "passphrase"):
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        for name in _FOLDERS:
            shutil.copytree(self._kept / name, machine.root / name)
        return machine
