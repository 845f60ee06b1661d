# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Definitions, pins, slots, keys, tokens and locks survive and refuse."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from wyng_common.ids import ArchiveId, CommitHash
from wyng_dom0.errors import BadInput, DestinationBusy, NotFound, Refused
from wyng_dom0.state import (
    definitions,
    heads,
    locks,
    remembered,
    slots,
    staging,
)
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.heads import Head, Pin
from wyng_dom0.state.places import Places, find_config, find_places

ARCHIVE = ArchiveId(bytes(range(16)))
URL = "internal:/mnt/backup"
DEFINITION = ArchiveDefinition(
    name="laptop",
    archive=ARCHIVE,
    destination=URL,
    subdir="",
    source="/data/images",
    created=datetime(2026, 11, 23, 10, tzinfo=timezone(timedelta(hours=1))),
    number=1,
    suite="aes-256-gcm",
    hashtype="sha256",
    compression="zstd:3",
    chunk_factor=2,
    dedup_domain="archive",
)
HEAD = Head(7, CommitHash(bytes(32)))
NEXT = Head(8, CommitHash(b"\x01" * 32))


def test_places_follow_user_and_option() -> None:
    home = {"HOME": "/home/u"}
    assert find_places("/x", 0, {}).root == Path("/x")
    assert find_places(None, 0, home).root == Path("/var/lib/qvm-wyng")
    user = Path("/home/u/.local/state/qvm-wyng")
    assert find_places(None, 5, home).root == user
    assert find_places(None, 5, {**home, "XDG_STATE_HOME": "x"}).root == user
    given = find_places(None, 5, {"XDG_STATE_HOME": "/s"})
    assert given.root == Path("/s/qvm-wyng")
    assert find_config(5, home).name == "config.yaml"


@pytest.mark.parametrize("suite", ["aes-256-gcm", "off"])
def test_definition_comes_back_as_saved(places: Places, suite: str) -> None:
    saved = replace(DEFINITION, suite=suite)
    definitions.save_new(places, saved)
    assert definitions.load(places, "laptop") == saved
    assert places.definition("laptop").stat().st_mode & 0o777 == 0o600


def test_name_that_is_taken_is_refused(places: Places) -> None:
    definitions.save_new(places, DEFINITION)
    with pytest.raises(BadInput, match="already known"):
        definitions.save_new(places, replace(DEFINITION, number=2))


def test_first_made_is_the_default(places: Places) -> None:
    with pytest.raises(NotFound, match="arch-init"):
        definitions.load_default(places)
    definitions.save_new(places, DEFINITION)
    second = replace(DEFINITION, name="a", number=2)
    assert definitions.next_number(places) == 2
    definitions.save_new(places, second)
    assert definitions.load_default(places).name == "laptop"
    assert [d.name for d in definitions.list_definitions(places)] == [
        "laptop",
        "a",
    ]


def test_unknown_archive_is_named_with_the_known(places: Places) -> None:
    definitions.save_new(places, DEFINITION)
    with pytest.raises(NotFound, match="'x' is known here; known are laptop"):
        definitions.load(places, "x")
    assert definitions.remove(places, "laptop")
    assert definitions.list_names(places) == []


@pytest.mark.parametrize(
    "change, said",
    [
        ("colour: red\n", "unknown key 'colour'"),
        ("chunk-factor: 7\n", "7 under 'chunk-factor', not 1..6"),
        ("chunk-factor: true\n", "no number"),
        ("archive: abc\n", "16 bytes in hex"),
        ("suite: rot13\n", "must have one of"),
        ("created: '2026-01-01T00:00:00'\n", "without a zone"),
        ("created: 'x'\n", "no time"),
        ("destination: 5\n", "no short text"),
        ("format-version: 2\n", "of version 2"),
        ("[1, 2\n", "not YAML"),
        ("a: b: c\n", "not YAML"),
        ("1: 2\n", "which is no word"),
        ("!!python/object/apply:os.system ['true']\n", "not YAML"),
        ("#" * 70000, "over 65536"),
        ("[" * 3000, "not YAML"),
    ],
)
def test_damaged_definition_is_one_sentence(
    places: Places, change: str, said: str
) -> None:
    definitions.save_new(places, DEFINITION)
    path = places.definition("laptop")
    key = change.split(":")[0]
    kept = [
        line
        for line in path.read_text().splitlines()
        if not line.startswith(key + ":")
    ]
    path.write_text("\n".join(kept) + "\n" + change)
    with pytest.raises(BadInput) as caught:
        definitions.load(places, "laptop")
    assert said in str(caught.value)


def test_bare_off_in_yaml_is_the_suite_off(places: Places) -> None:
    definitions.save_new(places, DEFINITION)
    path = places.definition("laptop")
    path.write_text(path.read_text().replace("aes-256-gcm", "off"))
    assert definitions.load(places, "laptop").suite == "off"


def test_lacking_key_is_named(places: Places) -> None:
    definitions.save_new(places, DEFINITION)
    path = places.definition("laptop")
    path.write_text(path.read_text().replace("number: 1\n", ""))
    with pytest.raises(BadInput, match="lacks the key 'number'"):
        definitions.load(places, "laptop")


def test_pin_goes_from_pending_to_committed(places: Places) -> None:
    assert heads.read_pin(places, ARCHIVE, URL) == Pin()
    heads.accept_head(places, ARCHIVE, URL, HEAD)
    heads.write_pending(places, ARCHIVE, URL, NEXT)
    assert heads.read_pin(places, ARCHIVE, URL) == Pin(HEAD, NEXT)
    heads.promote(places, ARCHIVE, URL)
    assert heads.read_pin(places, ARCHIVE, URL) == Pin(NEXT, None)


