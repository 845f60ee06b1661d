# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Forgetting an archive: all that this machine kept of it, and no more.

An archive may be known under several names, at one place or, copied, at
several: what is kept of it by its id is of all of them.
"""

from wyng_common.ids import ArchiveId
from wyng_dom0.engine import asking, kept
from wyng_dom0.state import (
    archive_options,
    choices,
    definitions,
    heads,
    key_agent,
    last_send,
    ledgers,
    remembered,
    seen_space,
    seen_volumes,
    size_history,
    staging,
    tried_sends,
)
from wyng_dom0.state import slots as kept_slots
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.places import Places
from wyng_dom0.state.proven import Proofs
from wyng_dom0.state.volumes import list_states
from wyng_dom0.transport.destination import parse_destination


def namesakes(
    places: Places, definition: ArchiveDefinition
) -> list[ArchiveDefinition]:
    """The same archive under its other names here, here or elsewhere.

    Raises BadInput when a definition can't be read: what it needs, nobody
    knows.
    """
    return [
        each
        for each in definitions.list_definitions(places)
        if each.archive == definition.archive and each.name != definition.name
    ]


def forget_archive(places: Places, definition: ArchiveDefinition) -> None:
    """Drop key, slots, ledgers, snapshots, pin and, last, the definition.

    Not what the archive still needs under another of its names.
    """
    others = namesakes(places, definition)
    if not others:
        _forget_all(places, definition.archive)
    url = _url(definition)
    if url not in map(_url, others):
        _forget_place(places, definition.archive, url)
    definitions.remove(places, definition.name)


def _url(definition: ArchiveDefinition) -> str:
    return parse_destination(definition.destination, definition.subdir).url


def _forget_all(places: Places, archive: ArchiveId) -> None:
    """What is kept of an archive, wherever it lies."""
    key_agent.end_agent(places, archive)
    remembered.forget(places, archive)
    for number in kept_slots.read_slots(places, archive):
        kept_slots.drop_slot(places, archive, number)
    for state in list_states(places):
        if archive in ledgers.list_archives(state.folder):
            kept.forget_archive(places, state, archive)
    asking.forget_archive(places, archive)
    last_send.forget(places, archive)
    staging.forget(places, archive)
    tried_sends.forget(places, archive)
    choices.forget(places, archive)
    archive_options.forget(places, archive)


def _forget_place(places: Places, archive: ArchiveId, url: str) -> None:
    """What is kept of an archive as it lies at one place."""
    seen_space.forget(places, archive, url)
    seen_volumes.forget(places, archive, url)
    size_history.forget(places, archive, url)
    Proofs(places, archive, url).forget_all()
    heads.forget(places, archive, url)
