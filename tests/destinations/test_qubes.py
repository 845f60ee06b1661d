# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives in a qube: real commands, real service scripts, qrexec's rules."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from policy.evaluator import uncommented
from product.machine import DATA, START, Machine
from qrexec_stand_in.qubes import Qube, Qubes

EVERY = ("--session=20000101-000000,21000101-000000", "prune")


class Dom0:
    """A machine whose PATH has qrexec-client."""

    def __init__(self, machine: Machine, qubes: Qubes) -> None:
        self.machine = machine
        self.qubes = qubes
        self.env = {"PATH": qubes.path}

    def run(self, *words: str) -> str:
        return self.machine.run(*words, env=self.env)

    def fails(self, code: int, *words: str) -> str:
        return self.machine.fails(code, *words, env=self.env)

    def init(self, url: str, *words: str) -> str:
        return self.run(*self.init_words(url), *words)

    def init_words(self, url: str) -> "list[str]":
        return [
            f"--passcmd=cat {self.machine.root}/passphrase",
            "--remember",
            f"--local={self.machine.images}",
            f"--dest={url}",
            "arch-init",
        ]

    def send(self, data: bytes = DATA) -> str:
        self.machine.write("a", data)
        return self.run("send", "a")

    def restored(self, *words: str) -> bytes:
        target = self.machine.root / "restored.img"
        target.unlink(missing_ok=True)
        self.run(f"--save-to={target}", "receive", "a", *words)
        return target.read_bytes()


@pytest.fixture
def dom0(machine: Machine, qubes: Qubes, backup: Qube) -> Dom0:
    return Dom0(machine, qubes)


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Path, Qubes]":
    """A machine with one session in the qube, made once."""
    root = tmp_path_factory.mktemp("made")
    machine, qubes = Machine(root / "machine"), Qubes(root / "qubes")
    qubes.add("backup")
    made = Dom0(machine, qubes)
    made.init("qubes://backup/laptop")
    made.send()
    for name, folder in (("state", machine.state), ("home", _home(qubes))):
        shutil.copytree(folder, root / "kept" / name)
    return root, qubes


def _home(qubes: Qubes) -> Path:
    return qubes.root / "qubes" / "backup" / "home"


@pytest.fixture
def made(_made: "tuple[Path, Qubes]") -> Dom0:
    """dom0 with one session of DATA in the qube; put back for each test."""
    root, qubes = _made
    machine = object.__new__(Machine)
    machine.root = root / "machine"
    machine.images, machine.state = machine.root / "images", root / "state"
    machine.state = machine.root / "state"
    for name, folder in (("state", machine.state), ("home", _home(qubes))):
        shutil.rmtree(folder)
        shutil.copytree(root / "kept" / name, folder)
    for conf in ("etc", "rw"):
        path = qubes.root / "qubes" / "backup" / f"{conf}-wyng-store.conf"
        path.unlink(missing_ok=True)
    qubes.mend()
    qubes.set_running("backup", True)
    (qubes.root / "calls").unlink(missing_ok=True)
    return Dom0(machine, qubes)


def configure(dom0: Dom0, text: str) -> None:
    folder = dom0.qubes.root / "qubes" / "backup"
    (folder / "rw-wyng-store.conf").write_text(text)


def test_first_backup_needs_no_configuration_in_the_qube(
    dom0: Dom0, backup: Qube
) -> None:
    dom0.init("qubes://backup/laptop")
    dom0.send()
    assert (backup.home / "wyng" / "laptop" / "format").exists()
    assert dom0.restored() == DATA
    assert dom0.qubes.calls()[0] == "wyng.Init+laptop"
    dom0.run("verify")
    dom0.send(DATA[::-1])
    dom0.run(*EVERY)
    assert dom0.restored() == DATA[::-1]


def test_path_in_the_url_travels_in_hello(dom0: Dom0, backup: Qube) -> None:
    place = backup.home / "wyng" / "deeper down"
    place.mkdir(parents=True)
    dom0.init(f"qubes://backup{place}/a")
    dom0.send()
    assert (place / "a" / "format").exists()
    assert set(dom0.qubes.calls()) == {"wyng.Init", "wyng.Prune"}


def test_send_of_no_change_makes_two_calls_and_opens_few(made: Dom0) -> None:
    before = len(made.qubes.calls())
    made.run("send")
    assert 1 <= len(made.qubes.calls()) - before <= 2
    made.send(DATA[::-1])
    made.restored()
    made.run(*EVERY)
    assert made.qubes.most_open() <= 4


