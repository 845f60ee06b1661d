# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of either side at named moments; nothing complete is ever lost.

Each case starts from a saved installation, kills one process in the middle
of one command and then checks: the store is whole, everything that was ever
reported complete restores bit for bit, the same command run again succeeds,
and nothing is left lying about. Set WYNG_KILLS to a word to run the phases
whose names hold it.
"""

import os
import random
import shutil
import sys
from collections import Counter
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional

import pytest

from system.faults import STORE, Fault
from system.machine import (
    Ended,
    Machine,
    leftovers,
    sha256,
    temporary_root,
)
from system.moments import (
    FOUNDING,
    INIT,
    PRUNE,
    REBUILD,
    RECEIVE,
    RECOVER,
    SEND,
)

KILLS_LEAST = 100
PHASES_LEAST = 12
VOLUMES = ("one.img", "two.img")
CHUNK = 64 * 1024
SIZES = (900_000, 400_001)

Known = Dict["tuple[str, str]", str]
HITS: "Counter[str]" = Counter()


class World(NamedTuple):
    """A machine, and the digest of every session reported complete."""

    machine: Machine
    known: Known
    images: Dict[str, str]


def write_image(machine: Machine, name: str, seed: int) -> None:
    """New content in the first half of an image, and a hole near its end."""
    path = machine.images / name
    size = SIZES[VOLUMES.index(name)]
    if not path.exists():
        path.write_bytes(random.Random(seed).randbytes(size))
        os.truncate(path, size + 200_000)
    with path.open("r+b") as file:
        for at in range(0, size // 2, 70_000):
            file.seek(at)
            file.write(random.Random(seed + at).randbytes(30_000))


def complete(ended: Ended) -> List["tuple[str, str]"]:
    """(volume, session) of what a send reported complete."""
    if not ended.events("run-done"):
        return []
    return [
        (each["volume"], each["session"])
        for each in ended.events("volume-done")
        if each["changed"]
    ]


def image_digests(machine: Machine) -> Dict[str, str]:
    """What the images hold now."""
    return {
        path.name: sha256(path.read_bytes())
        for path in machine.images.iterdir()
    }


def send_noted(machine: Machine, known: Known) -> Ended:
    """A send, with what it reported added to `known`."""
    ended = machine.send(*VOLUMES).check()
    digests = image_digests(machine)
    for volume, session in complete(ended):
        known[volume, session] = digests[volume]
    return ended


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Two sessions of two volumes, and images that changed since."""
    machine = Machine(temporary_root())
    machine.save("empty")
    for number, name in enumerate(VOLUMES):
        write_image(machine, name, number)
    machine.init().check()
    known: Known = {}
    for seed in (10, 20):
        send_noted(machine, known)
        for name in VOLUMES:
            write_image(machine, name, seed)
    machine.save("ready")
    yield World(machine, known, image_digests(machine))
    shutil.rmtree(machine.root)


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    """At the end, how many kills hit each phase."""
    yield
    lines = [f"{hits:5}  {phase}" for phase, hits in sorted(HITS.items())]
    text = "\n".join(lines)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        sys.stdout.write(f"\nkills per phase:\n{text}\n")
        sys.stdout.write(f"{sum(HITS.values()):5}  in all\n")


def expect_whole(world: World, known: Known) -> None:
    """The store is whole, and everything known restores."""
    machine = world.machine
    machine.store("check").check()
    restored = machine.restored_all()
    assert set(restored) >= set(known), "a complete session is gone"
    for key, digest in restored.items():
        # A session nobody was told of may exist; it must be right too.
        assert digest == known.get(key, world.images[key[0]]), key


def expect_newest_is_now(world: World) -> None:
    """The newest session of each volume is what its image holds."""
    restored = world.machine.restored_all()
    for volume in VOLUMES:
        newest = max(key for key in restored if key[0] == volume)
        assert restored[newest] == world.images[volume]