def test_dropped_pending_leaves_the_committed(places: Places) -> None:
    heads.accept_head(places, ARCHIVE, URL, HEAD)
    heads.write_pending(places, ARCHIVE, URL, NEXT)
    heads.drop_pending(places, ARCHIVE, URL)
    assert heads.read_pin(places, ARCHIVE, URL) == Pin(HEAD, None)


def test_destinations_have_pins_of_their_own(places: Places) -> None:
    heads.accept_head(places, ARCHIVE, URL, HEAD)
    assert heads.read_pin(places, ARCHIVE, URL + "2") == Pin()
    assert heads.forget(places, ARCHIVE, URL)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 9000])
def test_damaged_pin_is_never_no_pin(places: Places, data: bytes) -> None:
    heads.accept_head(places, ARCHIVE, URL, HEAD)
    places.pin(ARCHIVE, URL).write_bytes(data)
    with pytest.raises(BadInput, match="damaged"):
        heads.read_pin(places, ARCHIVE, URL)


def test_any_flipped_bit_of_a_pin_is_seen_or_harmless(places: Places) -> None:
    heads.accept_head(places, ARCHIVE, URL, HEAD)
    path = places.pin(ARCHIVE, URL)
    good = path.read_bytes()
    for cut in range(len(good)):
        path.write_bytes(good[:cut])
        with pytest.raises(BadInput):
            heads.read_pin(places, ARCHIVE, URL)


def test_slots_come_back_by_number(places: Places) -> None:
    assert slots.read_slots(places, ARCHIVE) == {}
    slots.write_slot(places, ARCHIVE, 0, b"zero")
    slots.write_slot(places, ARCHIVE, 7, b"seven")
    assert slots.read_slots(places, ARCHIVE) == {0: b"zero", 7: b"seven"}
    assert slots.drop_slot(places, ARCHIVE, 0)
    assert not slots.drop_slot(places, ARCHIVE, 0)
    for number, data in ((8, b""), (-1, b""), (1, bytes(5000))):
        with pytest.raises(BadInput):
            slots.write_slot(places, ARCHIVE, number, data)


def test_remembered_key_comes_back_and_goes(places: Places) -> None:
    assert remembered.recall(places, ARCHIVE) is None
    assert not remembered.forget(places, ARCHIVE)
    remembered.remember(places, ARCHIVE, b"k" * 32)
    assert remembered.recall(places, ARCHIVE) == b"k" * 32
    assert remembered.forget(places, ARCHIVE)
    assert remembered.recall(places, ARCHIVE) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
def test_key_others_could_read_is_refused(places: Places, mode: int) -> None:
    remembered.remember(places, ARCHIVE, b"k" * 32)
    places.remembered(ARCHIVE).chmod(mode)
    with pytest.raises(Refused, match="by others"):
        remembered.recall(places, ARCHIVE)


def test_key_behind_a_link_is_refused(places: Places) -> None:
    remembered.remember(places, ARCHIVE, b"k" * 32)
    path = places.remembered(ARCHIVE)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    with pytest.raises(Refused):
        remembered.recall(places, ARCHIVE)


def test_key_of_another_owner_is_refused(places: Places) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a file away needs root")
    remembered.remember(places, ARCHIVE, b"k" * 32)
    os.chown(places.remembered(ARCHIVE), 12345, -1)
    with pytest.raises(Refused, match="another user"):
        remembered.recall(places, ARCHIVE)


def test_staging_token_stays_until_renewed(places: Places) -> None:
    token = staging.read_or_create(places, ARCHIVE)
    assert staging.read_or_create(places, ARCHIVE) == token
    assert staging.renew(places, ARCHIVE) != token
    places.staging(ARCHIVE).write_bytes(b"cut")
    assert len(staging.read_or_create(places, ARCHIVE)) == 16


HOLD = """
import sys
from pathlib import Path
from wyng_common.ids import ArchiveId
from wyng_dom0.state.locks import hold_archive
from wyng_dom0.state.places import Places
archive = ArchiveId(bytes(range(16)))
with hold_archive(Places(Path(sys.argv[1])), archive, "laptop", "send"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_holder_is_told_who_and_dead_ones_let_go(
    places: Places,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(places.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as other:
        assert other.stdout and other.stdout.readline() == b"held\n"
        with pytest.raises(
            DestinationBusy, match=rf"by send \(process {other.pid}\)"
        ):
            with locks.hold_archive(places, ARCHIVE, "laptop", "prune"):
                raise AssertionError("held twice")
        other.kill()
        other.wait()
        with locks.hold_archive(places, ARCHIVE, "laptop", "prune"):
            pass


def test_snapshot_that_another_run_dropped_is_not_dropped_again(
    places: Places, mocker: MockerFixture
) -> None:
    """Its lock was taken along, and who reads the place now has a new one."""
    real = locks._lock_now

    def late(fd: int, kind: int) -> bool:
        mocker.stopall()
        with locks.alone_with(places, "s") as alone:
            assert alone
        readers.append(locks.start_reading(places, "s"))
        return real(fd, kind)

    readers: "list[locks.Reading]" = []
    mocker.patch.object(locks, "_lock_now", late)
    with locks.alone_with(places, "s") as alone:
        assert readers and not alone
    with locks.alone_with(places, "s") as alone:
        assert not alone, "the reader's lock is still there"
    readers[0].release()
    with locks.alone_with(places, "s") as alone:
        assert alone


def test_volumes_have_locks_of_their_own(places: Places) -> None:
    with locks.hold_volume(places, "/a", "x", "send"):
        with locks.hold_volume(places, "/a", "y", "send"):
            pass
        with pytest.raises(DestinationBusy, match="volume 'x' is in use"):
            with locks.hold_volume(places, "/a", "x", "send", 0.1):
                raise AssertionError("held twice")
