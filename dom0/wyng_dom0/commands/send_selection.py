# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a send is about: which volumes, of which sources.

Names, patterns, --all and --volex; lists by --vols-from, whose aliases
rename volumes of the archive; and files that are imported.
"""

import fnmatch
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wyng_common.messages import Capability
from wyng_dom0.commands.access import Chosen, open_chosen
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.send_qubes import with_settings
from wyng_dom0.commands.vols_from import Listed, read_vols_from
from wyng_dom0.engine.kept import follow_rename
from wyng_dom0.engine.left_out import Plan
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.selection import is_excluded
from wyng_dom0.engine.send import Wanted
from wyng_dom0.engine.volumes import rename_volumes
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.events import Notice, VolumeSkipped, Warning_
from wyng_dom0.names import check_volume_name, quote
from wyng_dom0.sources.choose import choose_source
from wyng_dom0.sources.directory import DirectorySource
from wyng_dom0.sources.dom0 import HOME, Dom0Files
from wyng_dom0.sources.qubes import QubesSource, owner_of
from wyng_dom0.sources.qubes_shown import is_ticked
from wyng_dom0.sources.single import SingleFiles, parse_import
from wyng_dom0.sources.source import Located, Source
from wyng_dom0.state.choices import read_choices
from wyng_dom0.transport.destination import INTERNAL

# What makes a name a pattern.
WILD = re.compile(r"[*?[]")


@dataclass(frozen=True)
class Asked:
    """What the options name, checked for form; nothing is looked up yet.

    `imports` maps volumes to paths. `typed` are names or patterns.
    """

    typed: tuple[str, ...]
    listed: tuple[Listed, ...]
    imports: dict[str, str]

    @property
    def is_everything(self) -> bool:
        """Nothing is named: all that the archive, or the source, has."""
        return not (self.typed or self.listed or self.imports)

    @property
    def names(self) -> tuple[str, ...]:
        """All names that were given."""
        aliases = (each.alias for each in self.listed)
        return (*self.typed, *aliases, *self.imports)


def ask_of(options: Options) -> Asked:
    """What the options name; raises BadInput, or NotFound for an import."""
    typed = tuple(check_volume_name(name) for name in options.names)
    listed: tuple[Listed, ...] = ()
    if options.vols_from is not None:
        listed = read_vols_from(options.vols_from)
        if not all(each.source for each in listed):
            raise BadInput(
                f"{quote(options.vols_from)} lists volumes of no source: a"
                " send needs one"
            )
    imports: dict[str, str] = {}
    for text in options.import_other_from:
        name, path = parse_import(text)
        if name in imports:
            raise BadInput(f"two files are imported as {quote(name)}")
        imports[name] = path
    return Asked(typed, listed, imports)


def names_in(wanted: Wanted) -> list[str]:
    """All names, of whatever source."""
    return [name for _, names in wanted for name in names]


def select(
    context: Context, chosen: Chosen, archive: OpenArchive, asked: Asked
) -> Wanted:
    """Every source with the names to send of it, each name once."""
    wanted: list[tuple[Located, Sequence[str]]] = []
    if asked.listed:
        wanted += _of_list(context, asked.listed)
    elif asked.typed or context.options.all or not asked.imports:
        source = chosen.source(context.options.local)
        names = _expanded(archive, source, asked.typed)
        if context.options.all:
            names = [*source.list_volumes(), *names]
            _warn_of_overlooked(context, source)
        elif not names:
            names = _planned(context, archive, source)
        volex = context.options.volex
        left = with_settings(
            *(source, names, _left_over(context, names)),
            lambda name: is_excluded(name, volex),
        )
        wanted += _parts(source, left)
    if asked.imports:
        wanted.append((SingleFiles(asked.imports), sorted(asked.imports)))
    _check_unique(names_in(wanted))
    _check_not_into_itself(chosen, wanted)
    return wanted


def _warn_of_overlooked(context: Context, source: Source) -> None:
    """`--all` is all: what can't be sent is not passed over in silence."""
    if not isinstance(source, DirectorySource):
        return
    for name, why in source.overlooked():
        if not is_excluded(name, context.options.volex):
            context.listener(Warning_(f"not sent: {why}"))


def _check_not_into_itself(chosen: Chosen, wanted: Wanted) -> None:
    """dom0's files must not hold the archive: each send would send the last."""
    destination = chosen.access.destination
    if destination.scheme != INTERNAL:
        return
    place = Path(os.path.realpath(destination.path))
    for source, names in wanted:
        if not isinstance(source, Dom0Files) or HOME not in names:
            continue
        try:
            home = source.place(HOME)
        except NotFound:
            # The send of this volume says so.
            continue
        if place.is_relative_to(home):
            raise BadInput(
                f"the archive lies in {HOME} and can't be backed up into"
                f" itself: leave it out with --exclude={HOME}",
                about=HOME,
            )


