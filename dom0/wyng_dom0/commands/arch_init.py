# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`arch-init`: make an archive at a destination and remember it here."""

from dataclasses import replace

from wyng_dom0.archive.catalog import ArchiveSettings
from wyng_dom0.commands import arch_import
from wyng_dom0.commands.access import HASHTYPES, SUITES, reach_of, reached
from wyng_dom0.commands.arch_hints import advise_chunk_factor
from wyng_dom0.commands.arch_names import DOMAINS, key_of, source_of
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.create import (
    NewArchive,
    affordable_cost,
    check_free,
    create_archive,
    forget_unfinished,
    new_keys,
)
from wyng_dom0.engine.head_code import head_code
from wyng_dom0.engine.opened import Access
from wyng_dom0.errors import BadInput
from wyng_dom0.events import Warning_
from wyng_dom0.names import check_archive_name, quote
from wyng_dom0.seal.compression import parse_compression
from wyng_dom0.seal.keys import Suite
from wyng_dom0.sources.choose import has_qubes
from wyng_dom0.sources.qubes import KEY
from wyng_dom0.state import definitions, heads, remembered
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.seen_volumes import Seen, note_seen
from wyng_dom0.transport.destination import (
    UNTRUSTED,
    Destination,
    parse_destination,
)

DEFAULT_NAME = "default"
DEFAULT_COMPRESSION = "zstd:3"
DEFAULT_CHUNK_FACTOR = 2


def run(context: Context) -> None:
    """Make the archive; report its head code."""
    options = context.options
    name = check_archive_name(options.archive or DEFAULT_NAME)
    if options.from_ is not None:
        arch_import.run(context, name, options.from_)
        return
    if options.slots_from is not None:
        raise BadInput("--slots-from goes with --from")
    if options.dest is None:
        raise BadInput("arch-init needs --dest, where the archive shall be")
    destination = reached(
        parse_destination(options.dest, options.subdir or ""),
        reach_of(options),
    )
    _check_sealed(options, destination)
    unfinished = _unfinished(context, name, destination)
    source = source_of(context, _local(options))
    settings = _settings(context, source)
    advise_chunk_factor(context, source, settings.chunk_factor)
    check_free(destination, parse_destination(options.dest))
    wanted = _wanted(context, settings, destination)
    keys = new_keys(wanted)
    access = Access(destination, keys, context.places)
    definition = _definition(context, name, wanted, access, source)
    if unfinished is not None:
        forget_unfinished(context.places, unfinished.archive)
        definitions.remove(context.places, name)
    head = create_archive(
        access,
        wanted,
        context.now,
        lambda depth: _keep(context, access, definition, depth),
        lambda text: context.listener(Warning_(text)),
    )
    empty = Seen(head.sequence, context.now, ())
    note_seen(context.places, definition.archive, destination.url, empty)
    _report(context, definition, head_code(head))


def _check_sealed(options: Options, destination: Destination) -> None:
    """A store that is not trusted must not be: its archive is sealed."""
    if options.encrypt == "off" and destination.scheme in UNTRUSTED:
        raise BadInput(
            "--encrypt=off trusts the place where the archive lies, which a"
            f" destination {destination.scheme}:// must not be"
        )


def _keep(
    context: Context,
    access: Access,
    definition: ArchiveDefinition,
    mount_depth: int,
) -> None:
    keys = access.keys
    if context.options.remember and keys.master is not None:
        remembered.remember(context.places, keys.terms.archive, keys.master)
    definitions.save_new(
        context.places, replace(definition, mount_depth=mount_depth)
    )


def _unfinished(
    context: Context, name: str, destination: Destination
) -> ArchiveDefinition | None:
    """What an arch-init of that name and place left that was cut off.

    None when the name is free; raises BadInput when an archive has it.
    """
    if name not in definitions.list_names(context.places):
        return None
    known = definitions.load(context.places, name)
    seen = heads.read_pin(context.places, known.archive, destination.url)
    if known.destination == destination.url and seen == heads.Pin():
        return known
    raise BadInput(
        f"an archive named {quote(name)} is known already; choose another"
        " name with --archive",
        about=name,
    )


def _wanted(
    context: Context, settings: ArchiveSettings, destination: Destination
) -> NewArchive:
    options = context.options
    suite = SUITES[options.encrypt or "aes-256-gcm"]
    passphrase = None
    if suite is not Suite.OFF:
        passphrase = context.prompts.new_passphrase(
            f"the archive at {destination.url}"
        )
    return NewArchive(
        suite,
        HASHTYPES[options.hashtype or "sha256"],
        settings,
        passphrase,
        affordable_cost(),
        upload_slot=not options.no_slot_upload,
    )


def _local(options: Options) -> str | None:
    """Qubes are the source where there are any and nothing else is named."""
    return KEY if options.local is None and has_qubes() else options.local


def _settings(context: Context, source: str) -> ArchiveSettings:
    options = context.options
    # One qube shall not learn from a store's growth what another one has.
    own = "qube" if source == KEY else "archive"
    compression = parse_compression(options.compression or DEFAULT_COMPRESSION)
    return ArchiveSettings(
        options.chunk_factor or DEFAULT_CHUNK_FACTOR,
        str(compression),
        DOMAINS[options.dedup_domain or own],
        int(context.now.timestamp() * 10**9),
    )


def _definition(
    context: Context,
    name: str,
    wanted: NewArchive,
    access: Access,
    source: str,
) -> ArchiveDefinition:
    settings = wanted.settings
    return ArchiveDefinition(
        name=name,
        archive=access.keys.terms.archive,
        destination=access.destination.url,
        subdir="",
        source=source,
        created=context.now,
        number=definitions.next_number(context.places),
        suite=key_of(SUITES, wanted.suite),
        hashtype=key_of(HASHTYPES, wanted.hash_type),
        compression=settings.compression,
        chunk_factor=settings.chunk_factor,
        dedup_domain=key_of(DOMAINS, settings.dedup_domain),
        bootstrap=access.destination.reach.bootstrap,
    )


def _report(context: Context, definition: ArchiveDefinition, code: str) -> None:
    options: Options = context.options
    sealed = definition.suite != "off"
    lines = [
        f"Archive {quote(definition.name)} is ready at"
        f" {definition.destination}."
    ]
    if sealed:
        lines.append(
            "Without its passphrase nobody can restore from it, you included:"
            " keep it outside of this machine."
        )
    if options.no_slot_upload:
        lines.append(
            "Its key slot is only on this machine: keep a copy of"
            f" {definition.archive.hex()}'s slot file too."
        )
    lines.append(f"Head code: {code}")
    values: dict[str, object] = {
        "archive": definition.name,
        "id": definition.archive.hex(),
        "destination": definition.destination,
        "head_code": code,
    }
    context.report(Said("arch-init", "\n".join(lines), values))
