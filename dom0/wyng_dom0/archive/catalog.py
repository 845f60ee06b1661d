# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalog: which page each volume has, and the archive's settings."""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Dict, Optional, Tuple

from wyng_common import limits
from wyng_common.errors import FormatError
from wyng_common.ids import BlobId
from wyng_dom0.archive.fields import Field, Record, make_record
from wyng_dom0.archive.page import VolumeId
from wyng_dom0.errors import IntegrityError


class Tag(IntEnum):
    """Field tags of a catalog's record."""

    SETTINGS = 1
    VOLUME = 2


class VolumeTag(IntEnum):
    """Field tags of a volume's record in a catalog."""

    ID = 1
    PAGE = 2


class SettingsTag(IntEnum):
    """Field tags of the archive's settings."""

    CHUNK_FACTOR = 1
    COMPRESSION = 2
    DEDUP_DOMAIN = 3
    CREATED_NS = 4


class DedupDomain(IntEnum):
    """What shares chunks: volumes of one qube, or the whole archive."""

    QUBE = 1
    ARCHIVE = 2


@dataclass(frozen=True)
class ArchiveSettings:
    """What arch-init fixed for ever, but for the compression's level."""

    chunk_factor: int
    compression: str
    dedup_domain: DedupDomain
    created_ns: int
    others: Tuple[Field, ...] = ()

    @property
    def chunk_size(self) -> int:
        """Bytes of a chunk."""
        return limits.CHUNK_SIZE_MIN << (self.chunk_factor - 1)


@dataclass(frozen=True)
class Catalog:
    """The root of an archive's state at one commit."""

    settings: ArchiveSettings
    pages: Dict[VolumeId, BlobId]
    others: Tuple[Field, ...] = ()
    # Fields that we don't know, of each volume that has some.
    volume_others: Dict[VolumeId, Tuple[Field, ...]] = field(
        default_factory=dict
    )

    def with_page(self, volume: VolumeId, page: Optional[BlobId]) -> "Catalog":
        """The catalog with another page of a volume, or without the volume."""
        pages = {key: id for key, id in self.pages.items() if key != volume}
        if page is not None:
            pages[volume] = page
        return replace(self, pages=pages)


def encode_catalog(catalog: Catalog) -> Record:
    """The catalog as a record."""
    settings = catalog.settings
    made = make_record(
        (
            Field(SettingsTag.CHUNK_FACTOR, settings.chunk_factor),
            Field(SettingsTag.COMPRESSION, settings.compression),
            Field(SettingsTag.DEDUP_DOMAIN, int(settings.dedup_domain)),
            Field(SettingsTag.CREATED_NS, settings.created_ns),
        ),
        settings.others,
    )
    volumes = [
        Field(Tag.VOLUME, _volume(catalog, volume, page))
        for volume, page in sorted(catalog.pages.items())
    ]
    return make_record([Field(Tag.SETTINGS, made), *volumes], catalog.others)


def parse_catalog(record: Record) -> Catalog:
    """A catalog from its record; raises IntegrityError."""
    pages: Dict[VolumeId, BlobId] = {}
    others: Dict[VolumeId, Tuple[Field, ...]] = {}
    for each in record.records(Tag.VOLUME):
        page = each.child(VolumeTag.PAGE)
        if page is None:
            raise IntegrityError("a volume in the catalog has no page")
        volume = _volume_id(each.octets(VolumeTag.ID))
        pages[volume] = page
        if each.without(VolumeTag):
            others[volume] = each.without(VolumeTag)
    if len(pages) > limits.VOLUMES_MAX:
        raise IntegrityError("the catalog lists too many volumes")
    settings = record.records(Tag.SETTINGS)
    if len(settings) != 1:
        raise IntegrityError("the catalog has no settings")
    return Catalog(
        _parse_settings(settings[0]), pages, record.without(Tag), others
    )


def _volume(catalog: Catalog, volume: VolumeId, page: BlobId) -> Record:
    known = (Field(VolumeTag.ID, bytes(volume)), Field(VolumeTag.PAGE, page))
    return make_record(known, catalog.volume_others.get(volume, ()))


def _volume_id(value: bytes) -> VolumeId:
    try:
        return VolumeId(value)
    except FormatError:
        raise IntegrityError("a volume's id is malformed") from None


def _parse_settings(record: Record) -> ArchiveSettings:
    factor = record.integer(SettingsTag.CHUNK_FACTOR)
    if not limits.CHUNK_FACTOR_MIN <= factor <= limits.CHUNK_FACTOR_MAX:
        raise IntegrityError(f"the archive's chunk factor is {factor}")
    try:
        domain = DedupDomain(record.integer(SettingsTag.DEDUP_DOMAIN))
    except ValueError:
        raise IntegrityError("the archive's dedup domain is unknown") from None
    return ArchiveSettings(
        factor,
        record.text(SettingsTag.COMPRESSION),
        domain,
        record.integer(SettingsTag.CREATED_NS),
        record.without(SettingsTag),
    )