def expect_tidy(machine: Machine) -> None:
    """Nothing temporary is left, anywhere."""
    assert leftovers(machine.archive, machine.state, machine.out) == []
    assert leftovers(machine.images) == []


def killed(
    run: Callable[[Optional[Fault]], Ended], fault: Fault
) -> Optional[Ended]:
    """Run a command with a fault; None when it never came up."""
    ended = run(fault)
    if not ended.hit:
        ended.check()
        return None
    HITS[fault.phase] += 1
    assert "Traceback" not in ended.err, ended
    assert "fault of this program" not in ended.err, ended
    return ended


def every(moments: List[Fault]) -> List[Fault]:
    """The moments that WYNG_KILLS wants: all of them, if it is not set."""
    word = os.environ.get("WYNG_KILLS", "")
    return [each for each in moments if word in each.phase]


@pytest.mark.parametrize("fault", every(SEND), ids=str)
def test_killed_send_loses_nothing_and_runs_again(
    world: World, fault: Fault
) -> None:
    machine = world.machine
    machine.put_back("ready")
    ended = killed(lambda f: machine.send(fault=f), fault)
    assert ended is not None, "this moment never came"
    known = dict(world.known)
    for volume, session in complete(ended):
        known[volume, session] = world.images[volume]
    expect_whole(world, known)
    again = machine.send().check()
    for volume, session in complete(again):
        known[volume, session] = world.images[volume]
    expect_whole(world, known)
    expect_newest_is_now(world)
    assert "the index was wrong" not in machine.store("check").out
    # What a send replaces only when it commits waits for one that does.
    write_image(machine, VOLUMES[0], 99)
    machine.send().check()
    expect_tidy(machine)


RESUMED = [
    *(
        Fault(
            "store: frames resumed",
            STORE,
            "wyng_store.packing:GrowingPack.append",
            at=frames,
            other=True,
        )
        for frames in (1, 3, 5)
    ),
    # What a store that is killed has only in memory was never answered.
    *(
        Fault(
            "store: frames resumed",
            STORE,
            "wyng_store.packing:GrowingPack.flush",
            matches=lambda pack: pack._buffered > 0,
            at=flushes,
        )
        for flushes in (1, 2, 3)
    ),
]


@pytest.mark.parametrize("fault", RESUMED, ids=str)
def test_resumed_send_sends_only_what_was_missing(
    world: World, fault: Fault
) -> None:
    """Of a send killed when the store had at least `fault.at` frames."""
    machine = world.machine
    machine.put_back("ready")
    whole = sent_bytes(machine.send())
    machine.put_back("ready")
    assert killed(lambda f: machine.send(fault=f), fault) is not None
    again = sent_bytes(machine.send())
    assert 0 <= again <= whole - fault.at * CHUNK
    expect_whole(world, world.known)
    expect_newest_is_now(world)


def sent_bytes(ended: Ended) -> int:
    """Sealed bytes that a send put."""
    (done,) = ended.check().events("run-done")
    return int(done["sent_bytes"])


@pytest.mark.parametrize("fault", every(PRUNE), ids=str)
def test_killed_prune_keeps_the_others_and_runs_again(
    world: World, fault: Fault
) -> None:
    machine = world.machine
    machine.put_back("ready")
    session = machine.sessions(VOLUMES[0])[0]
    words = ("--unattended", f"--session={session}", "prune")
    ended = killed(lambda f: machine.wyng(*words, fault=f), fault)
    assert ended is not None, "this moment never came"
    kept = {k: v for k, v in world.known.items() if k[1] != session}
    expect_pruned(world, kept)
    machine.wyng(*words).check()
    assert set(machine.restored_all()) == set(kept)
    assert stat(machine)["pack_bytes"] < packed_when_ready(world)
    machine.store("check").check()
    expect_pruned(world, kept)
    expect_tidy(machine)


