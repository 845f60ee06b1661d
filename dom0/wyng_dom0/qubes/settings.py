# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What makes a qube itself besides its data, as typed and bounded fields.

Owns the record that a settings blob holds (doc/archive-format.md), and its
bounds. Whatever is parsed here was sealed by us, and may have been made by a
qube: features and notes are its own words. Asks nobody and sets nothing.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from wyng_dom0.archive.fields import Field, Record, make_record
from wyng_dom0.errors import IntegrityError

# No qube has so much; an archive that says so is not believed.
ENTRIES_MAX = 4096
TEXT_MAX = 65536
NOTES_MAX = 256000
_FRONTEND = re.compile(r"(?:^| )frontend_domain='[^']*'(?= |$)")


class Tag(IntEnum):
    """Field tags of the record."""

    QUBE = 1
    KLASS = 2
    LABEL = 3
    TEMPLATE = 4
    PROPERTY = 5
    FEATURE = 6
    QUBE_TAG = 7
    FIREWALL = 8
    DEVICE = 9
    NOTES = 10
    VOLUME = 11


class PartTag(IntEnum):
    """Field tags of the records in lists: their columns."""

    NAME = 1
    KIND = 2
    VALUE = 3
    SIZE = 4


@dataclass(frozen=True)
class Setting:
    """A property that is not default: `kind` as facade.Property has it."""

    name: str
    kind: str
    value: str


@dataclass(frozen=True)
class Device:
    """An assignment: BACKEND+PORT+ID, and its options as the API writes."""

    klass: str
    device: str
    options: str


def of_any_qube(options: str) -> str:
    """Options of an assignment without the name of the qube that has it.

    qubesd tells it among them (core-admin's device_protocol.py, serialize),
    and a restored qube may have another name.
    """
    return _FRONTEND.sub("", options).strip(" ")


def of_qube(options: str, qube: str) -> str:
    """The same for a qube: qubesd does not find out itself whose it is."""
    return f"{of_any_qube(options)} frontend_domain='{qube}'".strip(" ")


@dataclass(frozen=True)
class VolumePlace:
    """In which pool a volume was, and its size in bytes."""

    name: str
    pool: str
    size: int


@dataclass(frozen=True)
class QubeSettings:
    """One qube's settings; all lists in ascending order but the firewall."""

    qube: str
    klass: str
    label: str
    template: str = ""
    properties: tuple[Setting, ...] = ()
    features: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    firewall: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    notes: str = ""
    volumes: tuple[VolumePlace, ...] = ()
    others: tuple[Field, ...] = ()


def encode_settings(settings: QubeSettings) -> Record:
    """The settings as a record; the same settings give the same record."""
    known = [
        Field(Tag.QUBE, settings.qube),
        Field(Tag.KLASS, settings.klass),
        Field(Tag.LABEL, settings.label),
        Field(Tag.TEMPLATE, settings.template),
        *(
            Field(Tag.PROPERTY, _part(each.name, each.kind, each.value))
            for each in settings.properties
        ),
        *(
            Field(Tag.FEATURE, _part(name, "", value))
            for name, value in settings.features
        ),
        *(Field(Tag.QUBE_TAG, _part(each, "", "")) for each in settings.tags),
        *(
            Field(Tag.FIREWALL, _part("", "", rule))
            for rule in settings.firewall
        ),
        *(
            Field(Tag.DEVICE, _part(each.device, each.klass, each.options))
            for each in settings.devices
        ),
        Field(Tag.NOTES, settings.notes),
        *(Field(Tag.VOLUME, _place(each)) for each in settings.volumes),
    ]
    return make_record(known, settings.others)


def parse_settings(record: Record) -> QubeSettings:
    """Settings from their record; raises IntegrityError."""
    return QubeSettings(
        qube=_text(record, Tag.QUBE),
        klass=_text(record, Tag.KLASS),
        label=_text(record, Tag.LABEL),
        template=_text(record, Tag.TEMPLATE),
        properties=tuple(
            Setting(*each) for each in _parts(record, Tag.PROPERTY)
        ),
        features=tuple(
            (name, value) for name, _, value in _parts(record, Tag.FEATURE)
        ),
        tags=tuple(name for name, _, _ in _parts(record, Tag.QUBE_TAG)),
        firewall=tuple(rule for _, _, rule in _parts(record, Tag.FIREWALL)),
        devices=tuple(
            Device(kind, name, value)
            for name, kind, value in _parts(record, Tag.DEVICE)
        ),
        notes=_text(record, Tag.NOTES, NOTES_MAX),
        volumes=tuple(map(_parse_place, _records(record, Tag.VOLUME))),
        others=record.without(Tag),
    )


def _part(name: str, kind: str, value: str) -> Record:
    return make_record(
        [
            Field(PartTag.NAME, name),
            Field(PartTag.KIND, kind),
            Field(PartTag.VALUE, value),
        ],
        (),
    )


def _place(volume: VolumePlace) -> Record:
    return make_record(
        [
            Field(PartTag.NAME, volume.name),
            Field(PartTag.VALUE, volume.pool),
            Field(PartTag.SIZE, volume.size),
        ],
        (),
    )


def _parse_place(record: Record) -> VolumePlace:
    size = record.integer(PartTag.SIZE)
    if size < 0:
        raise IntegrityError("a qube's volume has a size below zero")
    name = _text(record, PartTag.NAME)
    return VolumePlace(name, _text(record, PartTag.VALUE), size)


def _parts(record: Record, tag: int) -> list[tuple[str, str, str]]:
    return [
        (
            _text(each, PartTag.NAME),
            _text(each, PartTag.KIND),
            _text(each, PartTag.VALUE),
        )
        for each in _records(record, tag)
    ]


def _records(record: Record, tag: int) -> list[Record]:
    found = record.records(tag)
    if len(found) > ENTRIES_MAX:
        raise IntegrityError("a qube's settings have too many entries")
    return found


def _text(record: Record, tag: int, most: int = TEXT_MAX) -> str:
    text = record.text(tag, "")
    if len(text) > most:
        raise IntegrityError("a qube's settings have a text that is too long")
    return text
