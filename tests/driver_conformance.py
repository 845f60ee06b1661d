# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What every driver of snapshots promises, as checks that any of them runs.

A Rig brings a driver and a way to do to a volume what the world does to one.
`CHECKS` are the promises of drivers that keep snapshots, `KEEPLESS` of those
that keep none; each takes a rig with no volume and no snapshot in its pool,
and leaves it so. Asserts, and
imports nothing of pytest: they also run in a virtual machine.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from driver_rig import (
    KIB,
    MIB,
    SIZE,
    Model,
    Rig,
    assert_found,
    compare,
    content,
    missed,
    modelled,
    surplus,
)
from wyng_dom0.errors import NotFound
from wyng_dom0.snapshots.driver import (
    CannotTell,
    PoolUsage,
    SnapshotInUse,
    VolumeAt,
)


def snapshot_holds_one_moment(rig: Rig) -> None:
    with modelled(rig) as model:
        taken = model.take()
        model.write(5000, b"x" * 70_000)
        model.punch(MIB, 512 * KIB)
        model.replace(b"another life")
        assert content(rig, model.volume, taken.ref) == taken.data
        with rig.driver.open(taken.ref, model.volume) as snapshot:
            assert snapshot.point_in_time
            assert snapshot.driver == rig.driver.name == taken.ref.driver
            assert snapshot.size == SIZE
            assert snapshot.name == model.volume.name


def unchanged_volume_has_no_changes(rig: Rig) -> None:
    with modelled(rig) as model:
        one, other = model.take(), model.take()
        assert compare(rig, one.ref, other.ref) == []
        assert one.ref != other.ref
        assert one.ref.identity != other.ref.identity


def small_writes_are_found(rig: Rig) -> None:
    with modelled(rig) as model:
        old = model.take()
        for at in (0, 4095, 100_000, MIB - 1, 3 * MIB + 7, SIZE - 3):
            model.write(at, b"abc")
        new = model.take()
        assert_found(rig, old, new)
        assert (
            surplus(new.touched, compare(rig, new.ref, old.ref), rig.grain)
            == []
        )


def discarded_data_is_changed(rig: Rig) -> None:
    with modelled(rig) as model:
        old = model.take()
        model.punch(0, MIB)
        model.punch(SIZE - 512 * KIB, 512 * KIB)
        new = model.take()
        assert_found(rig, old, new)
        assert missed(new.data, old.data, compare(rig, new.ref, old.ref)) == []


def grown_and_cut_ends_are_found(rig: Rig) -> None:
    step = rig.resizes_to
    with modelled(rig) as model:
        taken = [model.take()]
        for size in (SIZE + step, SIZE + 3 * step, SIZE - step, SIZE):
            model.resize(size)
            taken.append(model.take())
            assert taken[-1].ref.size == size
        model.write(SIZE - 10, b"0123456789")
        taken.append(model.take())
        assert_found(rig, *taken)
        ranges = compare(rig, taken[0].ref, taken[-1].ref)
        assert missed(taken[0].data, taken[-1].data, ranges) == []


def volume_may_be_renamed(rig: Rig) -> None:
    with modelled(rig) as model:
        old = model.take()
        model.volume = rig.rename(model.volume, "renamed")
        model.write(2 * MIB, b"later")
        assert_found(rig, old, model.take())


def volume_may_be_replaced_by_its_twin(rig: Rig) -> None:
    with modelled(rig) as model:
        old = model.take()
        model.replace(b"first life" * 1000)
        middle = model.take()
        model.replace(b"second" * 2000)
        new = model.take()
        assert_found(rig, old, middle, new)
        ranges = compare(rig, old.ref, new.ref)
        assert missed(old.data, new.data, ranges) == []
        both = (*middle.touched, *new.touched)
        assert surplus(both, ranges, rig.grain) == []


def any_two_snapshots_compare(rig: Rig) -> None:
    with modelled(rig) as model:
        taken = [model.take()]
        for number in range(4):
            model.write(number * MIB + 300_000, os.urandom(9000))
            model.punch(number * MIB, 64 * KIB)
            taken.append(model.take())
        with rig.driver.comparing([each.ref for each in taken]) as comparing:
            for old in taken:
                for new in taken:
                    ranges = list(comparing(old.ref, new.ref))
                    assert missed(old.data, new.data, ranges) == []
                    assert ranges or old.data == new.data