def expect_pruned(world: World, kept: Known) -> None:
    """As expect_whole, where the pruned sessions may be there or gone."""
    restored = world.machine.restored_all()
    assert set(restored) >= set(kept)
    for key, digest in restored.items():
        assert digest == world.known[key]


def stat(machine: Machine) -> Dict[str, int]:
    """The store's numbers."""
    (numbers,) = machine.store("stat", "--json").check().objects
    return numbers


def packed_when_ready(world: World) -> int:
    """Bytes of packs before anything was pruned."""
    packs = (world.machine.root / "ready" / "archive" / "packs").rglob("*.pack")
    return sum(path.stat().st_size for path in packs)


@pytest.mark.parametrize("fault", every(REBUILD), ids=str)
def test_killed_rebuild_leaves_a_whole_archive(
    world: World, fault: Fault
) -> None:
    machine = world.machine
    machine.put_back("ready")
    ended = killed(lambda f: machine.store("rebuild", fault=f), fault)
    assert ended is not None, "this moment never came"
    expect_whole(world, world.known)
    machine.store("rebuild").check()
    machine.send().check()
    expect_tidy(machine)


@pytest.mark.parametrize("fault", every(RECOVER), ids=str)
def test_recovery_itself_may_be_killed(world: World, fault: Fault) -> None:
    """Twice in a row: what a killed send left is put right by the next one,
    which is killed while it does so."""
    machine = world.machine
    machine.put_back("ready")
    first = FOUNDING[fault.phase]
    assert killed(lambda f: machine.send(fault=f), first) is not None
    ended = killed(lambda f: machine.send(fault=f), fault)
    assert ended is not None, "this moment never came"
    expect_whole(world, world.known)
    machine.send().check()
    expect_whole(world, world.known)
    expect_tidy(machine)


@pytest.mark.parametrize("fault", every(RECEIVE), ids=str)
def test_killed_receive_leaves_nothing_that_looks_restored(
    world: World, fault: Fault
) -> None:
    machine = world.machine
    machine.put_back("ready")
    (volume, session), wanted = sorted(world.known.items())[0]
    target = machine.out / "target"
    target.write_bytes(b"what was here before")
    words = ("--force", f"--session={session}", f"--save-to={target}")
    ended = killed(
        lambda f: machine.wyng(*words, "receive", volume, fault=f), fault
    )
    assert ended is not None, "this moment never came"
    there = target.read_bytes()
    assert there == b"what was here before" or sha256(there) == wanted
    machine.wyng(*words, "receive", volume).check()
    assert sha256(target.read_bytes()) == wanted
    expect_tidy(machine)


@pytest.mark.parametrize("fault", every(INIT), ids=str)
def test_killed_arch_init_can_be_run_again(world: World, fault: Fault) -> None:
    machine = world.machine
    machine.put_back("empty")
    ended = killed(lambda f: machine.init(fault=f), fault)
    assert ended is not None, "this moment never came"
    again = machine.init().check(0, 1, 9)
    # Once its first commit is made, an archive is never taken for a ruin.
    assert again.code == 0 or "already" in again.err
    write_image(machine, VOLUMES[0], 1)
    machine.send(VOLUMES[0]).check()
    session = machine.sessions(VOLUMES[0])[-1]
    restored = machine.restored(VOLUMES[0], session)
    assert restored == (machine.images / VOLUMES[0]).read_bytes()
    machine.store("check").check()
    expect_tidy(machine)


def test_kills_hit_every_phase() -> None:
    """Last: a table that promises more than it did would be worse than none."""
    wanted = {
        each.phase
        for group in (SEND, PRUNE, REBUILD, RECOVER, RECEIVE, INIT)
        for each in every(group)
    }
    assert wanted <= set(HITS)
    if "WYNG_KILLS" not in os.environ:
        assert len(wanted) >= PHASES_LEAST
        assert sum(HITS.values()) >= KILLS_LEAST
