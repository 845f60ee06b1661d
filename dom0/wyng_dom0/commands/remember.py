# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`remember` and `forget`: whether this machine keeps the archive's key."""

from wyng_dom0.commands.access import known_definition, terms_of
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.credentials import ask_credential
from wyng_dom0.commands.kept_key import keep_key
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.unlock import unlock_with
from wyng_dom0.errors import Refused
from wyng_dom0.names import quote
from wyng_dom0.seal.keys import Suite
from wyng_dom0.state import key_agent, remembered


def remember(context: Context) -> None:
    """Keep the key in a file that only its owner can read."""
    definition = known_definition(context)
    terms = terms_of(definition)
    if terms.suite is Suite.OFF:
        raise Refused(
            f"the archive {quote(definition.name)} is not sealed: it has no"
            " key"
        )
    what = f"the archive {quote(definition.name)}"
    keys = unlock_with(context.places, terms, ask_credential(context, what))
    assert keys.master is not None
    keep_key(context, terms.archive, keys.master)
    context.report(
        Said(
            "remember",
            f"The key of {quote(definition.name)} is kept on this machine:"
            " whoever can read its state can open the archive.",
            {"archive": definition.name},
        )
    )


def forget(context: Context) -> None:
    """Drop the remembered key, and make the agent drop its own."""
    definition = known_definition(context)
    was_kept = remembered.forget(context.places, definition.archive)
    was_held = key_agent.end_agent(context.places, definition.archive)
    text = f"The key of {quote(definition.name)} was not kept here."
    if was_kept or was_held:
        text = (
            f"The key of {quote(definition.name)} is forgotten; what was on"
            " the disk may be found in its free space."
        )
    context.report(
        Said(
            "forget",
            text,
            {
                "archive": definition.name,
                "remembered": was_kept,
                "held": was_held,
            },
        )
    )
