# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Forgetting an archive that is no more: all that this machine kept of it."""

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


def forget_archive(places: Places, definition: ArchiveDefinition) -> None:
    """Drop key, slots, ledgers, snapshots, pin and, last, the definition."""
    archive = definition.archive
    where = parse_destination(definition.destination, definition.subdir)
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
    seen_space.forget(places, archive, where.url)
    seen_volumes.forget(places, archive, where.url)
    size_history.forget(places, archive, where.url)
    tried_sends.forget(places, archive)
    choices.forget(places, archive)
    archive_options.forget(places, archive)
    Proofs(places, archive, where.url).forget_all()
    heads.forget(places, archive, where.url)
    definitions.remove(places, definition.name)
