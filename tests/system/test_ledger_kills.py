# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 between any two steps of a harvest and of a send.

Afterwards the volume changes again, also back to what it was; then monitors
and sends of both archives go on as if nothing had been, and every session is
bit for bit what the volume held.
"""

from typing import Iterator, List

import pytest

from system.faults import AFTER, BEFORE, Fault
from system.host import CHUNK, Host, hosted
from system.machine import leftovers
from system.moments import sender
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import list_bases

HARVEST: List[Fault] = [
    *sender(
        "snapshot taken",
        "wyng_dom0.engine.taking:Taker._outcomes",
        (AFTER,),
    ),
    *sender("snapshot protected", "wyng_dom0.state.locks:start_reading"),
    *sender("compared", "wyng_dom0.engine.harvest:Harvester._compare"),
    *sender("ledgers written", "wyng_dom0.state.ledgers:save", at=(1, 2)),
    *sender("base recorded", "wyng_dom0.state.volumes:VolumeState.keep_base"),
    *sender("old base dropped", "wyng_dom0.engine.harvest:Harvester._drop"),
    *sender("snapshot let go", "wyng_dom0.engine.harvest:Harvester.let_go"),
]
SEND: List[Fault] = [
    *HARVEST,
    *sender(
        "volume read",
        "wyng_dom0.engine.volume_upload:VolumeUpload.upload",
    ),
    *sender("commit announced", "wyng_dom0.engine.send:announce"),
    *sender("head pinned", "wyng_dom0.state.heads:write_pending"),
    *sender("COMMIT", "wyng_dom0.transport.remote_store:RemoteStore.commit"),
    *sender("head promoted", "wyng_dom0.state.heads:promote"),
    *sender("ledgers settled", "wyng_dom0.engine.send:settle"),
]
# The second write of a ledger in a run of three chunks of time.
LATER = [
    *sender("announced in a ledger", "wyng_dom0.state.ledgers:save", at=(3,)),
    *sender("settled in a ledger", "wyng_dom0.state.ledgers:save", at=(4,)),
    *sender(
        "state renamed",
        "wyng_dom0.state.durable:sync_folder",
        (BEFORE,),
        at=(1, 2, 3, 4),
    ),
]


@pytest.fixture(scope="module")
def saved() -> Iterator[Host]:
    """Both archives have the volume, a monitor was there, and it changed."""
    with hosted() as made:
        for each in ("a", "b"):
            made.send(each).check()
        made.write(1)
        made.monitor().check()
        made.write(2, 5)
        made.machine.save("ready")
        yield made


@pytest.fixture
def host(saved: Host) -> Host:
    """As saved."""
    saved.machine.put_back("ready")
    return saved


def expect_right(host: Host, monitored: bool) -> None:
    """Go on after a kill, in both archives."""
    if monitored:
        host.write(7)
        host.monitor().check()
    for each in ("a", "b"):
        host.send(each).check()
        host.expect_sent(each)
    assert leftovers(host.machine.state, host.machine.images) == []
    host.read_bytes()
    # Not one snapshot more than the base, and the ledgers count again.
    host.write(4)
    for each in ("a", "b"):
        host.send(each).check()
        host.expect_sent(each)
    assert host.read_bytes() == 2 * CHUNK
    (base,) = list_bases(Places(host.machine.state))
    assert [str(each) for each in host.snapshots()] == [base.place]


@pytest.mark.parametrize("fault", SEND + LATER, ids=str)
def test_killed_send_loses_no_change(host: Host, fault: Fault) -> None:
    before = host.path.read_bytes()
    host.write(2, 3, seed=9)
    assert host.send("a", fault).hit, "this moment never came"
    host.path.write_bytes(before)
    expect_right(host, monitored=fault.when == BEFORE)


@pytest.mark.parametrize("fault", HARVEST, ids=str)
def test_killed_monitor_loses_no_change(host: Host, fault: Fault) -> None:
    before = host.path.read_bytes()
    host.write(2, 3, seed=9)
    assert host.monitor(fault).hit, "this moment never came"
    host.path.write_bytes(before)
    expect_right(host, monitored=fault.when == AFTER)


@pytest.mark.parametrize(
    "fault",
    [
        *sender("compared", "wyng_dom0.engine.harvest:Harvester._compare"),
        *sender("new one spent", "wyng_dom0.engine.harvest:Harvester._drop"),
    ],
    ids=str,
)
def test_killed_monitor_of_an_unchanged_volume_keeps_its_base(
    host: Host, fault: Fault
) -> None:
    host.monitor().check()
    before = host.state.base()
    assert host.monitor(fault).hit, "this moment never came"
    assert host.state.base() == before
    expect_right(host, monitored=fault.when == AFTER)
