# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`arch-init --from`: remember an archive that is there already.

Its terms come out of a key slot that opened, its settings from under its
seal; `--local` says where its volumes are here, `--dest` where it will be
reached if not at the URL it was read from. The archive itself is not written.
"""

from wyng_common.messages import Capability
from wyng_dom0.commands.access import (
    HASHTYPES,
    SUITES,
    found_archive,
    open_chosen,
    reach_of,
    reached,
)
from wyng_dom0.commands.arch_names import DOMAINS, key_of, source_of
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.credentials import read_sheet
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.head_code import head_code
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.seeing import note_seen_archive
from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote
from wyng_dom0.state import definitions, heads, remembered
from wyng_dom0.state import slots as kept_slots
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.transport.destination import Destination, parse_destination

# What the archive itself says and no import can change.
_FIXED = ("chunk_factor", "compression", "dedup_domain", "encrypt", "hashtype")


def run(context: Context, name: str, url: str) -> None:
    """Remember the archive at `url` as `name`; BadInput if that is taken."""
    options = context.options
    for key in _FIXED:
        if getattr(options, key) is not None:
            raise BadInput(
                f"--{key.replace('_', '-')} is what the archive says: leave it"
                " out with --from"
            )
    if name in definitions.list_names(context.places):
        raise BadInput(
            f"an archive named {quote(name)} is known already; choose another"
            " name with --archive",
            about=name,
        )
    source = source_of(context, options.local)
    chosen = found_archive(context, url)
    destination = chosen.access.destination
    if options.dest is not None:
        destination = reached(
            parse_destination(options.dest, options.subdir or ""),
            reach_of(options),
        )
    with open_chosen(context, chosen, Capability.GET) as archive:
        definition = _definition(context, name, archive, destination, source)
        _keep(context, archive, definition, destination)
        _report(context, archive, definition)


def _definition(
    context: Context,
    name: str,
    archive: OpenArchive,
    destination: Destination,
    source: str,
) -> ArchiveDefinition:
    settings, terms = archive.catalog.settings, archive.access.keys.terms
    moved = destination.url != archive.access.destination.url
    return ArchiveDefinition(
        name=name,
        archive=terms.archive,
        destination=destination.url,
        subdir="",
        source=source,
        created=context.now,
        number=definitions.next_number(context.places),
        suite=key_of(SUITES, terms.suite),
        hashtype=key_of(HASHTYPES, terms.hash_type),
        compression=settings.compression,
        chunk_factor=settings.chunk_factor,
        dedup_domain=key_of(DOMAINS, settings.dedup_domain),
        format_version=terms.version,
        mount_depth=0 if moved else archive.store.stat().mount_depth,
        bootstrap=context.options.bootstrap,
    )


def _keep(
    context: Context,
    archive: OpenArchive,
    definition: ArchiveDefinition,
    destination: Destination,
) -> None:
    """Slots first and the definition last: with it the archive is known."""
    places, keys = context.places, archive.access.keys
    sheet = read_sheet(context.options.slots_from)
    for number, untrusted_slot in dict(
        sheet or archive.store.key_slots()
    ).items():
        kept_slots.write_slot(
            places, definition.archive, number, untrusted_slot
        )
    if context.options.remember and keys.master is not None:
        remembered.remember(places, definition.archive, keys.master)
    if destination.url == archive.access.destination.url:
        heads.accept_head(
            places, definition.archive, destination.url, archive.end.tip
        )
    definitions.save_new(places, definition)
    note_seen_archive(archive, context.now, places, destination.url)


def _report(
    context: Context, archive: OpenArchive, definition: ArchiveDefinition
) -> None:
    code = head_code(archive.end.tip)
    context.report(
        Said(
            "arch-init",
            f"The archive at {definition.destination} is known as"
            f" {quote(definition.name)} now.\nHead code: {code}",
            {
                "archive": definition.name,
                "id": definition.archive.hex(),
                "destination": definition.destination,
                "head_code": code,
            },
        )
    )
