# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`delete QUBE --clean`: remove a qube that a killed restore left half made."""

from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.leftovers import (
    check_removable,
    drop_note,
    remove_leftover,
)
from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote
from wyng_dom0.qubes.facade import is_qube_name
from wyng_dom0.sources.choose import has_qubes, open_qubes
from wyng_dom0.state import locks


def run(context: Context) -> None:
    """Remove it when its name was typed; raises Refused for any other."""
    options = context.options
    qube = options.names[0]
    if options.all or not has_qubes() or not is_qube_name(qube):
        raise BadInput(
            "delete --clean takes no name, or that of a qube which a killed"
            " restore left half made, or what a killed drill left, as status"
            " tells it"
        )
    admin = open_qubes(context.places, context.listener).admin
    with locks.hold_restore(context.places, qube):
        if not options.dry_run and drop_note(admin, context.places, qube):
            _report(
                context,
                f"{qube} is gone, or nothing shows that it is half restored: it"
                " is left alone and told no more.",
            )
            return
        check_removable(admin, qube)
        if options.dry_run:
            _report(context, f"Would remove the half restored qube {qube}.")
            return
        if not options.force:
            context.prompts.type_name(
                f"Remove the half restored qube {quote(qube)} and its volumes?"
                " Type its name to go on",
                qube,
            )
        remove_leftover(admin, context.places, qube)
    _report(context, f"Removed the half restored qube {qube}.")


def _report(context: Context, text: str) -> None:
    values: dict[str, object] = {
        "text": text,
        "qube": context.options.names[0],
        "dry_run": context.options.dry_run,
    }
    context.report(Said("clean-qube", text, values))
