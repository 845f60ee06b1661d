# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that say nothing, or do not listen, hold no lock for ever."""

import sys
from pathlib import Path
from typing import List

import pytest

from store.client import Client, after, chunk, found, next_commit, tree
from store.local import directory
from wyng_common.messages import Capability, Op, Status

_PROGRAM = (
    "import sys; from pathlib import Path;"
    "from wyng_common.messages import Capability;"
    "from wyng_store import layout, session, streams;"
    "session.READER_IDLE_SECONDS = 0.2; streams._TICK_SECONDS = 0.05;"
    "from wyng_store.serve import serve;"
    "serve(0, 1, layout.Layout(Path(sys.argv[2])), frozenset(Capability),"
    " silence=float(sys.argv[1]))"
)


def _program(silence: float) -> List[str]:
    return [sys.executable, "-c", _PROGRAM, str(silence)]


@pytest.mark.parametrize("said", [b"", b"\x04\x00\x00"])
def test_silent_client_is_ended_and_its_lock_is_free(
    tmp_path: Path, said: bytes
) -> None:
    found(tmp_path)
    with Client(tmp_path, program=_program(0.5)) as client:
        client.greet()
        assert client.process.stdin
        client.process.stdin.write(said)
        client.process.stdin.flush()
        assert client.process.wait(timeout=60) == 1
        with Client(tmp_path) as other:
            other.greet()


def test_client_that_does_not_read_is_ended(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = [chunk(bytes([n]) * (1 << 20)) for n in range(8)]
    with Client(tmp_path, program=_program(1.0)) as client:
        client.greet()
        client.put(blobs)
        client.sync()
        client.send(Op.GET, b"".join(b.id for b in blobs), len(blobs))
        assert client.process.wait(timeout=60) == 1


def test_client_that_says_alive_is_kept(tmp_path: Path) -> None:
    found(tmp_path)
    with Client(tmp_path, program=_program(2.0)) as client:
        client.greet()
        for _ in range(5):
            client.process.poll()
            assert client.ask(Op.ALIVE).status is Status.OK
        assert client.bye() == 0


def test_idle_reader_makes_way_for_a_reclaim_that_waits() -> None:
    old, new = tree([b"old"], b"a"), tree([b"new"], b"b")
    with directory() as root, Client(root) as writer:
        first = next_commit(writer.greet(), old[-1].id)
        writer.put(old)
        assert writer.commit(first).status is Status.OK
        writer.put(new)
        program = _program(600.0)
        with Client(root, Capability.GET, program=program) as reader:
            reader.greet()
            second = next_commit(after(first), new[-1].id, ((1, 1),))
            assert writer.commit(second).status is Status.OK
            assert reader.process.wait(timeout=60) == 1
        assert writer.ask(Op.RECLAIM, bytes(8)).status is Status.OK
        assert writer.get([new[0].id])[0].status is Status.OK
