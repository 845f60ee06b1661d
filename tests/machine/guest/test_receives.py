# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Restores to thin volumes: every mode, every kind of old target, bit for bit.

In pools that zero what they give out, and in those that don't: there a block
holds what some other volume wrote until all of it is written.
"""

import json
import os
from typing import Any, Dict, Iterator

import pytest

from machine.lvm import KIB, MIB, Group, discard, run
from machine.lvm_host import LvmHost, hosted

CHUNK = 64 * KIB
SIZE = 8 * MIB
# Each kind of old target and each mode at least once; all pairs take long.
PAIRS = [
    ("written", "--sparse"),
    ("full", "--standby"),
    ("empty", "--sparse-write"),
    ("smaller", ""),
    ("larger", "--sparse"),
]
# What is right in a pool that does not zero is right in one that does.
POOLS = ["dirty"]
if os.environ.get("WYNG_TEST_LONG"):
    POOLS = ["dirty", "pool"]
    PAIRS = [(kind, mode) for kind, _ in PAIRS for _, mode in PAIRS]


@pytest.fixture(scope="module", params=POOLS)
def sent(request: pytest.FixtureRequest, group: Group) -> Iterator[LvmHost]:
    """Two sessions of a volume with holes; the pool's blocks were used."""
    pool: str = request.param
    with hosted(group, pool) as host:
        if pool == "dirty":
            host.make("waste", 60)
            host.write("waste", 0, 60 * MIB, seed=9)
            host.remove("waste")
        host.init("a")
        host.make("disk", SIZE // MIB)
        # Less than one block of the pool, and not at its beginning.
        host.write("disk", 3 * MIB + 512, 512)
        host.send("a", "disk").check()
        host.write("disk", MIB, 3 * CHUNK, seed=2)
        discard(host.group.path("disk"), 0, MIB)
        host.send("a").check()
        yield host


def receive(host: LvmHost, *words: str, volume: str = "disk") -> Dict[str, Any]:
    """The report of a restore of the newest session, or of another."""
    ended = host.wyng(
        *("--json", "--archive=a", "--force", *words, "receive", volume)
    ).check()
    objects = [json.loads(line) for line in ended.out.splitlines() if line]
    (report,) = [each for each in objects if each.get("kind") == "receive"]
    return dict(report)


def old_target(host: LvmHost, kind: str) -> None:
    """The volume as it may be when it is restored over."""
    path = host.group.path("disk")
    if kind == "written":
        host.write("disk", 3 * MIB + 100, 5000, seed=7)
        host.write("disk", 0, 70 * KIB, seed=8)
    elif kind == "full":
        host.write("disk", 0, SIZE, seed=4)
    elif kind == "empty":
        discard(path, 0, SIZE)
    else:
        size = {"smaller": "4m", "larger": "12m"}[kind]
        run("lvresize", "-q", "-f", "-y", "-L", size, "g-1/disk")
        if kind == "larger":
            host.write("disk", SIZE, 2 * MIB, seed=5)


def test_any_old_volume_becomes_the_session(sent: LvmHost) -> None:
    content = sent.content("disk")
    for kind, mode in PAIRS:
        old_target(sent, kind)
        receive(sent, *([mode] if mode else []))
        assert sent.content("disk") == content, (kind, mode)
    sent.send("a").check()
    sent.check_newest("a", "disk")


def test_sparse_moves_only_what_differs(sent: LvmHost) -> None:
    content = sent.content("disk")
    sent.write("disk", 2 * MIB, 100, seed=3)
    report = receive(sent, "--sparse")
    assert report["fetched"] <= 2 * CHUNK
    assert 0 < report["written"] <= CHUNK
    report = receive(sent, "--sparse-write")
    assert report["written"] == 0
    assert sent.content("disk") == content


def test_standby_follows_for_the_price_of_changes(sent: LvmHost) -> None:
    """A copy in the pool, made by name; then only changed chunks travel."""
    place = f"--save-to=/dev/{sent.group.vg}/copy"
    sent._made.add("copy")
    receive(sent, "--standby", f"--local={sent.place}", place)
    assert sent.content("copy") == sent.content("disk")
    sent.write("disk", 4 * MIB, 10)
    # What somebody did to the copy is undone.
    sent.write("copy", 5 * MIB, 10)
    sent.send("a").check()
    report = receive(sent, "--standby", f"--local={sent.place}", place)
    assert report["written"] <= 2 * CHUNK
    assert sent.content("copy") == sent.content("disk")


def test_own_snapshot_is_restored_from_without_fetching(sent: LvmHost) -> None:
    content = sent.content("disk")
    sent.write("disk", 4 * MIB, CHUNK, seed=6)
    report = receive(sent, "--req-snapshot")
    assert report["from_snapshot"] and report["fetched"] == 0
    assert sent.content("disk") == content
    # A standby copy has a snapshot of its own.
    (base,) = [e for e in sent.own() if e.place.startswith("g-1/disk.")]
    run("lvremove", "-q", "-y", base.place)
    ended = sent.wyng(
        *("--archive=a", "--force", "--req-snapshot", "receive", "disk")
    )
    assert "no snapshot here" in ended.check(1, 2).err
    report = receive(sent, "--use-snapshot")
    assert not report["from_snapshot"]
    assert sent.content("disk") == content


def test_older_session_comes_back_and_so_does_the_newest(
    sent: LvmHost,
) -> None:
    sessions = [session for _, _, session in sent.known]
    for session in (sessions[0], sessions[-1]):
        receive(sent, "--sparse", f"--session={session}")
        assert sent.content("disk") == sent.restored("a", "disk", session)
