# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A full disk is a normal answer."""

import os
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from store.client import Client, chunk, found, next_commit, run, tree
from wyng_common.messages import Op, Status


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)],
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("this machine can't mount a tmpfs")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_full_disk_is_answered_and_the_session_goes_on(small: Path) -> None:
    found(small)
    blobs = tree([b"one", b"two"])
    with Client(small) as client:
        record = next_commit(client.greet(), blobs[-1].id)
        assert client.put(blobs)[0] == len(blobs)
        assert client.commit(record).status is Status.OK
        filler = small / "filler"
        filler.write_bytes(bytes(2 << 20))
        big = [chunk(bytes([n]) * 60000) for n in range(60)]
        frames = b"".join(blob.frame for blob in big)
        assert client.ask(Op.PUT, frames, len(big)).status is Status.FULL
        assert client.ask(Op.ALIVE).status is Status.OK
        answers = client.get([blob.id for blob in blobs])
        assert all(answer.status is Status.OK for answer in answers)
        filler.unlink()
        assert client.ask(Op.PUT, frames, len(big)).status is Status.OK
        client.sync()
        assert all(client.have([blob.id for blob in big]))
        client.bye()
    assert run("check", "--digests", small).returncode == 0
