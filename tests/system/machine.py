# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole installation in one folder: images, state, archive, programs.

`qvm-wyng` and `wyng-store` run as processes of their own that talk over real
pipes. They are forked from the test instead of executed, because starting
Python costs ten times what the command does; what runs in them is what the
installed scripts call.
"""

import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, NamedTuple, NoReturn, Optional

import wyng_store.main
from system.faults import SENDER, STORE, Fault, install
from wyng_common.messages import Capability
from wyng_dom0.cli import main as cli
from wyng_dom0.commands import (  # noqa: F401
    add,
    arch_init,
    delete,
    prune,
    receive,
    rename,
    send,
    verify,
)
from wyng_dom0.commands import list as list_command  # noqa: F401
from wyng_dom0.commands.access import opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine import upload
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.restore import How, Restore
from wyng_dom0.events import ignore
from wyng_dom0.seal.slots import Scrypt
from wyng_dom0.transport import programs, start

PASSPHRASE = b"a passphrase of these tests\n"
SECONDS = 60.0


class Ended(NamedTuple):
    """How a process ended: its code (-9 when killed) and what it said.

    `hit`: the fault it was started with came up.
    """

    code: int
    out: str
    err: str
    hit: bool

    @property
    def objects(self) -> "List[Dict[str, Any]]":
        """What --json printed, line by line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def events(self, name: str) -> "List[Dict[str, Any]]":
        """The events of one kind."""
        return [each for each in self.objects if each.get("event") == name]

    def check(self, *codes: int) -> "Ended":
        """Itself, if it ended with one of the codes and with no traceback."""
        assert self.code in (codes or (0,)), self
        assert "Traceback" not in self.err + self.out, self
        assert "fault of this program" not in self.err + self.out, self
        return self


class Running:
    """A forked process and all it forks."""

    def __init__(self, action: Callable[["Lifeline"], int], stdin: bytes):
        files = [os.memfd_create(name) for name in ("in", "out", "err")]
        os.write(files[0], stdin)
        os.lseek(files[0], 0, os.SEEK_SET)
        reader, writer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(reader)
            _in_child(action, files, Lifeline(writer))
        os.close(writer)
        os.close(files[0])
        self._out, self._err = files[1:]
        self._lifeline = reader

    def wait(self, seconds: float = SECONDS) -> Ended:
        """Wait until it and all it started have ended; fails on a hang."""
        deadline = time.monotonic() + seconds
        hit = False
        while True:
            left = deadline - time.monotonic()
            if not select.select([self._lifeline], [], [], max(0, left))[0]:
                os.killpg(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"a process hangs: {self._said()}")
            if not os.read(self._lifeline, 1):
                break
            hit = True
        os.close(self._lifeline)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        out, err = self._said()
        os.close(self._out)
        os.close(self._err)
        return Ended(code, out, err, hit)

    def _said(self) -> "tuple[str, str]":
        out, err = (
            os.pread(fd, os.fstat(fd).st_size, 0).decode()
            for fd in (self._out, self._err)
        )
        return out, err


