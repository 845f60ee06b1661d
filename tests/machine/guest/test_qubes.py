# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Qubes on thin LVs are sent clean and live at every moment of their lives.

Bit for bit, also when qubesd renames their LVs between our choice and our
snapshot.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from machine.lvm import KIB, MIB, WORK, Group, run
from machine.lvm_host import hosted
from machine.thin_qubes import MEGABYTES, ThinQubes, lv_of
from wyng_dom0.snapshots import thin_volumes

CHUNK = 64 * KIB


@pytest.fixture
def reflinks() -> Iterator[Path]:
    """A folder where images can be cloned."""
    image, point = WORK / "xfs.img", WORK / "xfs"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(320 * MIB)
    run("mkfs.xfs", "-q", image)
    run("mount", "-o", "loop", image, point)
    yield point
    run("umount", point)
    image.unlink()
    point.rmdir()


@contextmanager
def before_first_snapshot(act: Callable[[], None]) -> Iterator[None]:
    """Let something happen between the choice of an LV and its snapshot.

    In the process of the command, which is forked from here.
    """
    real = thin_volumes.create_snapshot
    left = [act]

    def create(*arguments: Any) -> bool:
        if left:
            left.pop()()
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thin_volumes, "create_snapshot", create)
        yield


def test_life_of_a_qube(qubes: ThinQubes) -> None:
    lv = lv_of("work")
    qubes.sent("work", lv)
    snap = qubes.start("work", b"running, then paused")
    qubes.system.change("work", state="Paused")
    qubes.sent("work", snap)
    qubes.sent("work", lv, "clean")
    qubes.stop("work")
    qubes.sent("work", lv)
    # qubesd says it is halted, and commits at the next start.
    snap = qubes.start("work", b"the host crashed")
    qubes.system.change("work", state="Halted")
    qubes.sent("work", snap)
    qubes.stop("work")
    # An import that goes on, or was cut off, is no state of the qube.
    qubes.host.group.make("pool", f"{lv}-import", MEGABYTES)
    qubes.host._made.add(f"{lv}-import")
    qubes.write(f"{lv}-import", b"half" * 1000)
    qubes.write(lv, b"what it was before the import")
    qubes.sent("work", lv)
    assert qubes.states("work") == [
        *("clean", "live", "clean", "clean", "live", "clean")
    ]
    qubes.check_all()


def test_commit_of_one_qube_while_others_are_sent(qubes: ThinQubes) -> None:
    """Between the two renames no LV has the volume's name."""
    qubes.add("alone")
    snap = qubes.start("work", b"in the middle of a commit")
    back = qubes.new_back("work")
    qubes.put_aside("work", back)
    ended = qubes.send("--state=clean", "send", "alone", "work").check()
    qubes.expect(ended, "alone", qubes.host.content(lv_of("alone")))
    qubes.expect(ended, "work", qubes.host.content(back))
    qubes.sent("work", snap, "live")
    qubes.put_in_place("work")
    # The LV that was chosen gets another name, and another gets its name.
    for state in ("live", "clean"):
        qubes.start("work", f"renamed under a {state} send".encode())
        back = qubes.new_back("work")
        with before_first_snapshot(lambda b=back: qubes.commit("work", b)):
            qubes.sent("work", lv_of("work"), state)
        assert back in qubes.names(), "nothing was renamed"
    qubes.check_all()


def test_qube_that_keeps_no_revisions_writes_to_its_volume(
    qubes: ThinQubes,
) -> None:
    volumes = qubes.system.qube("work")["volumes"]
    volumes["private"]["revisions_to_keep"] = -1
    qubes.system.change("work", volumes=volumes, state="Running")
    qubes.host.write(lv_of("work"), 2 * MIB, 5000, seed=3)
    ended = qubes.send("--state=clean", "send", "work").check(1)
    assert "has no clean state while work runs" in ended.err + ended.out
    qubes.sent("work", lv_of("work"))
    assert qubes.states("work") == ["live"]
    qubes.check_all()


def test_one_send_takes_thin_volumes_and_images(
    group: Group, reflinks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUBES_STAND_IN", "")
    with hosted(group, "pool") as host:
        qubes = ThinQubes(host, reflinks / "qubes")
        qubes.add("work")
        snap = qubes.start("work", b"in an LV")
        qubes.system.add("files", private=b"in a file", netvm="")
        qubes.system.start("files")
        qubes.system.write("files", b"in its dirty image")
        ended = qubes.send("send", "files", "work").check()
        image = qubes.system.image("files").read_bytes()
        qubes.expect(ended, "work", host.content(snap))
        qubes.expect(ended, "files", image)
        assert host.read_bytes() > 0
        qubes.stop("work")
        qubes.system.stop("files")
        qubes.system.write("files", b"and stopped", at=100_000)
        ended = qubes.send("send", "files", "work").check()
        # What was snapshotted live is what was committed, in both.
        assert host.read_bytes() == CHUNK
        image = qubes.system.read("files")
        qubes.expect(ended, "files", image)
        assert qubes.states("files") == ["live", "clean"]
        assert qubes.states("work") == ["live"]
        qubes.check_all()
