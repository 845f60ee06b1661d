# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`arch-deduplicate`: let the store drop what lies there twice.

What a sender finds there already is never stored again, so that there is
little to find, and the report says so.
"""

from wyng_common.messages import Capability
from wyng_dom0.commands.access import opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.errors import DestinationBusy
from wyng_dom0.events import RunStarted
from wyng_dom0.names import quote
from wyng_dom0.transport.remote_store import Deduplicated


def run(context: Context) -> None:
    """Report the bytes that were given back; raises DestinationBusy when
    readers kept the store from giving back all."""
    with opened(context, Capability.PRUNE) as (chosen, archive):
        context.listener(RunStarted("arch-deduplicate", chosen.name, ()))
        found = archive.store.deduplicate()
        text = f"The archive {quote(chosen.name)}: {_sentence(found)}"
        values: dict[str, object] = {"archive": chosen.name, **vars(found)}
        context.report(Said("arch-deduplicate", text, values))
    if found.pending:
        raise DestinationBusy(
            f"{found.pending} bytes wait for whoever reads the archive, or for"
            " the repair of what it lost: run arch-check, then this again"
        )


def _sentence(found: Deduplicated) -> str:
    if not (found.frames or found.freed):
        return "nothing lies there twice."
    if not found.frames:
        return (
            "nothing lies there twice any more;"
            f" {found.freed} bytes that nothing needs were freed."
        )
    return (
        f"{found.frames} pieces of {found.bytes} bytes in all lay there twice;"
        f" {found.freed} bytes were freed."
    )