def random_histories_are_found(
    rig: Rig, histories: int = 3, seed: int = 5
) -> None:
    """No change missed, and none told where nothing was touched."""
    for number in range(histories):
        chance = random.Random(seed * 1000 + number)
        with modelled(rig, chance.choice((4, 8, 12)) * MIB) as model:
            play(model, chance, steps=4)


def play(model: Model, chance: random.Random, steps: int) -> None:
    """Random changes with snapshots between, each compared with the last."""
    old = model.take()
    for _ in range(steps):
        for _ in range(chance.randrange(1, 12)):
            random_change(model, chance)
        new = model.take()
        assert_found(model.rig, old, new)
        assert content(model.rig, model.volume, new.ref) == new.data
        assert content(model.rig, model.volume, old.ref) == old.data
        model.rig.driver.drop([old.ref])
        old = new


def random_change(model: Model, chance: random.Random) -> None:
    """One thing that may happen to a volume."""
    size = len(model.data)
    at = chance.randrange(size - 1)
    if chance.random() < 0.5:
        at -= at % 4096
    length = min(
        chance.choice((1, 512, 4096, 9000, 70_000, 300_000)), size - at
    )
    kind = chance.random()
    if kind < 0.55:
        model.write(at, chance.randbytes(length))
    elif kind < 0.65:
        # Bytes that compress, so that extents get compressed where they are.
        model.write(at, (b"%d again " % at * length)[:length])
    elif kind < 0.85:
        model.punch(at, length)
    elif kind < 0.92:
        step = model.rig.resizes_to
        model.resize(max(2 * MIB, size + chance.choice((-2, -1, 1, 2)) * step))
    else:
        model.replace(chance.randbytes(length))


def dropped_snapshot_is_gone(rig: Rig) -> None:
    with modelled(rig) as model:
        old, new = model.take().ref, model.take().ref
        assert rig.driver.exists(old) and rig.driver.exists(new)
        rig.driver.drop([old])
        assert not rig.driver.exists(old) and rig.driver.exists(new)
        rig.driver.drop([old, old])
        _raises(NotFound, lambda: content(rig, model.volume, old))
        _raises(CannotTell, lambda: compare(rig, old, new))
        _raises(CannotTell, lambda: compare(rig, new, old))
        assert rig.driver.list_own(rig.pool) == [new]
        rig.driver.drop([])


def another_at_its_place_is_not_it(rig: Rig) -> None:
    with modelled(rig) as model:
        taken = model.take()
        other = model.take()
        forged = replace(other.ref, identity=taken.ref.identity)
        assert not rig.driver.exists(forged)
        _raises(NotFound, lambda: content(rig, model.volume, forged))
        _raises(CannotTell, lambda: compare(rig, forged, taken.ref))
        rig.driver.drop([forged])
        assert rig.driver.exists(other.ref)
        assert content(rig, model.volume, other.ref) == other.data


def own_snapshots_are_listed(rig: Rig) -> None:
    with modelled(rig) as model, modelled(rig, MIB * 4, "other") as other:
        refs = [model.take().ref, model.take().ref, other.take().ref]
        listed = rig.driver.list_own(rig.pool)
        assert sorted(listed, key=str) == sorted(refs, key=str)
        for ref, cost in zip(listed, rig.driver.cost(listed)):
            assert cost is None or 0 <= cost <= ref.size
        rig.driver.drop(listed)
        assert rig.driver.list_own(rig.pool) == []


def open_snapshot_is_not_lost(rig: Rig) -> None:
    with modelled(rig) as model:
        taken, other = model.take(), model.take()
        with rig.driver.open(taken.ref, model.volume) as snapshot:
            try:
                rig.driver.drop([taken.ref, other.ref])
            except SnapshotInUse:
                assert rig.driver.exists(taken.ref)
            assert not rig.driver.exists(other.ref)
            assert snapshot.read(0, snapshot.size) == taken.data


