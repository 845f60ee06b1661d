# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job, typed as a user types it; both processes are real."""

import os
import random
import stat
from pathlib import Path

import pytest

from product.machine import OFF, PASSPHRASE, Machine

MIB = 1 << 20
CHUNK = 128 << 10


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def sparse(size: int, *places: int) -> bytes:
    """Zeros with 4 KiB of noise at some offsets."""
    data = bytearray(size)
    for place in places:
        data[place : place + 4096] = noise(4096, place)[: size - place]
    return bytes(data)


def tree_of(folder: Path) -> "dict[str, bytes]":
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_session_restores_bit_for_bit(sealed: Machine) -> None:
    first = {"disk1.img": noise(MIB), "sub/disk2.img": sparse(MIB, 5 * CHUNK)}
    for name, data in first.items():
        sealed.write(name, data)
    sealed.run("send", *first)
    second = {name: noise(4096, 7) + d[4096:] for name, d in first.items()}
    for name, data in second.items():
        sealed.write(name, data)
    sealed.run("send")
    assert sealed.volumes() == {"disk1.img": 2, "sub/disk2.img": 2}
    old, new = sealed.sessions("disk1.img")
    for name in first:
        assert sealed.sessions(name) == [old, new]
        assert sealed.restored(name, old) == first[name]
        assert sealed.restored(name, new) == second[name]
    sealed.run("verify")
    sealed.run("verify", "disk1.img", f"--session={old}")
    sealed.run(f"--session={old}", "prune")
    assert sealed.volumes() == {"disk1.img": 1, "sub/disk2.img": 1}
    sealed.run("rename", "disk1.img", "laptop.img")
    assert sealed.restored("laptop.img", new) == second["disk1.img"]
    sealed.run("delete", "sub/disk2.img", "--force")
    assert sealed.volumes() == {"laptop.img": 1}
    sealed.run("verify")


