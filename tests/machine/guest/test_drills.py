# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A drill restores to a thin volume of its own, and leaves none in the pool.

Bit for bit what is written and read back is the drill's to say; here LVM
itself is asked what is left.
"""

from pathlib import Path
from typing import Any

import pytest

from machine.lvm import Group, run
from machine.lvm_host import LvmHost
from machine.thin_qubes import MEGABYTES, ThinQubes, lv_of
from system.faults import AFTER, SENDER, Fault
from system.machine import Ended

# Some of it is written by then, but not all.
_WRITING = Fault(
    *("drill", SENDER),
    "wyng_dom0.sources.device_target:_Device.pwrite",
    AFTER,
    at=10,
)


@pytest.fixture
def qubes(qubes: ThinQubes) -> ThinQubes:
    """Its qube runs, and was sent."""
    qubes.sent("work", qubes.start("work", b"it runs"))
    return qubes


def scratches(group: Group) -> "list[str]":
    """Volumes with the tag of drills, as LVM says."""
    return run(
        *("lvs", "--noheadings", "-o", "lv_name"),
        *("-S", "lv_tags={qvm-wyng-drill}", group.vg),
    ).split()


def report(ended: Ended, kind: str) -> "dict[str, Any]":
    (found,) = [each for each in ended.objects if each.get("kind") == kind]
    return dict(found)


def proven(host: LvmHost, volume: str) -> "str | None":
    """When the newest session was proven."""
    ended = host.wyng("--json", "--archive=a", "list", volume).check()
    newest = ended.objects[-1]["sessions"][-1]
    assert newest["proven"] is None or newest["proven_by"] == "drill"
    at: "str | None" = newest["proven"]
    return at


def damage(archive: Path) -> None:
    """One chunk of the archive is another by now."""
    packs = archive.rglob("*.pack")
    largest = max(packs, key=lambda path: path.stat().st_size)
    with open(largest, "r+b") as file:
        file.seek(largest.stat().st_size // 2)
        file.write(b"rot")


def test_drill_of_a_qube_leaves_the_pool_as_it_was(qubes: ThinQubes) -> None:
    host, lv = qubes.host, lv_of("work")
    before, content = qubes.names(), host.content(lv)
    told = report(qubes.send("drill", "work").check(), "drill")
    assert told["volume"] == "work:private" and told["scratch"] == host.place
    assert told["bytes"] == MEGABYTES << 20 and told["cached"] == 0
    assert proven(host, "work:private") is not None
    damage(host.machine.live / "archive-a")
    ended = qubes.send("drill", "work").check(4)
    assert "can't be had from the archive" in ended.err + ended.out
    assert proven(host, "work:private") is None
    assert scratches(host.group) == [] and qubes.names() == before
    assert host.content(lv) == content


def test_what_a_killed_drill_left_is_told_and_goes_with_the_next(
    host: LvmHost,
) -> None:
    host.make("disk")
    host.init("a")
    host.send("a", "disk").check()
    before = host.group.names()
    words = ("--json", "--archive=a", "drill")
    assert host.wyng(*words, fault=_WRITING).hit
    (left,) = scratches(host.group)
    assert set(host.group.names()) == {*before, left}
    status = report(host.wyng("--json", "status").check(), "status")
    (told,) = status["leftovers"]
    place = f"{host.group.vg}/{left}"
    assert (told["kind"], told["name"]) == ("drill", place)
    # It is no volume of the pool to be sent.
    assert left not in host.send("a", words=("--dry-run", "--all")).out
    told = report(host.wyng(*words).check(), "drill")
    assert told["volume"] == "disk" and told["scratch"] == host.place
    assert scratches(host.group) == [] and host.group.names() == before
    status = report(host.wyng("--json", "status").check(), "status")
    assert status["leftovers"] == []
