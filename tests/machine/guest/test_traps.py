# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known to go wrong with LVM thin, one test each."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from driver_conformance import compare, content, modelled
from machine.lvm import (
    MIB,
    WORK,
    Group,
    LvmRig,
    make_group,
    run,
    send_message,
    write,
)
from wyng_dom0.errors import NotFound, SourceError
from wyng_dom0.snapshots import (
    lvm_listing,
    metadata_snapshot,
    thin_taking,
    thin_volumes,
)
from wyng_dom0.snapshots.driver import (
    CannotSnapshot,
    CannotTell,
    SnapshotRef,
    VolumeAt,
    only,
)
from wyng_dom0.snapshots.lvm_listing import LogicalVolume
from wyng_dom0.snapshots.lvm_thin import NAME, LvmThinDriver
from wyng_dom0.snapshots.metadata_snapshot import PoolMetadata


@pytest.fixture
def rig(group: Group) -> LvmRig:
    return LvmRig(group, "g-1/pool", WORK / "notes")


def reserve(rig: LvmRig) -> None:
    message(rig, "reserve_metadata_snap")


def release(rig: LvmRig) -> None:
    message(rig, "release_metadata_snap")


def message(rig: LvmRig, text: str) -> None:
    run("dmsetup", "message", rig.group.tpool("pool"), "0", text)


def held(rig: LvmRig) -> "int | None":
    return rig.group.held_root("pool")


# Names that change under us


