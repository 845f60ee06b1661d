# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A qube's settings: the same when nobody changed them, bounded when read."""

from dataclasses import replace
from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qubesadmin_stand_in.qubes_system import QubesSystem
from wyng_dom0.archive.fields import (
    Field,
    Record,
    encode_record,
    make_record,
    parse_record,
)
from wyng_dom0.errors import IntegrityError
from wyng_dom0.qubes.admin import open_admin
from wyng_dom0.qubes.capture import Capturer
from wyng_dom0.qubes.settings import (
    ENTRIES_MAX,
    TEXT_MAX,
    Device,
    QubeSettings,
    Setting,
    Tag,
    VolumePlace,
    encode_settings,
    parse_settings,
)

FULL = QubeSettings(
    qube="work",
    klass="AppVM",
    label="blue",
    template="fedora",
    properties=(Setting("memory", "int", "777"), Setting("netvm", "vm", "")),
    features=(("menu-items", "a b"), ("service.cups", "1")),
    tags=("client",),
    firewall=("action=accept dst4=1.2.3.4/32", "action=drop"),
    devices=(Device("block", "sys-usb+sda+x", "mode='manual'"),),
    notes="mine\nand more",
    volumes=(VolumePlace("private", "vm-pool", 1 << 31),),
)
# Of FULL, byte by byte: children none.
VECTOR = "00010200000004776f726b"


def round_trip(record: Record) -> Record:
    return parse_record(*encode_record(record))


def test_settings_come_back_as_they_were() -> None:
    assert parse_settings(round_trip(encode_settings(FULL))) == FULL


def test_record_begins_as_the_format_says() -> None:
    _, plaintext = encode_record(encode_settings(FULL))
    assert plaintext.hex().startswith(VECTOR)


def test_fields_of_somebody_newer_are_kept() -> None:
    record = make_record([*encode_settings(FULL).fields, Field(99, "new")], ())
    parsed = parse_settings(round_trip(record))
    assert parsed.others == (Field(99, "new"),)
    assert encode_settings(parsed) == record


@given(st.binary(max_size=200))
def test_whatever_bytes_are_no_settings_or_are_bounded(data: bytes) -> None:
    try:
        parse_settings(parse_record([], data))
    except IntegrityError:
        return


@pytest.mark.parametrize(
    "fields",
    [
        [Field(Tag.NOTES, "n" * (TEXT_MAX * 5))],
        [Field(Tag.KLASS, "k" * (TEXT_MAX + 1))],
        [Field(Tag.QUBE_TAG, Record())] * (ENTRIES_MAX + 1),
        [Field(Tag.VOLUME, make_record([Field(4, -1)], ()))],
        [Field(Tag.VOLUME, Record())],
        [Field(Tag.FEATURE, "text")],
        [Field(Tag.QUBE, 1)],
    ],
)
def test_absurd_settings_are_refused(fields: List[Field]) -> None:
    with pytest.raises(IntegrityError):
        parse_settings(Record(tuple(fields)))


@pytest.fixture
def captured(system: QubesSystem) -> Tuple[QubesSystem, Capturer]:
    system.add("work", netvm="", memory=777, backup_timestamp=1_700_000_000)
    system.change(
        "work",
        features={"service.cups": "1", "wyng.last.a": "20260101-000000"},
        tags=["client", "backup-restore-in-progress"],
        notes="mine",
    )
    return system, Capturer(open_admin())


def capture(capturer: Capturer) -> QubeSettings:
    volume = open_admin().volume("work", "private")
    return capturer.settings("work", "AppVM", [volume])


def test_what_is_default_or_ours_is_left_out(
    captured: Tuple[QubesSystem, Capturer],
) -> None:
    found = capture(captured[1])
    assert [each.name for each in found.properties] == ["memory", "netvm"]
    assert found.features == (("service.cups", "1"),)
    assert found.tags == ("client",)
    assert (found.label, found.template) == ("blue", "fedora")
    assert found.volumes == (VolumePlace("private", "vm-pool", 1 << 20),)


def test_what_a_backup_notes_does_not_change_settings(
    captured: Tuple[QubesSystem, Capturer],
) -> None:
    system, capturer = captured
    before = encode_settings(capture(capturer))
    admin = open_admin()
    admin.set_property("work", "backup_timestamp", "1800000000")
    admin.set_feature("work", "wyng.last.b", "20270101-000000")
    system.change("work", tags=["client"])
    system.start("work")
    assert encode_settings(capture(capturer)) == before


def test_settings_cost_few_calls(
    captured: Tuple[QubesSystem, Capturer],
) -> None:
    system, capturer = captured
    many = {f"service.s{n}": "1" for n in range(12)}
    system.change("work", features=many)
    capture(capturer)
    system.forget_calls()
    capture(capturer)
    assert len(system.calls()) <= 30


def test_settings_differ_when_anything_does(
    captured: Tuple[QubesSystem, Capturer],
) -> None:
    system, capturer = captured
    before = capture(capturer)
    system.change("work", firewall=["action=drop"])
    assert capture(capturer) == replace(before, firewall=("action=drop",))