def test_restored_file_has_mode_time_owner_and_holes(clear: Machine) -> None:
    size = 64 * MIB
    path = clear.write("a.img", b"")
    os.truncate(path, size)
    with open(path, "r+b") as file:
        file.write(noise(CHUNK))
    os.chmod(path, 0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    os.utime(path, ns=(10**18, 1_234_567_890_123_456_789))
    clear.run("send", "a.img")
    expected = path.stat()
    path.unlink()
    clear.run("receive", "a.img")
    found = path.stat()
    for what in ("st_size", "st_mode", "st_mtime_ns", "st_uid", "st_gid"):
        assert getattr(found, what) == getattr(expected, what), what
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert found.st_blocks * 512 < 2 * MIB


def test_missing_folders_are_made_for_a_restore(clear: Machine) -> None:
    path = clear.write("x/y/z.img", noise(1000))
    clear.run("send", "x/y/z.img")
    path.unlink()
    path.parent.rmdir()
    clear.run("receive", "x/y/z.img")
    assert path.read_bytes() == noise(1000)


def test_change_of_size_mode_or_owner_alone_makes_a_session(
    clear: Machine,
) -> None:
    path = clear.write("a.img", noise(CHUNK))
    clear.run("send", "a.img")
    assert "no change" in clear.run("send")
    os.utime(path)
    assert "no change" in clear.run("send")
    os.truncate(path, CHUNK + 5)
    clear.run("send")
    os.chmod(path, 0o600)
    clear.run("send")
    count = 3
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
        clear.run("send")
        count = 4
    assert len(clear.sessions("a.img")) == count
    assert clear.restored("a.img") == noise(CHUNK) + bytes(5)


def test_sizes_grow_and_shrink_between_sessions(clear: Machine) -> None:
    sizes = (5, 200 * CHUNK + 7, CHUNK, 0)
    kept = []
    for size in sizes:
        kept.append(sparse(size, 0, size // 2, max(0, size - 4096)))
        clear.write("a.img", kept[-1])
        clear.run("send", "a.img")
    sessions = clear.sessions("a.img")
    assert len(sessions) == len(sizes)
    for session, data in zip(sessions, kept, strict=True):
        assert clear.restored("a.img", session) == data


def test_bare_machine_needs_passphrase_and_place_only(sealed: Machine) -> None:
    data = noise(3 * CHUNK + 1)
    sealed.write("a.img", data)
    sealed.run("send", "a.img")
    elsewhere = sealed.root / "elsewhere"
    found = ("--from=" + sealed.dest(), f"--meta-dir={elsewhere}")
    target = sealed.root / "out.img"
    done = sealed.bare(
        *found, sealed.passcmd, f"--save-to={target}", "receive", "a.img"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert target.read_bytes() == data
    assert not elsewhere.exists()


def test_nothing_readable_reaches_the_archive(sealed: Machine) -> None:
    sealed.write("secret-name.img", b"secret content" * 9999)
    sealed.run("send", "secret-name.img")
    stored = b"".join(tree_of(sealed.backup).values())
    assert stored and b"secret" not in stored
    assert PASSPHRASE.encode() not in stored
    kept = b"".join(tree_of(sealed.state).values())
    assert PASSPHRASE.encode() not in kept


def test_two_archives_live_side_by_side(machine: Machine) -> None:
    for name in ("one", "two"):
        machine.init(*OFF, name=name)
    machine.write("a.img", b"first")
    machine.run("send", "a.img")
    machine.write("a.img", b"second")
    machine.run("--archive=two", "send", "a.img")
    assert machine.restored("a.img") == b"first"
    assert machine.restored("a.img", "newest", "--archive=two") == b"second"
    again = ("arch-init", *OFF, "--archive=one", f"--dest={machine.dest()}")
    assert "'one'" in machine.fails(9, *again)


def test_dry_run_changes_nothing(clear: Machine) -> None:
    clear.write("a.img", noise(CHUNK))
    clear.run("send", "a.img")
    clear.write("a.img", noise(CHUNK, 2))
    before = clear.objects("list", "a.img"), tree_of(clear.backup / "a" / "log")
    told = clear.run("send", "--dry-run")
    assert "128 KiB changed" in told
    clear.run("delete", "--dry-run", "a.img")
    assert before == (
        clear.objects("list", "a.img"),
        tree_of(clear.backup / "a" / "log"),
    )
    clear.run("send")
    old, new = clear.sessions("a.img")
    told = clear.run(f"--session={old},{new}", "prune", "--dry-run")
    assert f"goes   a.img   {old} " in told
    assert f"stays  a.img   {new} " in told
    assert clear.sessions("a.img") == [old, new]


def test_dry_run_of_a_restore_tells_where_to(clear: Machine) -> None:
    clear.write("a", noise(CHUNK))
    clear.run("send", "a")
    target = clear.root / "out.img"
    words = ("--json", "--dry-run", f"--save-to={target}", "receive", "a")
    told = clear.parsed(clear.run(*words), "receive-plan")
    assert (told["target"], told["exists"]) == (str(target), False)
    assert not target.exists()
    told = clear.parsed(
        clear.run("--json", "--dry-run", "receive", "a"), "receive-plan"
    )
    place = clear.images / "a"
    assert (told["target"], told["exists"]) == (str(place), True)
    assert told["size"] == place.stat().st_size


def test_all_and_volex_choose_volumes(clear: Machine) -> None:
    for name in ("a", "b", "sub/c"):
        clear.write(name, name.encode())
    clear.run("send", "--all", "--volex=b")
    assert clear.volumes() == {"a": 1, "sub/c": 1}
    clear.write("a", b"A")
    clear.write("sub/c", b"C")
    clear.run("send", "--volex=a")
    assert clear.volumes() == {"a": 1, "sub/c": 2}


def test_added_volume_is_filled_by_the_next_send(clear: Machine) -> None:
    clear.write("a", b"x")
    clear.run("add", "a")
    assert clear.volumes() == {"a": 0}
    clear.run("send")
    assert clear.volumes() == {"a": 1}


def test_prune_by_range_and_before_keeps_the_newest(clear: Machine) -> None:
    for number in range(4):
        clear.write("a", bytes([number]))
        clear.run("send", "a")
    s = clear.sessions("a")
    clear.run(f"--session={s[1]}", "--all-before", "prune")
    assert clear.sessions("a") == s[1:]
    clear.run("--session=19990101-000000,20990101-000000", "prune", "a")
    assert clear.sessions("a") == s[-1:]
    clear.run(f"--session={s[-1]}", "prune", "a")
    assert clear.restored("a") == bytes([3])


def test_session_keeps_the_local_time_of_then(clear: Machine) -> None:
    clear.write("a", b"1")
    clear.run("send", "a", env={"TZ": "Asia/Tokyo"})
    clear.write("a", b"2")
    clear.run("send", "a", env={"TZ": "America/New_York"})
    (listed,) = clear.objects("list", "a")
    times = [each["time"] for each in listed["sessions"]]
    assert times[0].endswith("+09:00")
    assert times[1][-6:] in ("-05:00", "-04:00")
    assert clear.restored("a", listed["sessions"][0]["session"]) == b"1"


@pytest.mark.parametrize(
    "words",
    [
        ("send",),
        ("list",),
        ("list", "a"),
        ("verify",),
        ("add", "new"),
        ("rename", "a", "b"),
        ("delete", "--force", "a"),
        ("prune", "--session=newest"),
        ("receive", "--force", "a"),
        ("version",),
        ("--help",),
        ("send", "--help"),
    ],
)
def test_json_is_nothing_but_objects(
    kept: Machine, words: "tuple[str, ...]"
) -> None:
    told = kept.objects(*words)
    assert told and all("kind" in each or "event" in each for each in told)


def test_config_stands_in_for_options(clear: Machine) -> None:
    clear.write("a", b"x")
    config = clear.root / "c.yaml"
    config.write_text(
        f"meta-dir: {clear.state}\narchive: a\nquiet: true\nverbose: true\n"
        "volex: [b, c]\nlocal: images\ncompression: zlib:1\nunattended2: no\n"
    )
    refused = clear.bare(f"--config={config}", "send", "a")
    assert refused.returncode == 9 and "'unattended2'" in refused.stderr
    text = config.read_text().replace("unattended2: no\n", "")
    config.write_text(text)
    done = clear.bare(f"--config={config}", "send", "a")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert clear.restored("a") == b"x"


def test_all_tells_what_it_can_t_send(clear: Machine) -> None:
    for name in ("a", "new\nline"):
        clear.write(name, b"data")
    (clear.images / "gone").symlink_to("/nonexistent/gone")
    words = (f"--meta-dir={clear.state}", "--all", "send", "-q")
    done = clear.bare(*words)
    assert done.returncode == 0 and clear.volumes() == {"a": 1}
    assert done.stderr.splitlines() == [
        "qvm-wyng: warning: not sent: 'gone' can't be read: No such file or"
        " directory",
        "qvm-wyng: warning: not sent: the volume name 'new\\nline' holds a"
        " control character",
    ]
    excluded = ("--volex=gone", "--volex=new*")
    assert clear.bare(*words, *excluded).stderr == ""
