# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Volumes of an archive: adding, renaming, deleting."""

from dataclasses import replace
from typing import Mapping, Sequence

from wyng_common.messages import Capability
from wyng_dom0.archive.catalog import DedupDomain
from wyng_dom0.archive.page import Page, VolumeId
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.publish import (
    Changes,
    Intent,
    publish,
    removal_of_volume,
)
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.names import check_volume_name, quote
from wyng_dom0.seal.keys import DomainId
from wyng_dom0.state.heads import Head

# One domain for all volumes of an archive with --dedup-domain=archive.
ARCHIVE_DOMAIN = DomainId(b"wyng-domain-arch")
# One for the root volumes of all templates with --dedup-domain=qube.
TEMPLATE_DOMAIN = DomainId(b"wyng-domain-tmpl")


def find_or_make_page(
    archive: OpenArchive, name: str, shared: bool = False
) -> Page:
    """The volume's page, or a fresh one that nothing refers to yet.

    `shared` is of a new one: its data is a template's, which no qube learns
    anything from.
    """
    try:
        return archive.page_named(name)
    except NotFound:
        return _new_page(archive, name, shared)


def _new_page(archive: OpenArchive, name: str, shared: bool = False) -> Page:
    domain = TEMPLATE_DOMAIN if shared else DomainId.random()
    if archive.catalog.settings.dedup_domain is DedupDomain.ARCHIVE:
        domain = ARCHIVE_DOMAIN
    return Page(
        volume=VolumeId.random(), name=check_volume_name(name), domain=domain
    )


def add_volumes(
    archive: OpenArchive,
    names: Sequence[str],
    capability: Capability,
    now_ns: int,
    description: str = "",
) -> Head:
    """Add volumes without any session; raises BadInput for a known name."""
    pages = []
    for name in dict.fromkeys(names):
        _check_free(archive, name)
        page = _new_page(archive, name)
        pages.append(replace(page, description=description))
    changes = {page.volume: page for page in pages}
    return publish(archive, Intent(dict(changes)), capability, now_ns)


def rename_volumes(
    archive: OpenArchive,
    renames: Mapping[str, str],
    capability: Capability,
    now_ns: int,
) -> Head:
    """Give volumes other names in the archive, all at once; sessions stay.

    From old to new names. Raises NotFound, and BadInput for a name in use.
    """
    changes: Changes = {}
    for old, new in renames.items():
        page = archive.page_named(old)
        _check_free(archive, new)
        changes[page.volume] = replace(page, name=check_volume_name(new))
    return publish(archive, Intent(changes), capability, now_ns)


def delete_volume(archive: OpenArchive, volume: VolumeId, now_ns: int) -> Head:
    """Take a volume with all its sessions out, even if its page is lost."""
    intent = Intent({volume: None}, (removal_of_volume(volume),))
    return publish(archive, intent, Capability.PRUNE, now_ns)


def _check_free(archive: OpenArchive, name: str) -> None:
    if any(page.name == name for page in archive.pages.values()):
        raise BadInput(
            f"the archive has a volume {quote(name)} already", about=name
        )
