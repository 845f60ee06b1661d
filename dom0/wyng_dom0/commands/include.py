# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`include` and `exclude`: what sends without names take, from now on.

A whole qube is ticked in Qubes itself, which qvm-backup heeds too. All else
is a choice of one archive, kept here. Reaches no archive.
"""

from collections.abc import Sequence

from wyng_dom0.commands.archive_status import url_of
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.overdue import meant_archives
from wyng_dom0.commands.reports import Said
from wyng_dom0.commands.send_selection import WILD
from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.errors import Dom0Error, NotFound
from wyng_dom0.events import Warning_, ignore
from wyng_dom0.names import check_volume_name, quote
from wyng_dom0.qubes.facade import ADMIN_QUBE
from wyng_dom0.sources.choose import choose_source, has_qubes
from wyng_dom0.sources.qubes import BETWEEN, KEY, QubesSource
from wyng_dom0.sources.qubes_shown import set_included
from wyng_dom0.sources.source import Source
from wyng_dom0.state import choices
from wyng_dom0.state.choices import Choices
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.seen_volumes import read_seen


def run(context: Context) -> None:
    """Choose for the archive that is meant, and report what is chosen now."""
    names = [check_volume_name(each) for each in context.options.names]
    included = context.options.command == "include"
    definition = _archive(context)
    key = definition.source if definition else KEY
    source = _source(context, key)
    qubes = _whole_qubes(source, names)
    chosen = choices.NONE
    if definition is not None:
        on_qubes = isinstance(source, QubesSource)
        rest = [each for each in names if BETWEEN in each or not on_qubes]
        chosen = _choose(context, definition, source, qubes, rest)
    if isinstance(source, QubesSource):
        for qube in qubes:
            set_included(source, qube, included)
    _report(context, definition, names, chosen)


def _archive(context: Context) -> ArchiveDefinition | None:
    """None on Qubes before the first archive; NotFound elsewhere."""
    known = meant_archives(context)
    if known:
        return known[0]
    if has_qubes():
        return None
    raise NotFound("no archive is known here: make one with arch-init")


def _source(context: Context, key: str) -> Source | None:
    """None where it can't be read: a choice can be made all the same."""
    try:
        return choose_source(key, context.places, ignore) if key else None
    except (Dom0Error, OSError):
        if key == KEY:
            raise
        return None


def _whole_qubes(source: Source | None, names: Sequence[str]) -> list[str]:
    """The qubes that are meant as a whole; NotFound for what none is."""
    if not isinstance(source, QubesSource):
        return []
    known = [each.name for each in source.qubes()]
    known += [ADMIN_QUBE] * bool(source.own_names)
    found: dict[str, None] = {}
    for name in names:
        if BETWEEN in name:
            continue
        meant = [each for each in known if is_excluded(each, [name])]
        if not meant:
            raise NotFound(f"there is no qube {quote(name)}", about=name)
        found.update(dict.fromkeys(meant))
    return list(found)


def _choose(
    context: Context,
    definition: ArchiveDefinition,
    source: Source | None,
    qubes: Sequence[str],
    rest: Sequence[str],
) -> Choices:
    """Keep the choice. Qubes' tick says that a qube is left out; that it is
    taken has to be noted too, for the archive may not know it yet."""
    places, id = context.places, definition.archive
    known = choices.read_choices(places, id)
    dropped = [
        each
        for each in (*known.included, *known.excluded)
        if each.partition(BETWEEN)[0] in qubes
    ]
    strange = [
        each
        for each in rest
        if each not in known.excluded
        and not _is_there(context, definition, source, each)
    ]
    if context.options.command == "exclude":
        for name in strange:
            text = f"no volume is called {quote(name)} now; it is noted"
            context.listener(Warning_(text))
        return choices.choose(places, id, (), rest, dropped)
    if strange:
        # It would never be missed.
        raise NotFound(
            f"there is no volume {quote(strange[0])} to include",
            about=strange[0],
        )
    dropped += [each for each in rest if WILD.search(each)]
    fresh = source.expand(qubes) if source and qubes else []
    wanted = [*fresh, *(each for each in rest if not WILD.search(each))]
    return choices.choose(places, id, wanted, (), dropped)


def _is_there(
    context: Context,
    definition: ArchiveDefinition,
    source: Source | None,
    name: str,
) -> bool:
    """Has the source, or had the archive, a volume that is meant by it?"""
    if source is not None and not WILD.search(name) and source.exists(name):
        return True
    seen = read_seen(context.places, definition.archive, url_of(definition))
    names = [each.name for each in seen.volumes] if seen else []
    if source is not None and WILD.search(name):
        names += source.list_volumes()
    return any(is_excluded(each, [name]) for each in names)


def _report(
    context: Context,
    definition: ArchiveDefinition | None,
    names: Sequence[str],
    chosen: Choices,
) -> None:
    shown = ", ".join(map(quote, names))
    verb = "take" if context.options.command == "include" else "leave out"
    where = f" to {definition.name}" if definition else ""
    context.report(
        Said(
            context.options.command,
            f"Sends without names{where} {verb} {shown} from now on.",
            {
                "archive": definition.name if definition else "",
                "names": list(names),
                "included": list(chosen.included),
                "excluded": list(chosen.excluded),
            },
        )
    )