def removed_volume_leaves_its_snapshots(rig: Rig) -> None:
    with modelled(rig) as model:
        old = model.take()
        model.write(0, b"changed")
        new = model.take()
        rig.remove(model.volume)
        assert_found(rig, old, new)
        assert content(rig, model.volume, old.ref) == old.data
        model.volume = rig.make("disk", MIB * 4)


def new_volume_of_that_name_is_another(rig: Rig) -> None:
    with modelled(rig) as model:
        old = model.take()
        rig.remove(model.volume)
        model.volume = rig.make("disk", SIZE)
        model.data, model.touched = bytearray(SIZE), []
        model.write(MIB, os.urandom(MIB))
        new = model.take()
        try:
            ranges = compare(rig, old.ref, new.ref)
        except CannotTell:
            return
        assert missed(old.data, new.data, ranges) == []


def usage_tells_how_full_the_pool_is(rig: Rig) -> None:
    with modelled(rig) as model:
        before = _settled_usage(rig)
        assert before.pool == rig.pool
        assert before.data_bytes >= SIZE and not before.read_only
        model.write(0, os.urandom(6 * MIB))
        model.take()
        os.sync()
        after = rig.driver.usage(rig.pool)
        assert after is not None
        assert 0.0 <= before.data_part < after.data_part <= 1.0
        assert 0.0 <= after.metadata_part <= 1.0


def killed_run_leaves_whole_snapshots_or_none(rig: Rig, kills: int = 6) -> None:
    with modelled(rig) as model:
        for number in range(kills):
            _kill_while_taking(rig, model.volume, 0.01 + 0.03 * number)
        left = rig.driver.list_own(rig.pool)
        for ref in left:
            assert content(rig, model.volume, ref) == bytes(model.data)
        rig.driver.drop(left)
        assert rig.driver.list_own(rig.pool) == []


def nothing_is_kept(rig: Rig) -> None:
    driver = rig.driver
    assert not driver.keeps
    with modelled(rig) as model:
        taken = model.take()
        assert not driver.exists(taken.ref)
        assert content(rig, model.volume, taken.ref) == taken.data
        with driver.open(taken.ref, model.volume) as snapshot:
            assert not snapshot.point_in_time
        assert driver.list_own(rig.pool) == [] == rig.strangers()
        assert driver.cost([taken.ref]) in ([0], [None])
        driver.drop([taken.ref])
        assert content(rig, model.volume, taken.ref) == taken.data


def nothing_can_be_told(rig: Rig) -> None:
    with modelled(rig) as model:
        old, new = model.take(), model.take()
        _raises(CannotTell, lambda: compare(rig, old.ref, new.ref))


def _settled_usage(rig: Rig, seconds: float = 60) -> PoolUsage:
    """The pool's usage once what was removed before is freed as well."""
    until = time.monotonic() + seconds
    usage, earlier = rig.driver.usage(rig.pool), None
    while usage != earlier and time.monotonic() < until:
        os.sync()
        time.sleep(0.3)
        usage, earlier = rig.driver.usage(rig.pool), usage
    assert usage is not None
    return usage


def _kill_while_taking(rig: Rig, volume: VolumeAt, after: float) -> None:
    child = os.fork()
    if not child:
        try:
            while True:
                rig.driver.take(volume)
        finally:
            os._exit(1)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _raises(kind: type[Exception], call: Callable[[], object]) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


CHECKS: tuple[Callable[[Rig], None], ...] = (
    snapshot_holds_one_moment,
    unchanged_volume_has_no_changes,
    small_writes_are_found,
    discarded_data_is_changed,
    grown_and_cut_ends_are_found,
    volume_may_be_renamed,
    volume_may_be_replaced_by_its_twin,
    any_two_snapshots_compare,
    random_histories_are_found,
    dropped_snapshot_is_gone,
    another_at_its_place_is_not_it,
    own_snapshots_are_listed,
    open_snapshot_is_not_lost,
    removed_volume_leaves_its_snapshots,
    new_volume_of_that_name_is_another,
    usage_tells_how_full_the_pool_is,
    killed_run_leaves_whole_snapshots_or_none,
)
KEEPLESS: tuple[Callable[[Rig], None], ...] = (
    nothing_is_kept,
    nothing_can_be_told,
)
