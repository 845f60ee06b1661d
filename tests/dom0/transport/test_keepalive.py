# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A store hears of us when there is nothing to ask, and only then."""

import threading
from pathlib import Path

from wyng_common.ids import ArchiveId, BlobId, StagingToken
from wyng_common.messages import Capability, Hello, Op, Status
from wyng_dom0.errors import DestinationError
from wyng_dom0.transport.connection import Connection
from wyng_dom0.transport.destination import Destination
from wyng_dom0.transport.keepalive import Keepalive
from wyng_dom0.transport.start import start_store


def test_nothing_is_said_before_the_first_question() -> None:
    spoken = threading.Event()
    with Keepalive(spoken.set, 0.01):
        assert not spoken.wait(0.1)


def test_silence_is_broken_again_and_again() -> None:
    spoken = threading.Semaphore(0)
    with Keepalive(spoken.release, 0.01) as keepalive:
        keepalive.heard()
        for _ in range(3):
            assert spoken.acquire(timeout=30)


def test_store_that_is_gone_ends_it() -> None:
    tried = threading.Event()

    def speak() -> None:
        tried.set()
        raise DestinationError("gone")

    with Keepalive(speak, 0.01) as keepalive:
        keepalive.heard()
        assert tried.wait(30)


def test_no_request_is_cut_by_a_keepalive(tmp_path: Path) -> None:
    """With one every millisecond beside many requests of some size."""
    process = start_store(
        Destination("internal", str(tmp_path)), Capability.INIT
    )
    ids = b"".join(BlobId.random() for _ in range(4096))
    with Connection(process, idle=0.001) as connection:
        hello = Hello(Capability.INIT, StagingToken.random()).encode()
        answer = connection.ask(Op.HELLO, [hello]).wait()
        assert answer.status is Status.NO_ARCHIVE
        made = connection.ask(Op.INIT, [ArchiveId.random()]).wait()
        assert made.status is Status.OK
        for _ in range(30):
            question = connection.ask(Op.HAVE, [ids], count=4096)
            assert question.wait().untrusted_body == bytes(512)
