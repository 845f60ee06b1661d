# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`delete`: take a volume out of the archive, or our traces off its source."""

import time

from wyng_common.errors import FormatError
from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page, VolumeId
from wyng_dom0.commands import clean_drill, clean_qube
from wyng_dom0.commands.access import known_definition, opened
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.kept import (
    clean_strays,
    forget_archive,
    states_of,
)
from wyng_dom0.engine.leftovers import find_drilled, remove_drilled
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.proving import forget_volume_proofs
from wyng_dom0.engine.volumes import delete_volume
from wyng_dom0.errors import (
    BadInput,
    IntegrityError,
    NotFound,
    Refused,
    SourceError,
)
from wyng_dom0.names import quote
from wyng_dom0.state import ledgers, locks
from wyng_dom0.state.volumes import list_states


def run(context: Context) -> None:
    """Delete when its name was typed; `--unattended` wants `--force`."""
    options = context.options
    if options.clean:
        _clean(context)
        return
    if options.all:
        raise BadInput("delete takes one volume; --all goes with --clean")
    if bool(options.names) == (options.vid is not None):
        raise BadInput(
            "delete takes one VOLUME, or --vid for a damaged one, or --clean"
        )
    _delete(context)


def _delete(context: Context) -> None:
    options = context.options
    with opened(context, Capability.PRUNE) as (chosen, archive):
        volume = _volume(options, archive)
        page = archive.pages.get(volume)
        name = page.name if page else volume.hex()
        count = page.session_count if page else 0
        what = f"the volume {name}, whose page is lost"
        if page is not None:
            what = f"{quote(name)} with its {count} session(s)"
            what += _and_protected(archive, page)
        text = f"Would delete {what}."
        if not options.dry_run:
            if not options.force:
                context.prompts.type_name(
                    f"Delete {what} from the archive {quote(chosen.name)}?",
                    name,
                )
            delete_volume(archive, volume, time.time_ns())
            forget_volume_proofs(archive, volume)
            id = archive.access.keys.terms.archive
            for state in states_of(context.places, id, bytes(volume)):
                forget_archive(context.places, state, id)
            archive.store.reclaim()
            text = f"Deleted {what}."
        values: dict[str, object] = {
            "archive": chosen.name,
            "volume": name,
            "vid": volume.hex(),
            "sessions": count,
            "dry_run": options.dry_run,
        }
        context.report(Said("delete", text, values))


def _and_protected(archive: OpenArchive, page: Page) -> str:
    try:
        pinned = sum(each.pinned for each in archive.sessions(page))
    except IntegrityError:
        # Of a volume whose history is lost nobody knows, and it may go.
        return ""
    return f", {pinned} of them protected" if pinned else ""


def _volume(options: Options, archive: OpenArchive) -> VolumeId:
    if options.vid is None:
        return archive.page_named(options.names[0]).volume
    try:
        volume = VolumeId(bytes.fromhex(options.vid))
    except (ValueError, FormatError):
        raise BadInput(
            f"--vid takes 32 hexadecimal digits; not {quote(options.vid)}"
        ) from None
    if volume not in archive.catalog.pages:
        raise NotFound(f"the archive has no volume {volume.hex()}")
    return volume


def _clean(context: Context) -> None:
    """Snapshots and ledgers of this archive, or of all, go, and what killed
    drills left, of whatever; no store is asked, and no session is touched."""
    options = context.options
    if options.vid is not None:
        raise BadInput("delete --clean and --vid contradict each other")
    if options.names:
        if clean_drill.is_drilled(context, options.names[0]):
            clean_drill.run(context, options.names[0])
        else:
            clean_qube.run(context)
        return
    archive = None if options.all else known_definition(context).archive
    states = [
        state
        for state in list_states(context.places)
        if archive is None or archive in ledgers.list_archives(state.folder)
    ]
    drilled = [each.name for each in find_drilled(context.places)]
    what = f"{len(states)} volume(s) of " + (
        "every archive" if archive is None else "this archive"
    )
    problems: list[str] = []
    if not options.dry_run:
        _ask(context, what, drilled)
        for state in states:
            forget_archive(context.places, state, archive)
        clean_strays(context.places, [state.source for state in states])
        if drilled:
            with locks.hold_drill(context.places):
                problems = remove_drilled(context.places)
    verb = "Would clean" if options.dry_run else "Cleaned"
    context.report(
        Said(
            "clean",
            f"{verb} up behind {what}{_and_drilled(drilled)}.",
            {
                "volumes": [state.volume for state in states],
                "drilled": drilled,
                "dry_run": options.dry_run,
            },
        )
    )
    if problems:
        raise SourceError("; ".join(problems))


def _and_drilled(drilled: list[str]) -> str:
    if not drilled:
        return ""
    return f", and what killed drills left: {', '.join(map(quote, drilled))}"


def _ask(context: Context, what: str, drilled: list[str]) -> None:
    if context.options.force:
        return
    if context.options.unattended:
        raise Refused("delete --clean without anybody to ask wants --force")
    context.prompts.confirm(
        f"Delete the local snapshots and ledgers of {what}"
        f"{_and_drilled(drilled)}? The next send of each volume reads all of"
        " it."
    )
