# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What each capability may do, and what no stranger's bytes may do."""

from pathlib import Path
from typing import Dict, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.client import Client, after, found, next_commit, run, tree
from wyng_common.ids import StagingToken
from wyng_common.messages import (
    HEADER_SIZE,
    Capability,
    Header,
    Hello,
    Op,
    Status,
)

GET, PUT = Capability.GET, Capability.PUT
PRUNE, VERIFY, INIT = Capability.PRUNE, Capability.VERIFY, Capability.INIT
# Operation, body, flags -> who may.
TABLE: Dict[Tuple[Op, bytes, int], "set[Capability]"] = {
    (Op.HAVE, b"", 0): {PUT, PRUNE, VERIFY},
    (Op.PUT, b"", 0): {PUT, PRUNE},
    (Op.SYNC, b"", 0): {PUT, PRUNE},
    (Op.LOG, bytes(16), 0): {GET, PUT, PRUNE, VERIFY},
    (Op.STAT, b"", 0): {GET, PUT, PRUNE, VERIFY},
    (Op.SCRUB, bytes(8), 3): {PRUNE, VERIFY},
    (Op.RECLAIM, bytes(8), 0): {PRUNE},
    (Op.RECLAIM, bytes(8), 1): {PRUNE},
    (Op.KEYS, b"", 0): {GET, PUT, PRUNE, VERIFY},
    (Op.KEYS, b"x", 1): {PRUNE},
    (Op.KEYS, b"", 2): {PRUNE},
    (Op.ALIVE, b"", 0): {GET, PUT, PRUNE, VERIFY, INIT},
}


@pytest.mark.parametrize("capability", list(Capability))
def test_capability_may_do_what_the_table_says(
    tmp_path: Path, capability: Capability
) -> None:
    found(tmp_path)
    with Client(tmp_path, capability) as client:
        client.hello()
        for (op, body, flags), who in TABLE.items():
            answer = client.ask(op, body, 0, flags)
            denied = answer.status is Status.DENIED
            assert denied == (capability not in who), (op, answer)
        assert client.bye() == 0


def test_put_may_add_and_not_release(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = tree([b"one"])
    with Client(tmp_path, PUT) as client:
        record = next_commit(client.greet(), blobs[-1].id)
        client.put(blobs)
        assert client.commit(record).status is Status.OK
        head = after(record)
        release = next_commit(head, blobs[-1].id, ((1, 1),))
        assert client.commit(release).status is Status.DENIED
        removal = next_commit(head, blobs[-1].id, (), b"sealed")
        assert client.commit(removal).status is Status.DENIED
        assert client.stat().commits == 1


@pytest.mark.parametrize("asked", list(Capability))
@pytest.mark.parametrize("allowed", list(Capability))
def test_hello_gets_what_the_store_was_started_with(
    tmp_path: Path, asked: Capability, allowed: Capability
) -> None:
    ladder = [GET, PUT, PRUNE]
    may = asked is allowed or (
        asked in ladder and allowed in ladder and asked < allowed
    )
    found(tmp_path)
    with Client(tmp_path, asked, [allowed.name.lower()]) as client:
        assert (client.hello()[0] is Status.DENIED) == (not may)


def test_nothing_comes_before_hello(tmp_path: Path) -> None:
    found(tmp_path)
    with Client(tmp_path) as client:
        assert client.ask(Op.STAT).status is Status.BAD_REQUEST
        assert client.process.wait(timeout=30) == 1


def _talk(directory: Path, data: bytes) -> "tuple[int, bytes]":
    with Client(directory) as client:
        _, errors = client.process.communicate(data, timeout=30)
        return client.process.returncode, errors


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.sampled_from(list(Op)),
    st.binary(max_size=200),
    st.integers(0, 3),
    st.integers(0, 9),
    st.booleans(),
)
def test_strange_bytes_end_a_connection_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory,
    op: Op,
    body: bytes,
    flags: int,
    count: int,
    greeted: bool,
) -> None:
    directory = tmp_path_factory.getbasetemp() / "fuzzed"
    if not directory.exists():
        found(directory)
    hello = Hello(PRUNE, StagingToken(b"T" * 16)).encode()
    data = Header(Op.HELLO, 0, 0, 1, len(hello)).encode() + hello
    if not greeted:
        data = body
    data += Header(op, flags, count, 2, len(body)).encode() + body
    code, errors = _talk(directory, data)
    assert code in (0, 1)
    assert b"Traceback" not in errors and errors.count(b"\n") <= 1


def test_cut_request_makes_nothing_visible(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = tree([b"one"])
    with Client(tmp_path) as client:
        record = next_commit(client.greet(), blobs[-1].id).encode()
        client.put(blobs)
        head = Header(Op.COMMIT, 0, 0, 9, len(record)).encode()
        _, errors = client.process.communicate(head + record[:-1], timeout=30)
        assert client.process.returncode == 1
        assert b"Traceback" not in errors
    assert len(head) == HEADER_SIZE
    assert "commits: 0" in run("stat", tmp_path).stdout


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["version"], 0),
        (["stat", "/nonexistent"], 6),
        (["frobnicate"], 9),
        (["serve", "--allow", "everything", "."], 9),
    ],
)
def test_exit_codes_are_the_documented_ones(
    arguments: "list[str]", code: int
) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert done.stderr.count("\n") == (1 if code else 0)
