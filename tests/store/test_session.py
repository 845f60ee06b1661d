# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a connection may count on, over real pipes."""

from pathlib import Path

from store.client import (
    TOKEN,
    Client,
    after,
    chunk,
    found,
    next_commit,
    run,
    tree,
)
from wyng_common.ids import BlobId, StagingToken
from wyng_common.messages import Capability, Op, Status


def test_session_is_invisible_until_its_commit(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = tree([b"one", b"two"])
    with Client(tmp_path) as client:
        client.greet()
        client.put(blobs)
        client.sync()
        assert client.stat().live_blobs == 0
        client.kill()
    with Client(tmp_path, Capability.GET) as reader:
        assert reader.greet().sequence == 0
        assert reader.stat().live_blobs == 0


def test_commit_makes_all_of_a_session_live(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = tree([b"one", b"two"])
    with Client(tmp_path) as client:
        record = next_commit(client.greet(), blobs[-1].id)
        client.put(blobs)
        assert client.commit(record).status is Status.OK
        assert client.stat().live_blobs == len(blobs)
        assert client.bye() == 0
    with Client(tmp_path, Capability.GET) as reader:
        welcome = reader.greet()
        assert welcome == after(record)
        answers = reader.get([blob.id for blob in blobs])
        assert [answer.body for answer in answers] == [b.frame for b in blobs]


def test_commit_repeated_with_the_same_bytes_is_done(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = tree([b"one"])
    with Client(tmp_path) as client:
        record = next_commit(client.greet(), blobs[-1].id)
        client.put(blobs)
        assert client.commit(record).status is Status.OK
        assert client.commit(record).status is Status.OK
        assert client.stat().commits == 1
    assert run("check", tmp_path).returncode == 0


def test_commit_that_misses_a_blob_changes_nothing(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = tree([b"one", b"two"])
    with Client(tmp_path) as client:
        record = next_commit(client.greet(), blobs[-1].id)
        client.put(blobs[1:])
        answer = client.commit(record)
        assert answer.status is Status.MISSING
        assert (answer.count, answer.body) == (1, bytes(blobs[0].id))
        assert client.stat().commits == client.stat().live_blobs == 0
        client.put(blobs)
        assert client.commit(record).status is Status.OK


def test_commit_that_does_not_follow_the_head_conflicts(
    tmp_path: Path,
) -> None:
    found(tmp_path)
    one, two = tree([b"one"], b"a"), tree([b"two"], b"b")
    with Client(tmp_path) as client:
        welcome = client.greet()
        client.put([*one, *two])
        record = next_commit(welcome, one[-1].id)
        assert client.commit(record).status is Status.OK
        answer = client.commit(next_commit(welcome, two[-1].id))
        assert answer.status is Status.CONFLICT
        head = after(record)
        assert answer.body == head.sequence.to_bytes(8, "big") + head.head


def test_release_frees_only_what_nobody_else_holds(tmp_path: Path) -> None:
    found(tmp_path)
    one = tree([b"shared", b"old"], b"a")
    two = tree([b"shared", b"new"], b"b")
    with Client(tmp_path) as client:
        first = next_commit(client.greet(), one[-1].id)
        client.put(one)
        assert client.commit(first).status is Status.OK
        client.put(two)
        second = next_commit(after(first), two[-1].id, ((1, 1),))
        assert client.commit(second).status is Status.OK
        assert client.stat().live_blobs == len(two)
        statuses = [a.status for a in client.get([b.id for b in two])]
        assert statuses == [Status.OK] * len(two)
        gone = client.get([chunk(b"old").id])[0]
        assert gone.status is Status.NOT_FOUND
    assert run("check", "--digests", tmp_path).returncode == 0


def test_staged_blobs_answer_to_their_own_token_only(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = tree([b"one"])
    ids = [blob.id for blob in blobs]
    with Client(tmp_path) as client:
        client.greet()
        assert client.put(blobs) == (len(blobs), 0)
        assert client.have(ids) == [True] * len(ids)
        client.sync()
        assert client.put(blobs) == (0, len(blobs))
        client.bye()
    other = StagingToken(b"O" * 16)
    with Client(tmp_path, token=other) as client:
        record = next_commit(client.greet(), blobs[-1].id)
        assert client.have(ids) == [False] * len(ids)
        assert client.commit(record).status is Status.MISSING
        client.bye()
    with Client(tmp_path, token=TOKEN) as client:
        client.greet()
        assert client.have(ids) == [True] * len(ids)


def test_killed_put_is_resumed(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = tree([bytes([n]) * 100 for n in range(50)])
    ids = [blob.id for blob in blobs]
    with Client(tmp_path) as client:
        client.greet()
        client.put(blobs)
        client.kill()
    with Client(tmp_path) as client:
        record = next_commit(client.greet(), blobs[-1].id)
        assert client.have(ids) == [True] * len(ids)
        assert client.commit(record).status is Status.OK
    assert run("check", "--digests", tmp_path).returncode == 0


def test_second_writer_is_told_busy_and_a_reader_is_not(
    tmp_path: Path,
) -> None:
    found(tmp_path)
    blobs = tree([b"one"])
    with Client(tmp_path) as client:
        record = next_commit(client.greet(), blobs[-1].id)
        client.put(blobs)
        assert client.commit(record).status is Status.OK
        with Client(tmp_path) as second:
            assert second.hello()[0] is Status.BUSY
        with Client(tmp_path, Capability.GET) as reader:
            assert reader.greet().sequence == 1
            assert reader.get([blobs[0].id])[0].body == blobs[0].frame
            more = tree([b"two"], b"b")
            client.put(more)
            later = next_commit(after(record), more[-1].id, ((1, 1),))
            assert client.commit(later).status is Status.OK
            assert reader.get([more[0].id])[0].body == more[0].frame


def test_blob_nobody_put_is_not_found(tmp_path: Path) -> None:
    found(tmp_path)
    with Client(tmp_path, Capability.GET) as reader:
        reader.greet()
        answer = reader.get([BlobId(b"x" * 32)])[0]
        assert answer.status is Status.NOT_FOUND


def test_archive_is_founded_once(tmp_path: Path) -> None:
    blobs = tree([b"one"])
    with Client(tmp_path, Capability.INIT) as client:
        assert client.hello()[0] is Status.NO_ARCHIVE
        assert client.ask(Op.INIT, b"B" * 16).status is Status.OK
        assert client.ask(Op.KEYS, b"slot", 0, 1).status is Status.OK
        assert client.ask(Op.KEYS, b"else", 0, 1).status is Status.EXISTS
        client.put(blobs)
        with Client(tmp_path, Capability.INIT) as other:
            assert other.hello()[0] is Status.OK
            assert other.ask(Op.INIT, b"C" * 16).status is Status.BUSY
    with Client(tmp_path, Capability.INIT) as client:
        client.hello()
        assert client.ask(Op.INIT, b"D" * 16).status is Status.OK
        client.put(blobs)
        with_archive = Client(tmp_path, Capability.GET)
        with with_archive as reader:
            record = next_commit(reader.greet(), blobs[-1].id)
        assert client.commit(record).status is Status.OK
        client.bye()
    with Client(tmp_path, Capability.INIT) as client:
        client.hello()
        assert client.ask(Op.INIT, b"E" * 16).status is Status.EXISTS


def test_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    with Client(tmp_path, Capability.INIT) as client:
        assert client.hello()[0] is Status.NO_ARCHIVE
        assert client.ask(Op.INIT, b"B" * 16).status is Status.EXISTS
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_largest_frames_pass(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = [chunk(bytes([n]) * (2 << 20)) for n in range(5)]
    with Client(tmp_path) as client:
        client.greet()
        assert client.put(blobs) == (5, 0)
        client.sync()
        answers = client.get([blob.id for blob in blobs])
        assert [answer.body for answer in answers] == [b.frame for b in blobs]


def test_deleted_archive_leaves_room_for_another(tmp_path: Path) -> None:
    found(tmp_path)
    blobs = tree([b"one"])
    with Client(tmp_path) as client:
        record = next_commit(client.greet(), blobs[-1].id)
        client.put(blobs)
        assert client.commit(record).status is Status.OK
        head = after(record)
        wrong = client.ask(Op.DELETE, head.archive + bytes(32))
        assert wrong.status is Status.CONFLICT
        right = client.ask(Op.DELETE, head.archive + head.head)
        assert right.status is Status.OK
        assert client.bye() == 0
    assert not list(tmp_path.rglob("*.pack"))
    found(tmp_path)
