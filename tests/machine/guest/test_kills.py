# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 between any two steps on LVM: the next run puts all in order."""

import os
from collections.abc import Iterator

import pytest

from machine.lvm import MIB, Group
from machine.lvm_host import LvmHost, hosted
from system.faults import AFTER, BEFORE, SENDER, Fault

_SNAPSHOTS = "wyng_dom0.snapshots."
_THIN = _SNAPSHOTS + "thin_volumes:"
_RESERVE = _SNAPSHOTS + "metadata_snapshot:PoolMetadata."
_LEDGERS = "wyng_dom0.state.ledgers:save"
_BASE = "wyng_dom0.state.volumes:VolumeState.keep_base"
_MOMENTS = (
    (_THIN + "create_snapshot", AFTER),
    (_RESERVE + "_send_reserve", AFTER),
    (_RESERVE + "_noted", AFTER),
    (_LEDGERS, BEFORE),
    (_BASE, AFTER),
    (_THIN + "remove_snapshots", AFTER),
)
_LONG = tuple(
    (target, when)
    for target in sorted({_RESERVE + "_release", *dict(_MOMENTS)})
    for when in (BEFORE, AFTER)
)
MOMENTS = _LONG if os.environ.get("WYNG_TEST_LONG") else _MOMENTS


@pytest.fixture(scope="module")
def sent(group: Group) -> Iterator[LvmHost]:
    """A volume that two archives have."""
    with hosted(group, "pool") as host:
        host.make("disk")
        for each in ("a", "b"):
            host.init(each)
            host.send(each, "disk").check()
        yield host


@pytest.mark.parametrize(
    "target, when",
    MOMENTS,
    ids=[f"{when}-{target.split(':')[1]}" for target, when in MOMENTS],
)
def test_killed_send_loses_nothing(
    sent: LvmHost, target: str, when: str
) -> None:
    seed = len(sent.known)
    sent.write("disk", (2 + seed % 5) * MIB, 5000, seed)
    fault = Fault("lvm", SENDER, target, when)
    ended = sent.send("a", fault=fault)
    assert ended.hit and ended.code == -9
    sent.write("disk", (2 + seed % 5) * MIB + 100_000, 5000, seed)
    for each in ("a", "b"):
        sent.send(each).check()
    # All are compared at the end, which takes one command an archive.
    assert len(sent.known) == seed + 2, "a change was not seen"
    assert sent.group.held_root("pool") is None
    assert len(sent.own()) == 1, "a snapshot is left lying about"
    notes = sent.machine.state / "thin"
    assert not list(notes.glob("*.reserved"))


def test_sessions_after_kills_are_what_the_volume_was(sent: LvmHost) -> None:
    sent.check_newest("a", "disk")
    sent.check_all()
