# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which archive a command means, and its key.

Either one this machine knows (`--archive`, or the default one), or one named
by its URL (`--from`), of which nothing is kept here.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace

from wyng_common.messages import Capability
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.credentials import (
    ask_credential,
    known_keys,
    read_sheet,
)
from wyng_dom0.commands.overdue import warn_overdue
from wyng_dom0.engine.guard import DATA_PERCENT, METADATA_PERCENT, Bounds
from wyng_dom0.engine.noting import note_room
from wyng_dom0.engine.opened import Access, OpenArchive, open_archive
from wyng_dom0.engine.seeing import note_seen_archive
from wyng_dom0.engine.unlock import unlock_found
from wyng_dom0.errors import BadInput, DestinationError, Refused
from wyng_dom0.events import Warning_
from wyng_dom0.files.entry import Bounds as FileBounds
from wyng_dom0.names import quote
from wyng_dom0.seal.keys import HashType, Suite, Terms
from wyng_dom0.sources.choose import choose_source
from wyng_dom0.sources.dom0 import Wish
from wyng_dom0.sources.source import Source
from wyng_dom0.state import definitions, heads, locks
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.transport.destination import (
    SSH,
    Destination,
    parse_destination,
)
from wyng_dom0.transport.reach import (
    Reach,
    parse_hours,
    parse_rate,
    parse_seconds,
)

# What must answer at once does not ask for more than it shows.
_LOOKS_ONLY = ("list",)
SUITES = {"aes-256-gcm": Suite.AES_256_GCM, "off": Suite.OFF}
HASHTYPES = {"sha256": HashType.SHA256, "blake2b": HashType.BLAKE2B}


@dataclass(frozen=True)
class Chosen:
    """The archive a command works on.

    `definition` is None for one that was named by its URL; `name` is what
    reports and questions call it.
    """

    name: str
    access: Access
    definition: ArchiveDefinition | None
    context: Context

    def source(self, override: str | None) -> Source:
        """Where its volumes live: `--local`, else as arch-init was told."""
        return _source(self.context, override, self.definition)


def known_source(context: Context) -> Source:
    """The source that the options mean, where no archive is needed."""
    local = context.options.local
    return _source(context, local, None if local else known_definition(context))


def _source(
    context: Context, override: str | None, definition: ArchiveDefinition | None
) -> Source:
    known = definition.source if definition else ""
    if not (override or known):
        raise BadInput("no source of volumes is known: name one with --local")
    return choose_source(
        override or known,
        context.places,
        context.listener,
        context.options.state or "auto",
        wish_of(context.options),
    )


def wish_of(options: Options) -> Wish:
    """What the options say of dom0's own files."""
    bounds = FileBounds()
    if options.files_limit is not None:
        size, files = options.files_limit
        bounds = FileBounds(files or bounds.files, size)
    return Wish(bounds, options.with_caches)


def bounds_of(options: Options) -> Bounds:
    """How full a pool may be for a snapshot to be taken."""
    given = (options.guard_data, options.guard_metadata)
    return Bounds(given[0] or DATA_PERCENT, given[1] or METADATA_PERCENT)


def terms_of(definition: ArchiveDefinition) -> Terms:
    """What this machine pinned for the archive."""
    return Terms(
        definition.archive,
        SUITES[definition.suite],
        HASHTYPES[definition.hashtype],
        definition.format_version,
    )


def destination_of(
    definition: ArchiveDefinition, options: Options
) -> Destination:
    """Where the archive lies, and how the options want it reached."""
    where = parse_destination(definition.destination, definition.subdir)
    reach = replace(
        reach_of(options),
        mount_depth=definition.mount_depth,
        bootstrap=definition.bootstrap or options.bootstrap,
    )
    return reached(where, reach)


def reach_of(options: Options) -> Reach:
    """What the options say of limits; raises BadInput."""
    reach = Reach(bootstrap=options.bootstrap)
    if options.timeout is not None:
        reach = replace(reach, silence=parse_seconds(options.timeout))
    if options.session_limit is not None:
        limit = parse_hours(options.session_limit)
        reach = replace(reach, session_limit=limit)
    if options.limit_rate is not None:
        reach = replace(reach, rate=parse_rate(options.limit_rate))
    return reach


def reached(destination: Destination, reach: Reach) -> Destination:
    """A destination to be reached so; raises BadInput."""
    if reach.bootstrap and destination.scheme != SSH:
        raise BadInput("--bootstrap goes with ssh:// destinations only")
    return replace(destination, reach=reach)


