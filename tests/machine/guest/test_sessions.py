# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions of thin volumes restore bit for bit, and cost what changed."""

import os

import pytest

from machine.lvm import KIB, MIB, Group, discard, run, write
from machine.lvm_host import LvmHost, hosted

CHUNK = 64 * KIB
LONG = bool(os.environ.get("WYNG_TEST_LONG"))
# Each archive with a monitor before its send, and without; then once more.
ROUNDS = 30 if LONG else 6
# The pool's blocks and the factor of an archive's chunks; equal ones are what
# all other tests have.
SIZES = [("pool", 6), ("large", 1)]
if LONG:
    SIZES += [("pool", 1), ("large", 6)]


@pytest.mark.parametrize("pool, factor", SIZES)
def test_every_session_restores_whatever_the_sizes_of_chunks(
    group: Group, pool: str, factor: int
) -> None:
    with hosted(group, pool) as host:
        host.init("a", factor)
        host.make("disk")
        host.send("a", "disk").check()
        host.scatter("disk", seed=1)
        host.send("a").check()
        run("lvresize", "-q", "-f", "-L", "12m", "g-1/disk")
        host.write("disk", 11 * MIB, 70 * KIB)
        host.send("a").check()
        assert len(host.known) == 3
        host.check_all()


def test_send_reads_what_changed_and_nothing_else(host: LvmHost) -> None:
    host.init("a")
    host.make("disk", 16)
    host.send("a", "disk").check()
    # 2 MiB at the front, 300 KiB over six blocks at the end.
    assert host.read_bytes() <= 2 * MIB + 6 * CHUNK
    host.write("disk", 5 * MIB + 100, 10)
    host.write("disk", 9 * MIB, 10)
    host.send("a").check()
    assert host.read_bytes() == 2 * CHUNK
    host.check_newest("a", "disk")
    host.send("a").check()
    assert host.read_bytes() == 0
    assert len(host.own()) == 1


def test_discarded_blocks_become_holes(host: LvmHost) -> None:
    host.init("a")
    host.make("disk")
    host.send("a", "disk").check()
    discard(host.group.path("disk"), 0, 2 * MIB)
    ended = host.send("a").check()
    host.check_newest("a", "disk")
    (done,) = ended.events("volume-done")
    assert done["changed_bytes"] >= 2 * MIB


def test_volume_of_a_tebibyte_costs_what_it_holds(group: Group) -> None:
    with hosted(group, "pool") as host:
        host.init("a", factor=6)
        group.make("pool", "sparse", 1 << 20)
        host._made.add("sparse")
        for at in (0, 700 << 30):
            write(group.path("sparse"), at, b"data" * 5000)
        # Reading all of it would take an hour.
        ended = host.wyng("--json", "send", "sparse").check()
        assert host.read_bytes() == 2 * 2 * MIB
        (done,) = ended.events("volume-done")
        assert done["total_bytes"] == 1 << 40


def test_shrunk_and_grown_volume_shows_its_old_blocks(host: LvmHost) -> None:
    host.init("a")
    host.make("disk", 12)
    host.write("disk", 10 * MIB, MIB)
    host.send("a", "disk").check()
    for size in ("4m", "12m"):
        run("lvresize", "-q", "-f", "-y", "-L", size, "g-1/disk")
        host.send("a").check()
        host.check_newest("a", "disk")
    assert host.content("disk")[10 * MIB : 11 * MIB].count(0) < MIB // 2
    host.check_all()


def test_qubes_commits_at_shutdown_and_nothing_is_read_again(
    host: LvmHost,
) -> None:
    """Rename vid -> vid-TIME-back, -snap -> vid; later the old one goes."""
    host.init("a")
    host.make("vm-w-private")
    host.send("a", "vm-w-private").check()
    host.read_bytes()
    for turn in range(2):
        snap = host.group.snapshot("vm-w-private", "vm-w-private-snap")
        write(snap, 3 * MIB + turn * CHUNK, b"from the running qube")
        back = f"vm-w-private-{1700000000 + turn}-back"
        host.group.rename("vm-w-private", back)
        host.group.rename("vm-w-private-snap", "vm-w-private")
        if turn:
            host.group.remove(back)
        host.send("a").check()
        assert host.read_bytes() == CHUNK
        host.check_newest("a", "vm-w-private")
    host.group.remove("vm-w-private-1700000000-back")


