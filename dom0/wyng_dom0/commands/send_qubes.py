# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a send does for qubes beside their volumes.

Their settings, what they share, and the note at each that it was backed up.
Nothing of it is done for other sources.
"""

from collections.abc import Callable, Iterable, Sequence

from wyng_dom0.archive.fields import Record
from wyng_dom0.commands.access import Chosen
from wyng_dom0.commands.context import Context
from wyng_dom0.engine.send import SendReport, SettingsOf, Wanted
from wyng_dom0.errors import NotFound, QubesError
from wyng_dom0.events import Warning_
from wyng_dom0.qubes.capture import Capturer
from wyng_dom0.qubes.settings import encode_settings
from wyng_dom0.sources.dom0 import is_of_dom0
from wyng_dom0.sources.qubes import (
    BETWEEN,
    QubesSource,
    owner_of,
)
from wyng_dom0.sources.qubes import (
    settings_of as settings_name,
)
from wyng_dom0.sources.source import Located


def settings_of(context: Context, wanted: Wanted) -> SettingsOf | None:
    """Gives the settings of a volume's qube, asked for once each.

    None where no qube is sent. A qube whose settings can't be had is backed
    up all the same, and a warning told.
    """
    sources = [each for each, _ in wanted if isinstance(each, QubesSource)]
    if not sources:
        return None
    source = sources[0]
    capturer = Capturer(source.admin)
    known: dict[str, Record | None] = {}

    def give(name: str) -> Record | None:
        if is_of_dom0(name):
            # Its settings are files.
            return None
        owner = owner_of(name)
        if owner not in known:
            known[owner] = _captured(context, source, capturer, name)
        return known[owner]

    return give


def _captured(
    context: Context, source: QubesSource, capturer: Capturer, name: str
) -> Record | None:
    try:
        qube = source.qube_of(name)
        volumes = source.volumes_of(qube.name)
        settings = capturer.settings(qube.name, qube.klass, volumes)
    except (QubesError, NotFound) as error:
        context.listener(
            Warning_(f"the settings of {owner_of(name)} are left out: {error}")
        )
        return None
    return encode_settings(settings)


def tell_qubes(
    context: Context, chosen: Chosen, wanted: Wanted, report: SendReport
) -> None:
    """Note at each qube that was sent whole when that was, and as what.

    A backup is not undone by a note that can't be made.
    """
    sessions = {each.volume: each.session for each in report.done}
    for source, names in wanted:
        if not isinstance(source, QubesSource):
            continue
        lost = {owner_of(name) for name in names if name in report.errors}
        notes = {owner_of(name): sessions.get(name) for name in names}
        for qube, session in notes.items():
            if qube in lost or not session:
                continue
            at = int(context.now.timestamp())
            try:
                if _is_whole(source, qube, names):
                    source.note_sent(qube, chosen.name, session, at)
            except (QubesError, NotFound) as error:
                context.listener(Warning_(f"not noted at {qube}: {error}"))


def with_settings(
    source: Located,
    names: Iterable[str],
    left: list[str],
    leaves_out: Callable[[str], bool],
) -> list[str]:
    """What is left of some names, and the settings of qubes that lost all.

    A qube that is left out as such loses them too; one that is gone has none.
    """
    if not isinstance(source, QubesSource):
        return left
    owners = {owner_of(name) for name in left}
    lost = sorted({owner_of(name) for name in names} - owners)
    return left + [
        name
        for name in map(settings_name, lost)
        if not leaves_out(owner_of(name))
        and not leaves_out(name)
        and source.exists(name)
    ]


def _is_whole(source: QubesSource, qube: str, names: Sequence[str]) -> bool:
    """Is every volume of the qube that is worth keeping among the names?"""
    kept = {f"{qube}{BETWEEN}{each.name}" for each in source.volumes_of(qube)}
    return bool(kept) and kept <= {*names}


def shared_of(wanted: Wanted) -> frozenset[str]:
    """Which of the volumes hold what is no secret of one qube."""
    return frozenset(
        name
        for source, names in wanted
        if isinstance(source, QubesSource)
        for name in names
        if source.is_template(name)
    )
