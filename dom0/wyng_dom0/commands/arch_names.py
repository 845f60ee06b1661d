# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Words of an archive's definition, for making and for importing one."""

from collections.abc import Mapping

from wyng_dom0.archive.catalog import DedupDomain
from wyng_dom0.commands.context import Context
from wyng_dom0.errors import NotFound
from wyng_dom0.events import Warning_
from wyng_dom0.sources.choose import choose_source, names_pool

DOMAINS = {"qube": DedupDomain.QUBE, "archive": DedupDomain.ARCHIVE}


def source_of(context: Context, local: str | None) -> str:
    """What names the source; pools and absolute paths need not exist yet."""
    if local is None:
        return ""
    try:
        source = choose_source(local, context.places, context.listener)
    except NotFound as error:
        if not (local.startswith("/") or names_pool(local)):
            raise
        context.listener(Warning_(str(error)))
        return local
    return local if local.startswith("/") else source.key


def key_of(table: Mapping[str, object], value: object) -> str:
    """The word that a table has for a value."""
    return next(key for key, each in table.items() if each is value)