def test_lost_base_costs_a_whole_reading(host: LvmHost) -> None:
    host.init("a")
    host.make("disk")
    host.send("a", "disk").check()
    (base,) = host.own()
    run("lvremove", "-q", "-y", base.place)
    host.read_bytes()
    host.write("disk", 4 * MIB, 10)
    host.send("a").check()
    assert host.read_bytes() > 2 * MIB
    host.check_newest("a", "disk")


def test_volume_made_again_is_another(host: LvmHost) -> None:
    """Its thin id may be the old one's."""
    host.init("a")
    host.make("disk")
    host.send("a", "disk").check()
    host.remove("disk")
    host.make("disk")
    host.write("disk", 0, 100, seed=5)
    host.send("a").check()
    host.check_newest("a", "disk")
    assert len(host.own()) == 1


def test_two_archives_in_rotation_never_read_everything(
    host: LvmHost,
) -> None:
    host.make("disk")
    for each in ("a", "b"):
        host.init(each)
        host.send(each, "disk").check()
    host.read_bytes()
    for turn in range(ROUNDS):
        each = "ab"[turn % 2]
        host.write("disk", 3 * MIB + turn % 40 * CHUNK, 100, seed=turn)
        if turn % 3 == 0:
            host.monitor().check()
        host.send(each).check()
        assert host.read_bytes() <= 2 * CHUNK
    assert len(host.own()) == 1
    host.check_all()


def test_pool_that_does_not_zero_shows_nothing_old(group: Group) -> None:
    with hosted(group, "dirty") as host:
        host.init("a")
        # What the pool gave out before lies in its blocks.
        host.make("waste", 60)
        host.write("waste", 0, 60 * MIB, seed=9)
        host.remove("waste")
        host.make("disk")
        host.write("disk", 3 * MIB + 512, 512)
        host.send("a", "disk").check()
        host.write("disk", 5 * MIB + 512, 512)
        host.send("a").check()
        content = host.content("disk")
        host.check_all()
        for name in ("disk", "copy"):
            if name == "disk":
                host.write("disk", 0, 4 * MIB, seed=3)
            _receive(host, "disk", name)
            assert host.content(name) == content


def test_restore_makes_and_sizes_the_volume_it_is_named(
    host: LvmHost,
) -> None:
    host.init("a")
    host.make("disk", 12)
    host.send("a", "disk").check()
    content = host.content("disk")
    host.remove("disk")
    for size in (None, "4m", "20m"):
        if size:
            run("lvresize", "-q", "-f", "-y", "-L", size, "g-1/disk")
        host.wyng("--archive=a", "--force", "receive", "disk").check()
        host._made.add("disk")
        assert host.content("disk") == content


def _receive(host: LvmHost, volume: str, target: str) -> None:
    """To another LV by its node, as one makes a copy."""
    if target != volume:
        host.make(target)
    host.wyng(
        *("--archive=a", "--force", f"--save-to={host.group.path(target)}"),
        *("receive", volume),
    ).check()


def test_only_thin_volumes_are_taken(host: LvmHost) -> None:
    host.init("a")
    run("lvcreate", "-q", "-y", "-L", "4m", "-n", "thick", "g-1")
    try:
        ended = host.send("a", "thick")
        assert ended.check(1, 2).code
        assert "g-1/thick is not thin" in ended.err + ended.out
        ended = host.send("a", "none")
        assert "no logical volume 'none'" in ended.err + ended.out
    finally:
        host.group.remove("thick")


def test_pool_need_not_exist_when_the_archive_is_made(group: Group) -> None:
    with hosted(group, "none") as host:
        host.init("a")
        for ended in (host.send("a", "disk"), host.monitor()):
            assert ended.check(6).code == 6
            assert "no thin pool g-1/none" in ended.err + ended.out
