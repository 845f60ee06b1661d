# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rot is found by a scrub, denied by HAVE, and healed by the next send."""

from pathlib import Path
from typing import List

import pytest

from store.client import Client, after, next_commit, tree
from store.local import check, directory, reader
from wyng_common.frames import FrameError, check_frame
from wyng_common.messages import Op, Status

ONE = tree([b"sound" * 90, b"rotten" * 90], b"one")
TWO = tree([b"rotten" * 90, b"later" * 90], b"two")
ROTTEN = ONE[1]


def _rot(root: Path, text: bytes) -> None:
    for path in root.glob("packs/*/*"):
        data = bytearray(path.read_bytes())
        if text in data:
            data[data.index(text)] ^= 1
            path.write_bytes(data)


def _scrub(client: Client) -> List[bytes]:
    answers = client.ask_all(Op.SCRUB, bytes(8), 0, 3)
    listed = [a.body for a in answers if a.status is Status.MORE]
    body = b"".join(listed)
    return sorted({body[at : at + 32] for at in range(0, len(body), 32)})


def test_rotten_chunk_is_found_denied_and_healed_by_the_next_send() -> None:
    with directory() as root:
        with Client(root) as client:
            first = next_commit(client.greet(), ONE[-1].id)
            client.put(ONE)
            assert client.commit(first).status is Status.OK
        _rot(root, b"rotten" * 90)
        with Client(root) as client:
            client.greet()
            assert client.have([ROTTEN.id]) == [True]
            assert _scrub(client) == [ROTTEN.id]
            assert client.have([ROTTEN.id]) == [False]
            assert client.get([ROTTEN.id])[0].status is Status.DAMAGED
            second = next_commit(after(first), TWO[-1].id, ((1, 1),))
            client.put(TWO[1:])
            assert client.commit(second).status is Status.MISSING
            assert client.put(TWO[:1]) == (1, 0)
            assert client.commit(second).status is Status.OK
            assert client.get([ROTTEN.id])[0].body == ROTTEN.frame
            assert client.bye() == 0
        with reader(root) as archive:
            assert archive.fetcher.fetch(ROTTEN.id) == ROTTEN.frame
        assert check(root).is_whole


def test_get_hands_out_a_rotten_chunk_that_nobody_has_found_yet() -> None:
    """Its receiver proves it; a rotten header is noticed here."""
    with directory() as root:
        with Client(root) as client:
            client.greet()
            client.put(ONE)
            client.sync()
        _rot(root, b"rotten" * 90)
        with Client(root) as client:
            client.greet()
            answer = client.get([ROTTEN.id])[0]
            assert answer.status is Status.OK
            with pytest.raises(FrameError):
                check_frame(answer.body)
        _rot(root, ONE[0].frame[:40])
        with Client(root) as client:
            client.greet()
            answer = client.get([ONE[0].id])[0]
            assert answer.status is Status.DAMAGED
