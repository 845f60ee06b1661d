# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random writes, harvests, sends and failures of two archives.

Beside a dict: every session that was reported is bit for bit what the volume
held when its send began. Seeded; a failure names its seed. WYNG_TEST_LONG=1
goes on much longer.
"""

import os
import random
import sys
from typing import Dict, Iterator, List, Tuple

import pytest

from system.faults import AFTER, BEFORE, SENDER, Fault
from system.host import ARCHIVES, CHUNK, NAME, Host, hosted

LONG = os.environ.get("WYNG_TEST_LONG") == "1"
SEEDS = 30 if LONG else 3
STEPS = 80 if LONG else 30
FAULTS = (
    "wyng_dom0.engine.harvest:Harvester._compare",
    "wyng_dom0.state.ledgers:save",
    "wyng_dom0.state.volumes:VolumeState.keep_base",
    "wyng_dom0.engine.send:announce",
    "wyng_dom0.transport.remote_store:RemoteStore.commit",
    "wyng_dom0.engine.send:settle",
)


class Model:
    """The sessions each archive must have, by its name."""

    def __init__(self, host: Host, seed: int) -> None:
        self.host = host
        self.chance = random.Random(seed)
        self.sessions: Dict[Tuple[str, str], bytes] = {}
        self.earlier: List[bytes] = []

    def write(self) -> None:
        chunks = -(-self.host.path.stat().st_size // CHUNK)
        if chunks > 1:
            some = self.chance.sample(range(chunks - 1), 1)
            seed = self.chance.randrange(1000)
            self.host.write(*some, seed=seed)

    def zero(self) -> None:
        data = bytearray(self.host.path.read_bytes())
        if data:
            at = self.chance.randrange(len(data)) // CHUNK * CHUNK
            end = min(len(data), at + self.chance.choice((1, 2)) * CHUNK)
            data[at:end] = bytes(end - at)
            self.host.path.write_bytes(data)

    def resize(self) -> None:
        size = self.chance.choice((0, 1, 3 * CHUNK, 9 * CHUNK + 5))
        os.truncate(self.host.path, size)

    def go_back(self) -> None:
        """What it held some time ago: changes that no comparison sees."""
        self.earlier.append(self.host.path.read_bytes())
        self.host.path.write_bytes(self.chance.choice(self.earlier))

    def monitor(self) -> None:
        self.host.monitor().check()

    def monitor_killed(self) -> None:
        self.host.monitor(self._fault(FAULTS[:3])).check(0, -9)

    def send(self) -> None:
        archive = self.chance.choice(ARCHIVES)
        now = self.host.path.read_bytes()
        for done in self.host.send(archive).check().events("volume-done"):
            if done["changed"]:
                self.sessions[archive, done["session"]] = now
        self.host.expect_sent(archive)

    def send_killed(self) -> None:
        archive = self.chance.choice(ARCHIVES)
        self.host.send(archive, self._fault(FAULTS)).check(0, -9)

    def lose_base(self) -> None:
        for each in self.host.snapshots():
            each.unlink()

    def check(self) -> None:
        """Every session that was reported, in both archives."""
        for archive in ARCHIVES:
            self.host.send(archive).check()
            self.host.expect_sent(archive)
        for (archive, session), content in self.sessions.items():
            found = self.host.newest(archive, f"--session={session}")
            assert found == content, (archive, session)
        self.host.machine.wyng(f"--archive={ARCHIVES[0]}", "verify").check()

    def _fault(self, targets: Tuple[str, ...]) -> Fault:
        when = self.chance.choice((BEFORE, AFTER))
        target = self.chance.choice(targets)
        return Fault("killed", SENDER, target, when, at=1)


MOVES = (
    *[Model.write] * 6,
    *[Model.send] * 4,
    *[Model.monitor] * 4,
    *[Model.send_killed] * 3,
    Model.monitor_killed,
    Model.zero,
    Model.resize,
    *[Model.go_back] * 2,
    Model.lose_base,
)


@pytest.fixture(scope="module")
def fresh() -> Iterator[Host]:
    """Two archives with nothing in them."""
    with hosted() as made:
        made.machine.save("fresh")
        yield made


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_session_is_what_the_volume_held(fresh: Host, seed: int) -> None:
    fresh.machine.put_back("fresh")
    model = Model(fresh, seed)
    assert NAME in os.listdir(fresh.machine.images)
    for _ in range(STEPS):
        move = model.chance.choice(MOVES)
        sys.stdout.write(f"{move.__name__}\n")
        move(model)
    model.check()