@contextmanager
def opened(
    context: Context,
    capability: Capability,
    or_else: Capability | None = None,
) -> Iterator[tuple[Chosen, OpenArchive]]:
    """The archive that the options mean, open with a capability, or with
    `or_else` where the destination does not grant that.

    One that writes holds this machine's lock of the archive meanwhile.
    """
    with held(context, capability) as chosen:
        with open_chosen(context, chosen, capability, or_else) as archive:
            yield chosen, archive


@contextmanager
def held(context: Context, capability: Capability) -> Iterator[Chosen]:
    """The archive that the options mean, unlocked but not yet open.

    For commands that open it several times; this machine's lock of it is
    held as `opened` says.
    """
    chosen = _choose(context)
    with _lock(context, chosen, capability):
        yield chosen


@contextmanager
def open_chosen(
    context: Context,
    chosen: Chosen,
    capability: Capability,
    or_else: Capability | None = None,
) -> Iterator[OpenArchive]:
    """Open an archive that is held; one opening at a time."""
    access = chosen.access
    reach = replace(access.destination.reach, held=context.hold.seconds)
    with open_archive(
        replace(access, destination=replace(access.destination, reach=reach)),
        capability,
        context.listener,
        context.options.force_allow_rollback,
        or_else,
        context.hold,
    ) as archive:
        yield archive
        _note_seen(context, archive)
        if context.options.command not in _LOOKS_ONLY:
            _note_space(context, archive)


def _note_seen(context: Context, archive: OpenArchive) -> None:
    """Keep what the archive has, for `overview`; a full disk here does not
    make what was asked for fail."""
    try:
        note_seen_archive(archive, context.now)
    except OSError as error:
        text = f"what the archive has can't be noted here: {error.strerror}"
        context.listener(Warning_(text))


def _note_space(context: Context, archive: OpenArchive) -> None:
    """Keep what the store says of its room, for `status`."""
    if archive.access.places is None:
        return
    try:
        told = archive.store.stat()
    except DestinationError:
        # All that was asked for is done; room is only for people to look at.
        return
    try:
        note_room(archive, told, context.now)
    except OSError as error:
        text = f"the room there can't be noted here: {error.strerror}"
        context.listener(Warning_(text))


def _choose(context: Context) -> Chosen:
    options = context.options
    if options.force_allow_rollback:
        _confirm_rollback(context)
    if options.from_ is None:
        return _choose_known(context)
    if options.archive is not None:
        raise BadInput("--from and --archive contradict each other")
    if options.remember:
        raise BadInput("--remember goes with an archive that is known here")
    return found_archive(context, options.from_)


def _choose_known(context: Context) -> Chosen:
    definition = known_definition(context)
    warn_overdue(context, definition)
    terms = terms_of(definition)
    keys = known_keys(context, terms, definition.name)
    where = destination_of(definition, context.options)
    access = Access(where, keys, context.places)
    return Chosen(definition.name, access, definition, context)


def known_definition(context: Context) -> ArchiveDefinition:
    """The archive known here that the options mean; NotFound."""
    name = context.options.archive
    if name is None:
        return definitions.load_default(context.places)
    return definitions.load(context.places, name)


def found_archive(context: Context, url: str) -> Chosen:
    """The archive at a URL, unlocked; of one never seen nothing is kept."""
    destination = reached(
        parse_destination(url, context.options.subdir or ""),
        reach_of(context.options),
    )
    keys = unlock_found(
        destination,
        lambda: ask_credential(context, f"the archive at {destination.url}"),
        read_sheet(context.options.slots_from),
    )
    pin = heads.read_pin(context.places, keys.terms.archive, destination.url)
    # What was never seen here leaves no trace here.
    places = context.places if pin.committed is not None else None
    access = Access(destination, keys, places)
    return Chosen(destination.url, access, None, context)


def _confirm_rollback(context: Context) -> None:
    """An older copy is gone on from only by one who typed what it is."""
    if context.options.from_ is not None:
        return
    name = known_definition(context).name
    if context.options.unattended:
        raise Refused(
            "--force-allow-rollback wants the archive's name typed at a"
            " terminal, and --force does not stand for it"
        )
    context.prompts.type_name(
        f"Go on from what is at the place of {quote(name)} even if it is an"
        " older copy? What was made since is lost to it.",
        name,
    )


def _lock(
    context: Context, chosen: Chosen, capability: Capability
) -> AbstractContextManager[None]:
    if capability in (Capability.GET, Capability.VERIFY):
        return nullcontext()
    return locks.hold_archive(
        context.places,
        chosen.access.keys.terms.archive,
        chosen.name,
        context.options.command,
    )