BAD_URLS = [
    ("qubes://backup/" + "x" * 300, 9, "at most 64 characters"),
    ("qubes://backup/a+b", 9, "letters, digits"),
    ("qubes://backup/-a", 9, "begins with a letter or digit"),
    ("qubes://backup/..", 9, "begins with a letter or digit"),
    ("qubes://backup/", 9, "begins with a letter or digit"),
    ("qubes://backup", 9, "begins with a letter or digit"),
    ("qubes://backup/mnt/../etc/a", 9, "'..' in its path"),
    ("qubes://dom0/a", 9, "not a qube's name"),
    ("qubes://-x/a", 9, "not a qube's name"),
    ("qubes://a;b/a", 9, "not a qube's name"),
    ("qubes://backup-dm/a", 9, "not a qube's name"),
    ("qubes:backup/a", 9, "'//' is missing"),
    ("qubes://backup/etc/wyng/a", 9, "no place that its store may use"),
    ("qubes://backup/mnt/no/such/a", 5, "is its disk mounted?"),
    ("qubes://asleep/a", 5, "asleep is not running"),
    ("qubes://bare/a", 5, "has no such service"),
    ("qubes-ssh://backup:user@host:0/a", 9, "not a port"),
    ("qubes-ssh://backup:-x/a", 9, "not a host's name"),
    ("qubes-ssh://backup:u@[::1]/a", 9, "not a host's name"),
    ("qubes-ssh://backup:u@host/a", 1, "was not allowed to be asked"),
]


@pytest.mark.parametrize(
    "url, code, part", BAD_URLS, ids=[u[0][:40] for u in BAD_URLS]
)
def test_bad_place_is_one_sentence_and_keeps_nothing(
    dom0: Dom0, backup: Qube, url: str, code: int, part: str
) -> None:
    dom0.qubes.add("asleep", running=False)
    shutil.rmtree(dom0.qubes.add("bare").root / "rpc")
    told = dom0.fails(code, *dom0.init_words(url))
    assert part in told
    assert not dom0.machine.state.exists()
    assert list(backup.home.iterdir()) == []


def test_archive_that_is_not_sealed_is_refused(dom0: Dom0) -> None:
    for url in ("qubes://backup/a", "qubes-ssh://backup:h/a"):
        words = [*dom0.init_words(url), "--encrypt=off"]
        assert "--encrypt=off trusts" in dom0.fails(9, *words)
    assert dom0.qubes.calls() == []


FAULTS = [
    ("refused", 0, 1, "was not allowed to be asked"),
    ("missing", 0, 5, "has no such service"),
    ("lost", 30_000, 5, "the stream to the qube backup was lost"),
    ("early-exit", 30_000, 5, "ended early without an error"),
    ("sender-killed", 30_000, 5, "ended the connection"),
    ("client-killed", 30_000, 5, "by signal 9; what was sent so far is kept"),
    ("stall", 30_000, 5, "has stopped"),
    ("lost", 20, 5, "the stream to the qube backup was lost"),
    ("early-exit", 0, 5, "ended early without an error"),
]


@pytest.mark.parametrize(
    "kind, after, code, part", FAULTS, ids=[f"{f[0]}-{f[1]}" for f in FAULTS]
)
def test_fault_of_qrexec_is_told_and_loses_nothing(
    made: Dom0, kind: str, after: int, code: int, part: str
) -> None:
    made.machine.write("a", DATA[::-1])
    made.qubes.break_(kind, after)
    # Long enough for a busy machine; only a stall waits for it.
    patience = ["--timeout=8"] if kind == "stall" else []
    told = made.fails(code, *patience, "send")
    assert part in told
    made.qubes.mend()
    assert made.restored() == DATA
    made.run("send")
    assert made.restored() == DATA[::-1]


def test_answers_that_break_off_leave_no_restored_file(made: Dom0) -> None:
    target = made.machine.root / "out.img"
    made.qubes.break_("lost-down", 30_000)
    words = (f"--save-to={target}", "receive", "a")
    assert "was lost" in made.fails(5, *words)
    assert not target.exists()


def test_resumed_send_sends_only_what_is_missing(made: Dom0) -> None:
    """What became durable before the break is not sent again."""
    data = random.Random(1).randbytes(48 << 20)
    made.machine.write("a", data)
    made.qubes.break_("sender-killed", 40 << 20)
    made.fails(5, "send")
    made.qubes.mend()
    made.run("send")
    up = made.qubes.bytes_up()
    assert up[-1] < 20 << 20 < up[-2], up
    assert made.restored() == data


def test_session_limit_ends_a_call(made: Dom0) -> None:
    made.machine.write("a", DATA[::-1])
    made.qubes.break_("stall", 30_000)
    told = made.fails(5, "--session-limit=0.0005", "send")
    assert "limit of 0.0005 hours is over" in told
    assert [p for p in made.machine.images.iterdir() if p.name != "a"] == []


def test_qube_that_is_shut_down_is_told(made: Dom0) -> None:
    made.qubes.set_running("backup", False)
    assert "backup is not running" in made.fails(5, "send")


def test_qube_that_prints_at_login_is_told(dom0: Dom0, backup: Qube) -> None:
    for script in (backup.root / "rpc").glob("wyng.*"):
        silent = script.read_text().partition("\n")[2]
        script.write_text(f"#!/bin/sh\nprintf 'Hello \\033[2J\\n'\n{silent}")
    told = dom0.fails(5, *dom0.init_words("qubes://backup/laptop"))
    assert 'it said "Hello ?[2J" in place of an answer' in told
    assert "~/.profile" in told and len(told.splitlines()) == 1
    assert not dom0.machine.state.exists()