def test_snapshot_is_of_the_volume_that_was_chosen(
    rig: LvmRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Qubes' shutdown comes between choosing and snapshotting."""
    real = thin_volumes.create_snapshot
    seen: list[str] = []

    def commit_first(origin: LogicalVolume, name: str, keeper: str) -> bool:
        seen.append(origin.uuid)
        if len(seen) == 1:
            rig.group.rename("disk", "disk-1700000000-back")
            rig.group.rename("disk-snap", "disk")
        return real(origin, name, keeper)

    with modelled(rig) as model:
        rig._made |= {"disk-snap", "disk-1700000000-back"}
        write(rig.group.snapshot("disk", "disk-snap"), 0, b"committed")
        monkeypatch.setattr(thin_volumes, "create_snapshot", commit_first)
        ref = rig.driver.take(model.volume)
        monkeypatch.undo()
        assert len(seen) == 2 and seen[0] != seen[1]
        assert content(rig, model.volume, ref).startswith(b"committed")
        assert rig.driver.list_own(rig.pool) == [ref]
        rig.group.remove("disk-1700000000-back")


def test_volume_without_a_name_for_a_moment_is_waited_for(rig: LvmRig) -> None:
    with modelled(rig) as model:
        rig.group.rename("disk", "away")
        back = threading.Timer(1.5, rig.group.rename, ("away", "disk"))
        back.start()
        ref = rig.driver.take(model.volume)
        back.join()
        assert content(rig, model.volume, ref) == bytes(model.data)


def test_many_volumes_cost_two_listings_whatever_happens_meanwhile(
    rig: LvmRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While others are snapshotted one is committed, and one removed."""
    real_list, real_create = (
        lvm_listing.list_group,
        thin_volumes.create_snapshot,
    )
    listed: list[str] = []
    created: list[str] = []

    def list_group(vg: str) -> list[LogicalVolume]:
        listed.append(vg)
        return real_list(vg)

    def create(origin: LogicalVolume, name: str, keeper: str) -> bool:
        created.append(origin.name)
        if origin.name == "two" and created.count("two") == 1:
            rig.group.rename("two", "two-1700000000-back")
            rig.group.rename("two-snap", "two")
        done = real_create(origin, name, keeper)
        if origin.name == "away":
            rig.group.remove("away")
        return done

    with modelled(rig, name="one") as one, modelled(rig, name="two") as two:
        rig._made |= {"two-snap", "two-1700000000-back"}
        write(rig.group.snapshot("two", "two-snap"), 0, b"committed")
        away = rig.make("away", 4 * MIB)
        rig._made.discard("away")
        volumes = [one.volume, away, two.volume]
        monkeypatch.setattr(lvm_listing, "list_group", list_group)
        quiet = rig.driver.take_all(volumes)
        assert listed == ["g-1", "g-1"]
        rig.driver.drop([only([each]) for each in quiet])
        monkeypatch.setattr(thin_volumes, "create_snapshot", create)
        monkeypatch.setattr(thin_taking, "_MISSING_SECONDS", 0.0)
        first, gone, second = rig.driver.take_all(volumes)
        monkeypatch.undo()
        assert isinstance(gone, NotFound)
        assert content(rig, one.volume, only([first])) == bytes(one.data)
        after = content(rig, two.volume, only([second]))
        assert after == b"committed" + bytes(two.data)[9:]
        assert sorted(map(str, rig.driver.list_own(rig.pool))) == sorted(
            map(str, (first, second))
        )
        rig.group.remove("two-1700000000-back")


def test_stopped_run_takes_its_snapshots_back(
    rig: LvmRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = thin_volumes.create_snapshot
    made: list[str] = []

    def stopped(origin: LogicalVolume, name: str, keeper: str) -> bool:
        made.append(name)
        done = real(origin, name, keeper)
        if len(made) == 2:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(thin_volumes, "create_snapshot", stopped)
    with modelled(rig) as model:
        with pytest.raises(KeyboardInterrupt):
            rig.driver.take_all([model.volume] * 3)
        assert len(made) == 2
        assert rig.driver.list_own(rig.pool) == []


def test_snapshot_has_a_name_that_qubes_leaves_alone(rig: LvmRig) -> None:
    with modelled(rig, name="vm-w-private") as model:
        ref = rig.driver.take(model.volume)
        name = ref.place.split("/")[1]
        assert name.startswith("vm-w-private")
        assert not name.endswith(("-snap", "-import", "-back"))
        (found,) = [
            each for each in lvm_listing.list_group("g-1") if each.name == name
        ]
        # Read-only, active, and without the flag that keeps it inactive.
        assert found.attributes.startswith("Vri-a-")
        assert not found.attributes.endswith("k")


def test_long_name_is_cut(rig: LvmRig) -> None:
    name = "vm-" + "n" * 110
    with modelled(rig, name=name) as model:
        ref = rig.driver.take(model.volume)
        assert ref.place.split("/")[1].startswith("vm-nnn")
        assert content(rig, model.volume, ref) == bytes(model.data)


# Snapshots


def test_what_is_not_ours_is_never_removed(rig: LvmRig) -> None:
    with modelled(rig) as model:
        found = lvm_listing.named(lvm_listing.list_group("g-1"), "disk")
        assert found is not None
        ref = SnapshotRef(NAME, found.place, found.uuid, found.size)
        with pytest.raises(SourceError, match="no snapshot of ours"):
            rig.driver.drop([ref])
        assert "disk" in rig.group.names()
        # LVM itself looks at the tag again.
        forged = LogicalVolume(
            **{**vars(found), "tags": frozenset({lvm_listing.TAG})}
        )
        thin_volumes.remove_snapshots([forged])
        assert "disk" in rig.group.names()
        assert model.data


def test_inactive_snapshot_is_activated_to_be_read(rig: LvmRig) -> None:
    with modelled(rig) as model:
        ref = rig.driver.take(model.volume)
        run("lvchange", "-q", "-an", ref.place)
        assert rig.driver.exists(ref)
        assert content(rig, model.volume, ref) == bytes(model.data)


def test_mapped_blocks_are_told_and_the_rest_is_zeros(rig: LvmRig) -> None:
    with modelled(rig) as model:
        model.write(5 * MIB, b"x")
        ref = rig.driver.take(model.volume)
        with rig.driver.open(ref, model.volume) as snapshot:
            ranges = list(snapshot.data_ranges())
        assert ranges == [(0, 2 * MIB), (5 * MIB, 65536), (7 * MIB, MIB)]
        assert held(rig) is None


def test_plain_volume_is_for_another_driver(rig: LvmRig) -> None:
    run("lvcreate", "-q", "-y", "-L", "4m", "-n", "thick", "g-1")
    try:
        volume = VolumeAt("thick", str(rig.group.path("thick")), "g-1/pool")
        with pytest.raises(CannotSnapshot, match="g-1/thick is not thin"):
            rig.driver.take(volume)
    finally:
        rig.group.remove("thick")


# The metadata snapshot


def test_metadata_snapshot_of_another_is_waited_for(
    rig: LvmRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    rig.driver._say = said.append
    monkeypatch.setattr(metadata_snapshot, "_TELL_AFTER_SECONDS", 0.1)
    with modelled(rig) as model:
        old = model.take()
        model.write(0, b"new")
        new = model.take()
        reserve(rig)
        later = threading.Timer(3, release, (rig,))
        later.start()
        assert compare(rig, old.ref, new.ref) == [(0, 65536)]
        later.join()
        assert held(rig) is None
    (sentence,) = said
    assert "waiting" in sentence and "another program holds" in sentence


def test_metadata_snapshot_of_another_is_never_released(rig: LvmRig) -> None:
    with modelled(rig) as model:
        old, new = model.take(), model.take()
        reserve(rig)
        before = held(rig)
        try:
            with impatient(rig), pytest.raises(CannotTell, match="in vain"):
                compare(rig, old.ref, new.ref)
            assert held(rig) == before
        finally:
            release(rig)
        assert compare(rig, old.ref, new.ref) == []


@contextmanager
def impatient(rig: LvmRig) -> Iterator[None]:
    """Waits half a second only."""
    real = rig.driver._metadata_of

    def hurried(pool: LogicalVolume) -> PoolMetadata:
        return PoolMetadata(**{**vars(real(pool)), "wait_seconds": 0.5})

    rig.driver._metadata_of = hurried  # type: ignore[method-assign]
    try:
        yield
    finally:
        del rig.driver._metadata_of


@pytest.mark.parametrize("moment", ["_send_reserve", "_noted"])
def test_what_a_killed_run_reserved_is_released(
    rig: LvmRig, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with modelled(rig) as model:
        old, new = model.take(), model.take()
        child = os.fork()
        if not child:
            kill_after(monkeypatch, moment)
            compare(rig, old.ref, new.ref)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        assert held(rig) is not None, "nothing was left to release"
        assert compare(rig, old.ref, new.ref) == []
        assert held(rig) is None
        assert not list((WORK / "notes").glob("*.reserved"))


def kill_after(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    real = getattr(PoolMetadata, name)

    def deadly(*arguments: object) -> None:
        real(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(PoolMetadata, name, deadly)


def test_stale_note_releases_nothing_of_another(
    rig: LvmRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We were killed, somebody released ours, and reserved for himself."""
    with modelled(rig) as model:
        old, new = model.take(), model.take()
        child = os.fork()
        if not child:
            kill_after(monkeypatch, "_noted")
            compare(rig, old.ref, new.ref)
            os._exit(1)
        os.waitpid(child, 0)
        release(rig)
        model.write(3 * MIB, os.urandom(65536))
        os.sync()
        reserve(rig)
        before = held(rig)
        with impatient(rig), pytest.raises(CannotTell):
            compare(rig, old.ref, new.ref)
        assert held(rig) == before is not None
        release(rig)


def test_snapshot_taken_after_the_reserve_is_not_compared(rig: LvmRig) -> None:
    with modelled(rig) as model:
        old, middle = model.take(), model.take()
        with rig.driver.comparing([old.ref, middle.ref]) as comparing:
            assert list(comparing(old.ref, middle.ref)) == []
            rig.driver.drop([old.ref])
            # It gets the thin id that the dropped one had.
            new = model.take()
            with pytest.raises(CannotTell):
                list(comparing(middle.ref, new.ref))


# Full pools


def fill(group: Group, name: str, megabytes: int) -> None:
    for at in range(megabytes):
        write(group.path(name), at * MIB, os.urandom(MIB))


def test_full_data_leaves_comparing_possible(group: Group) -> None:
    group.make_pool("tight", megabytes=16, words=("--errorwhenfull", "y"))
    rig = LvmRig(group, "g-1/tight", WORK / "notes")
    volume = rig.make("disk", 32 * MIB)
    try:
        fill(group, "disk", 8)
        old = rig.driver.take(volume)
        rig.write(volume, 0, os.urandom(MIB))
        new = rig.driver.take(volume)
        with pytest.raises(OSError):
            fill(group, "disk", 32)
            os.sync()
            with open(volume.place, "rb") as file:
                os.fsync(file.fileno())
        usage = rig.driver.usage("g-1/tight")
        assert usage is not None and usage.data_part == 1.0
        assert compare(rig, old, new) == [(0, MIB)]
        taken = time.monotonic()
        try:
            ref = rig.driver.take(volume)
        except (CannotSnapshot, SourceError) as error:
            assert "\n" not in str(error)
        else:
            rig.driver.drop([ref])
        assert time.monotonic() - taken < 60
    finally:
        rig.driver.drop(rig.driver.list_own("g-1/tight"))
        group.remove("disk", "tight")


def test_full_metadata_is_said_and_nothing_is_lost() -> None:
    with make_group("g-2", megabytes=64) as group:
        group.make_pool("pool", megabytes=40, metadata="2m")
        rig = LvmRig(group, "g-2/pool", WORK / "notes")
        volume = rig.make("disk", 8 * MIB)
        rig.write(volume, 0, os.urandom(MIB))
        old, new = rig.driver.take(volume), rig.driver.take(volume)
        exhaust(group)
        usage = rig.driver.usage("g-2/pool")
        assert usage is not None
        assert usage.metadata_part > 0.85 or usage.read_only
        with pytest.raises((CannotSnapshot, SourceError)) as caught:
            rig.driver.take(volume)
        assert "\n" not in str(caught.value)
        try:
            assert compare(rig, old, new) == []
        except CannotTell as error:
            assert "\n" not in str(error)
        assert rig.driver.exists(old) and rig.driver.exists(new)


def exhaust(group: Group) -> None:
    """Thin volumes that LVM doesn't know, until no more can be made."""
    made = 0
    while send_message(group.tpool("pool"), f"create_thin {1000 + made}"):
        made += 1
    assert made > 100


def test_driver_without_a_volume_group_says_so() -> None:
    driver = LvmThinDriver(WORK / "notes")
    ref = SnapshotRef(NAME, "none/disk", "x" * 38, 1)
    assert not driver.exists(ref)
    driver.drop([ref])
    assert driver.usage("none/pool") is None
