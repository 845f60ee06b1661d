# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives over SSH: real commands, OpenSSH's own client, a real sshd."""

import hashlib
import shutil
from pathlib import Path

import pytest

from destinations.ssh_server import SshServer
from product.machine import DATA, OFF, Machine


def env(server: SshServer) -> "dict[str, str]":
    return {"PATH": server.path}


def init(machine: Machine, server: SshServer, url: str, *words: str) -> None:
    machine.run(
        f"--local={machine.images}",
        f"--dest={url}",
        "arch-init",
        *OFF,
        *words,
        env=env(server),
    )


def receive(machine: Machine, server: SshServer, *words: str) -> bytes:
    target = machine.root / "restored.img"
    target.unlink(missing_ok=True)
    machine.run(f"--save-to={target}", "receive", "a", *words, env=env(server))
    return target.read_bytes()


@pytest.fixture
def place(ssh_server: SshServer, tmp_path: Path) -> Path:
    """A directory at the server that is this test's own."""
    path = ssh_server.archives / tmp_path.name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def test_archive_over_ssh_is_backed_up_pruned_and_restored(
    machine: Machine, ssh_server: SshServer, place: Path
) -> None:
    init(machine, ssh_server, f"ssh://store{place}/a")
    machine.write("a", DATA)
    machine.run("send", "a", env=env(ssh_server))
    machine.write("a", DATA[::-1])
    machine.run("send", env=env(ssh_server))
    assert receive(machine, ssh_server) == DATA[::-1]
    machine.run(
        "--session=20000101-000000,21000101-000000",
        "prune",
        env=env(ssh_server),
    )
    machine.run("verify", env=env(ssh_server))
    assert receive(machine, ssh_server, f"--from=ssh://store{place}/a")


def test_path_meets_no_shell(
    machine: Machine, ssh_server: SshServer, place: Path
) -> None:
    name = 'it\'s $(touch pwned) `x`; "q" *'
    init(machine, ssh_server, f"ssh://store{place}/{name}")
    machine.write("a", DATA)
    machine.run("send", "a", env=env(ssh_server))
    assert receive(machine, ssh_server) == DATA
    assert (place / name / "format").exists()
    assert not [each for each in ssh_server.calls() if "touch" in each]


def test_no_change_makes_at_most_two_calls(
    machine: Machine, ssh_server: SshServer, place: Path
) -> None:
    init(machine, ssh_server, f"ssh://store{place}/a")
    machine.write("a", DATA)
    machine.run("send", "a", env=env(ssh_server))
    before = len(ssh_server.calls())
    machine.run("send", env=env(ssh_server))
    assert 1 <= len(ssh_server.calls()) - before <= 2


def test_host_that_only_lets_us_add_takes_sends_and_no_prune(
    machine: Machine, ssh_server: SshServer, place: Path
) -> None:
    init(machine, ssh_server, f"ssh://store{place}/a")
    definition = next((machine.state / "archives").iterdir())
    definition.write_text(definition.read_text().replace("store/", "append/"))
    for data in (DATA, DATA[::-1]):
        machine.write("a", data)
        machine.run("send", "a", env=env(ssh_server))
    assert receive(machine, ssh_server) == DATA[::-1]
    words = ("--session=20000101-000000,21000101-000000", "prune")
    assert "does not allow" in machine.fails(1, *words, env=env(ssh_server))


BAD = [
    ("down", 5, "it refuses connections"),
    ("changed", 5, "its host key is not the one ssh knows"),
    ("bare", 5, "wyng-store is not installed on bare"),
    ("nobody.invalid", 5, "ssh does not know that name"),
    ("joe@store", 5, "it does not let us in"),
    ("rude", 5, "?[2Jwelcome?"),
    ("chatty", 5, 'it said "Welcome ?[2J to chatty" in place of an answer'),
    ("store:0", 9, "that is not a port"),
    ("-oProxyCommand=x", 9, "that is not a host's name"),
    ("-l@store", 9, "that is not a user's name"),
    ("st ore", 9, "that is not a host's name"),
]


@pytest.mark.parametrize("host, code, part", BAD, ids=[b[0] for b in BAD])
def test_bad_host_is_one_sentence_and_keeps_nothing(
    machine: Machine, ssh_server: SshServer, host: str, code: int, part: str
) -> None:
    done = machine.bare(
        f"--meta-dir={machine.state}",
        f"--dest=ssh://{host}{ssh_server.archives}/none",
        "arch-init",
        *OFF,
        env=env(ssh_server),
    )
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert part in done.stderr or host == "rude"
    assert "\x1b" not in done.stderr and "\a" not in done.stderr
    assert len(done.stderr) < 700
    assert not machine.state.exists()


def test_missing_disk_is_told(
    machine: Machine, ssh_server: SshServer, place: Path
) -> None:
    told = machine.fails(
        5,
        f"--dest=ssh://store{place}/no/such/a",
        "arch-init",
        *OFF,
        env=env(ssh_server),
    )
    assert "is its disk mounted?" in told
    assert not (place / "no").exists()


def test_bootstrap_brings_the_store_once(
    machine: Machine, ssh_server: SshServer, place: Path
) -> None:
    cache = ssh_server.home / ".cache" / "wyng-store"
    shutil.rmtree(cache, ignore_errors=True)
    init(machine, ssh_server, f"ssh://bare{place}/a", "--bootstrap")
    (kept,) = cache.iterdir()
    assert kept.stem == hashlib.sha256(kept.read_bytes()).hexdigest()
    before = kept.stat().st_ino
    machine.write("a", DATA)
    machine.run("send", "a", env=env(ssh_server))
    assert receive(machine, ssh_server) == DATA
    assert kept.stat().st_ino == before


def test_kept_store_that_was_altered_never_runs(
    machine: Machine, ssh_server: SshServer, place: Path
) -> None:
    init(machine, ssh_server, f"ssh://bare{place}/a", "--bootstrap")
    (kept,) = (ssh_server.home / ".cache" / "wyng-store").iterdir()
    good = kept.read_bytes()
    kept.write_bytes(b"import os; os.system('touch pwned')\n")
    machine.write("a", DATA)
    machine.run("send", "a", env=env(ssh_server))
    assert kept.read_bytes() == good
    assert not (ssh_server.home / "pwned").exists()


@pytest.mark.parametrize(
    "host, part",
    [
        ("empty", "there is no python3 on empty"),
        ("forced", "has the wrong length"),
        ("chatty", "something there prints at login"),
    ],
)
def test_bootstrap_sends_nothing_where_it_must_not(
    machine: Machine, ssh_server: SshServer, host: str, part: str
) -> None:
    told = machine.fails(
        5,
        f"--dest=ssh://{host}{ssh_server.archives}/none",
        "arch-init",
        "--bootstrap",
        *OFF,
        env=env(ssh_server),
    )
    assert part in told
