# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What rots in an archive is sent again, though the volume did not change."""

import sys
from pathlib import Path
from subprocess import run
from typing import Iterator, List

import pytest

from system.host import CHUNK, Host, hosted
from wyng_dom0.engine import mending
from wyng_dom0.state.changed import NOTHING


@pytest.fixture
def host() -> Iterator[Host]:
    """One archive that has the volume as it is."""
    with hosted() as made:
        made.send("a").check()
        made.read_bytes()
        yield made


def packs(host: Host) -> List[Path]:
    """The packs, the largest last: that one has the chunks."""
    found = (host.archive("a") / "packs").rglob("*.pack*")
    return sorted(found, key=lambda path: path.stat().st_size)


def rot(host: Host) -> None:
    """Flip bytes in two places of the chunks, and let a scrub find them."""
    with open(packs(host)[-1], "r+b") as file:
        for place in (3 * CHUNK, 7 * CHUNK):
            file.seek(place)
            was = file.read(8)
            file.seek(place)
            file.write(bytes(each ^ 0xFF for each in was))
    scrub = "import sys; from wyng_store.main import main; sys.exit(main())"
    done = run(
        [sys.executable, "-c", scrub, "scrub", str(host.archive("a"))],
        capture_output=True,
        text=True,
    )
    assert "DAMAGED" in done.stdout + done.stderr


def test_rot_of_unchanged_chunks_is_healed_by_the_next_send(
    host: Host,
) -> None:
    rot(host)
    host.send("a").check()
    assert host.read_bytes() == 2 * CHUNK
    host.expect_sent("a")
    host.send("a").check()
    assert host.read_bytes() == 0


def test_rot_is_healed_beside_what_changed(host: Host) -> None:
    rot(host)
    host.write(11)
    host.send("a").check()
    assert host.read_bytes() == 3 * CHUNK
    host.expect_sent("a")
    host.machine.wyng("--archive=a", "verify").check()


def test_without_asking_for_the_rest_rot_would_stay(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wyng_dom0.engine import send

    assert send.lost_chunks is mending.lost_chunks
    monkeypatch.setattr(send, "lost_chunks", lambda archive, page: NOTHING)
    rot(host)
    host.send("a").check()
    assert host.read_bytes() == 0
    with pytest.raises(AssertionError):
        host.expect_sent("a")