class Lifeline:
    """A pipe that all descendants hold: its end is the end of them all."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def mark(self) -> None:
        """Say that a fault came up."""
        os.write(self._fd, b"!")


def _in_child(
    action: Callable[[Lifeline], int], files: List[int], lifeline: Lifeline
) -> NoReturn:
    code = 99
    try:
        os.setpgid(0, 0)
        _use_as_standard(files)
        code = action(lifeline)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _use_as_standard(files: List[int]) -> None:
    for number, fd in enumerate(files):
        os.dup2(fd, number)
    sys.stdin = open(0, "r", closefd=False)
    sys.stdout = open(1, "w", closefd=False)
    sys.stderr = open(2, "w", closefd=False)


class ForkedStore:
    """What subprocess.Popen gives dom0, of a store that was forked."""

    fault: Optional[Fault] = None
    lifeline: Optional[Lifeline] = None
    last_pid = 0

    def __init__(self, command: List[str], **_: Any) -> None:
        ours, theirs = [], []
        for number in range(3):
            ends = os.pipe()
            # The store reads its first and writes the others.
            theirs.append(ends[0 if number == 0 else 1])
            ours.append(ends[1 if number == 0 else 0])
        self.pid = os.fork()
        if not self.pid:
            for fd in ours:
                os.close(fd)
            assert ForkedStore.lifeline is not None
            _in_child(self._serve(command), theirs, ForkedStore.lifeline)
        for fd in theirs:
            os.close(fd)
        ForkedStore.last_pid = self.pid
        self.stdin = os.fdopen(ours[0], "wb", 0)
        self.stdout = os.fdopen(ours[1], "rb", 0)
        self.stderr = os.fdopen(ours[2], "rb", 0)
        self._code: Optional[int] = None

    def _serve(self, command: List[str]) -> Callable[[Lifeline], int]:
        def serve(lifeline: Lifeline) -> int:
            install(ForkedStore.fault, STORE, lifeline.mark, os.getppid)
            return wyng_store.main.main(command[1:])

        return serve

    def wait(self, timeout: float = SECONDS) -> int:
        if self._code is None:
            pidfd = os.pidfd_open(self.pid)
            ready = select.select([pidfd], [], [], timeout)[0]
            os.close(pidfd)
            if not ready:
                raise subprocess.TimeoutExpired("wyng-store", timeout)
            status = os.waitpid(self.pid, 0)[1]
            self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)


def _fork_stores(fault: Optional[Fault], lifeline: Lifeline) -> None:
    """From now on this process forks its stores, and cuts small."""
    ForkedStore.fault, ForkedStore.lifeline = fault, lifeline
    start.subprocess = SimpleNamespace(  # type: ignore[assignment]
        Popen=ForkedStore,
        PIPE=subprocess.PIPE,
        TimeoutExpired=subprocess.TimeoutExpired,
    )
    programs.store_program = lambda: ["wyng-store"]
    # A small volume shall be sent in many PUTs, and scrypt be cheap.
    assert hasattr(upload, "_GROUP_BYTES")
    upload._GROUP_BYTES = 256 * 1024
    arch_init.affordable_cost = lambda: Scrypt(14)


class Machine:
    """The folder `root`/live: images/, state/, archive/, out/.

    `saved` copies of it can be put back; paths stay the same, as the state
    names them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.live = root / "live"
        self.images = self.live / "images"
        self.state = self.live / "state"
        self.archive = self.live / "archive"
        self.out = self.live / "out"
        for folder in (self.images, self.out):
            folder.mkdir(parents=True)

    # Running

    def start(
        self,
        *words: object,
        fault: Optional[Fault] = None,
        stdin: bytes = b"",
        terminal: bool = False,
    ) -> Running:
        """Start a `qvm-wyng` command in a process of its own.

        `terminal`: it takes `stdin` for what somebody types.
        """
        given = [f"--meta-dir={self.state}", *map(str, words)]

        def action(lifeline: Lifeline) -> int:
            _fork_stores(fault, lifeline)
            if terminal:
                cli._has_terminal = lambda: True
            install(fault, SENDER, lifeline.mark, lambda: ForkedStore.last_pid)
            return cli.main(given)

        return Running(action, stdin)

    def wyng(
        self,
        *words: object,
        fault: Optional[Fault] = None,
        stdin: bytes = b"",
        terminal: bool = False,
    ) -> Ended:
        """Run a `qvm-wyng` command to its end."""
        return self.start(
            *words, fault=fault, stdin=stdin, terminal=terminal
        ).wait()

    def store(self, *words: str, fault: Optional[Fault] = None) -> Ended:
        """Run a `wyng-store` command on the archive."""

        def action(lifeline: Lifeline) -> int:
            install(fault, STORE, lifeline.mark, os.getpid)
            return wyng_store.main.main([*words, str(self.archive)])

        return Running(action, b"").wait()

    # Commands

    def init(self, *words: str, fault: Optional[Fault] = None) -> Ended:
        """arch-init with small chunks and a remembered key."""
        return self.wyng(
            *("--unattended", "--remember", "--chunk-factor=1"),
            f"--local={self.images}",
            f"--dest=internal:{self.archive}",
            *words,
            "arch-init",
            fault=fault,
            stdin=PASSPHRASE,
        )

    def send(self, *names: str, fault: Optional[Fault] = None) -> Ended:
        """send with events."""
        return self.wyng("--json", "send", *names, fault=fault)

    def volumes(self) -> List[str]:
        """The volumes that the archive lists."""
        listed = self.wyng("--json", "list").check().objects[-1]
        return [each["name"] for each in listed["volumes"]]

    def sessions(self, volume: str) -> List[str]:
        """The sessions listed of a volume, oldest first."""
        listed = self.wyng("--json", "list", volume).check().objects[-1]
        return [each["session"] for each in listed["sessions"]]

    def restored_all(self, archive: str = "") -> "Dict[tuple[str, str], str]":
        """Every session there is, restored: its content's digest.

        Over one connection, which spares starting a store for each.
        """
        named = [f"--archive={archive}"] if archive else []

        def action(lifeline: Lifeline) -> int:
            _fork_stores(None, lifeline)
            words = [f"--meta-dir={self.state}", *named, "--json", "list"]
            cli.run_command = self._restore_all
            return cli.main(words)

        (digests,) = Running(action, b"").wait(3 * SECONDS).check().objects
        return {
            (volume, session): digest
            for volume, session, digest in digests["sessions"]
        }

    def _restore_all(self, context: Context) -> None:
        target = self.out / "restored"
        found = []
        with opened(context, Capability.GET) as (_, archive):
            for page in archive.pages_named(()):
                for session in archive.sessions(page):
                    content = SessionContent(archive, page, session)
                    restore = Restore(content, ignore, context.places)
                    restore.run(target, How.WHOLE)
                    digest = sha256(target.read_bytes())
                    found.append((page.name, session.name, digest))
                    target.unlink()
        context.report(Said("restored", "", {"sessions": found}))

    def restored(self, volume: str, session: str) -> bytes:
        """What a session restores to."""
        target = self.out / "restored"
        self.wyng(
            *("--force", f"--session={session}", f"--save-to={target}"),
            *("receive", volume),
        ).check()
        content = target.read_bytes()
        target.unlink()
        return content

    # Copies

    def save(self, name: str) -> None:
        """Keep a copy of the whole folder."""
        shutil.copytree(self.live, self.root / name, symlinks=True)

    def put_back(self, name: str) -> None:
        """Make the folder what it was when it was saved."""
        shutil.rmtree(self.live)
        shutil.copytree(self.root / name, self.live, symlinks=True)


def temporary_root() -> Path:
    """A folder in memory where the machine has room for that."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="wyng-system-", dir=place))


def sha256(content: bytes) -> str:
    """The digest that stands for a volume's content."""
    return hashlib.sha256(content).hexdigest()


def leftovers(*folders: Path) -> List[str]:
    """Temporary files that somebody ought to have removed."""
    marks = (".part", ".tmp", "index.new", ".wyng-partial-", ".wyng-tmp-")
    return [
        str(path)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if any(mark in path.name for mark in marks)
    ]