def _planned(
    context: Context, archive: OpenArchive, source: Source
) -> list[str]:
    """What is sent where nothing is named: all that the archive knows, and
    what is included by choice, without what is left out by choice."""
    known = {page.name for page in archive.pages_named(())}
    chosen = read_choices(context.places, archive.access.keys.terms.archive)
    fresh = [each for each in chosen.included if source.exists(each)]
    names = sorted(known.union(fresh))
    if not names:
        raise BadInput("the archive knows no volume yet: name those to send")
    plan = Plan(chosen, _unticked(source, names))
    left_out = [each for each in names if plan.leaves_out(each)]
    for name in left_out:
        context.listener(VolumeSkipped(name, "it is left out by choice", True))
    kept = [each for each in names if each not in left_out]
    kept = with_settings(source, names, kept, plan.leaves_out)
    if not kept:
        raise BadInput(
            "all volumes of the archive are left out by choice: include some,"
            " or name those to send"
        )
    return kept


def _unticked(source: Source, names: Sequence[str]) -> frozenset[str]:
    """The qubes among the owners that Qubes leaves out of backups."""
    if not isinstance(source, QubesSource):
        return frozenset()
    owners = {owner_of(each) for each in names}
    return frozenset(each for each in owners if not is_ticked(source, each))


def _left_over(context: Context, names: Sequence[str]) -> list[str]:
    """Each name once, without what --volex leaves out."""
    left = []
    for name in sorted(set(names)):
        if is_excluded(name, context.options.volex):
            context.listener(VolumeSkipped(name, "it is excluded", True))
        else:
            left.append(name)
    return left


def _of_list(
    context: Context, listed: Sequence[Listed]
) -> list[tuple[Located, Sequence[str]]]:
    wanted: list[tuple[Located, Sequence[str]]] = []
    for key in dict.fromkeys(each.source for each in listed):
        source = choose_source(key, context.places, context.listener)
        names = [each.alias for each in listed if each.source == key]
        wanted += _parts(source, _left_over(context, names))
    return wanted


def _parts(
    source: Source, names: Sequence[str]
) -> list[tuple[Located, Sequence[str]]]:
    """What takes which of the names of a source."""
    if isinstance(source, QubesSource):
        return [*source.parts(names)]
    return [(source, names)]


def _check_unique(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadInput(
                f"{quote(name)} is to be sent twice, from two places: leave"
                " one of them out",
                about=name,
            )


def follow_aliases(context: Context, chosen: Chosen, asked: Asked) -> None:
    """Rename volumes of the archive to the aliases that a list gives them.

    All at once and before anything is sent. An alias that the archive has
    already, beside the old name, is refused; one whose old name is gone was
    followed before. Raises NotFound when a source has no such volume.
    """
    aliased = [each for each in asked.listed if each.alias != each.name]
    if not aliased:
        return
    for each in aliased:
        source = choose_source(each.source, context.places, context.listener)
        if not source.exists(each.alias):
            raise NotFound(
                f"there is no volume {quote(each.alias)} in {each.source}, by"
                f" which {quote(each.name)} is to be called: nothing was"
                " renamed",
                about=each.alias,
            )
    with open_chosen(
        context, chosen, Capability.PRUNE, Capability.PUT
    ) as archive:
        _rename(context, archive, aliased)


def _rename(
    context: Context, archive: OpenArchive, aliased: Sequence[Listed]
) -> None:
    known = {page.name: page for page in archive.pages.values()}
    renames: dict[str, str] = {}
    for each in aliased:
        if each.name not in known:
            continue
        if each.alias in known:
            raise BadInput(
                f"the archive has {quote(each.name)} and {quote(each.alias)}:"
                " the one can't be called as the other; nothing was renamed",
                about=each.alias,
            )
        renames[each.name] = each.alias
    if renames and not context.options.dry_run:
        capability = archive.store.capability
        rename_volumes(archive, renames, capability, time.time_ns())
    verb = "would be called" if context.options.dry_run else "is now called"
    id = archive.access.keys.terms.archive
    for old, new in renames.items():
        context.listener(
            Notice(f"{quote(old)} {verb} {quote(new)} in the archive")
        )
        if not context.options.dry_run:
            follow_rename(
                context.places, id, bytes(known[old].volume), old, new
            )


def _expanded(
    archive: OpenArchive, source: Source, names: Sequence[str]
) -> list[str]:
    """Names with patterns put in place of what the source or the archive has.

    What exists under the very name is no pattern.
    """
    found: list[str] = []
    for name in source.expand(names):
        if not WILD.search(name) or source.exists(name):
            found.append(name)
            continue
        known = {page.name for page in archive.pages.values()}
        matching = fnmatch.filter(known.union(source.list_volumes()), name)
        if not matching:
            raise NotFound(f"no volume matches {quote(name)}", about=name)
        found.extend(sorted(matching))
    return found