def test_other_qube_is_refused_by_the_qube_itself(
    made: Dom0, tmp_path: Path
) -> None:
    """Even when the policy lets it through, and whatever it asks for."""
    home = made.qubes.root / "qubes" / "backup"
    for service in sorted((home / "rpc").iterdir()):
        for argument in ("laptop", "", "../x", "x" * 300):
            done = call(home, service.name, argument, "work")
            assert done.returncode in (9, 126), (service, argument, done)
            assert done.stdout == b""
            assert len(done.stderr.splitlines()) == 1


def call(
    home: Path, service: str, argument: str, caller: str
) -> "subprocess.CompletedProcess[bytes]":
    """A service by itself; standard input stays open and says nothing."""
    read_end, write_end = os.pipe()
    try:
        return subprocess.run(
            [str(home / "rpc" / service)],
            stdin=read_end,
            capture_output=True,
            timeout=60,
            env={
                "PATH": f"{home}/bin:/usr/bin:/bin",
                "HOME": str(home / "home"),
                "QREXEC_REMOTE_DOMAIN": caller,
                "QREXEC_SERVICE_ARGUMENT": argument,
            },
        )
    finally:
        os.close(read_end)
        os.close(write_end)


@pytest.mark.parametrize("argument", ["a/b", "../a", "x" * 300, "a\nb", "-a"])
def test_bad_argument_is_refused_before_anything_is_read(
    made: Dom0, argument: str
) -> None:
    home = made.qubes.root / "qubes" / "backup"
    done = call(home, "wyng.Init", argument, "dom0")
    assert (done.returncode, done.stdout) == (9, b"")
    assert b"an archive's name" in done.stderr


SECTION = """
[archive laptop]
directory = {home}/wyng/laptop
callers = dom0: {dom0}
    monitor: verify
"""


def test_configuration_binds_dom0_by_name_and_by_path(made: Dom0) -> None:
    home = _home(made.qubes)
    configure(made, SECTION.format(home=home, dom0="put"))
    made.send(DATA[::-1])
    assert made.restored() == DATA[::-1]
    assert "was not allowed" in made.fails(1, *EVERY)
    definition = next((made.machine.state / "archives").iterdir())
    text = definition.read_text()
    path = f"backup{home}/wyng/laptop"
    definition.write_text(text.replace("backup/laptop", path))
    assert "does not allow" in made.fails(1, *EVERY)


def test_fault_in_the_configuration_refuses_every_call(made: Dom0) -> None:
    configure(made, "[archive laptop]\ndirectory = wyng\n")
    assert "its configuration has a fault" in made.fails(5, "send")


def test_append_only_qube_can_add_and_not_remove(
    made: Dom0, machine: Machine
) -> None:
    """A qube of its own under the policy's example, in its own archive."""
    qubes = made.qubes
    policy = qubes.policies / "80-wyng.policy"
    shipped = policy.read_text()
    home = _home(qubes)
    configure(
        made,
        f"[archive work]\ndirectory = {home}/wyng/work\n"
        "callers = work: put\n    dom0: init prune\n",
    )
    owner = Dom0(machine, qubes)
    owner.init("qubes://backup/work")
    owner.send()
    (qubes.bin / "qrexec-client").rename(qubes.bin / "off")
    try:
        policy.write_text(uncommented(shipped))
        work = Dom0(machine, qubes)
        work.env = {"PATH": f"{qubes.client_of('work')}:{qubes.path}"}
        work.send(DATA[::-1])
        assert work.restored() == DATA[::-1]
        assert "was not allowed" in work.fails(1, *EVERY)
        policy.write_text(shipped)
        assert "was not allowed" in work.fails(1, "list")
    finally:
        (qubes.bin / "off").rename(qubes.bin / "qrexec-client")
        policy.write_text(shipped)


def test_two_runs_at_once_are_told_apart(made: Dom0) -> None:
    """The second says that the first is at work; the first goes on."""
    made.machine.write("a", DATA[::-1])
    made.qubes.break_("stall", 30_000)
    words = [f"--meta-dir={made.machine.state}", "--timeout=60", "send"]
    first = start(made, *words)
    wait_for(lambda: made.qubes.open_now() == 1)
    told = made.fails(5, "send")
    assert "another" in told or "in use" in told or "busy" in told
    first.kill()
    first.wait(30)
    wait_for(lambda: made.qubes.open_now() == 0)
    made.qubes.mend()
    made.run("send")
    assert made.restored() == DATA[::-1]


def start(dom0: Dom0, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", START, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            **dom0.env,
        },
    )


def wait_for(condition: "Callable[[], bool]") -> None:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def test_limited_rate_goes_with_every_command(made: Dom0) -> None:
    """That the pace is kept: tests/dom0/transport/test_patience.py."""
    made.machine.write("a", DATA[::-1])
    made.run("--limit-rate=256K", "send")
    assert made.restored("--limit-rate=512K") == DATA[::-1]
    assert "at least 8K" in made.fails(9, "--limit-rate=1", "send")
