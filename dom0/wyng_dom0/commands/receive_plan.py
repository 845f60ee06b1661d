# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`receive --dry-run`: where it would go, what that needs and what is lost.

Everything that is checked before a restore has been, and nothing is written.
"""

from pathlib import Path

from wyng_dom0.archive.session import Session
from wyng_dom0.commands.access import Chosen
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine.qube_restore import QubeRestore
from wyng_dom0.names import quote
from wyng_dom0.sources.target import exists_at

KIND = "receive-plan"


def tell_volume(
    context: Context, chosen: Chosen, volume: str, session: Session, place: Path
) -> None:
    """Where a volume would be restored to."""
    there = exists_at(place)
    over = ", over what is there" if there else ""
    text = (
        f"Would restore {quote(volume)} as of {session.name}"
        f" ({session.size} bytes) to {quote(str(place))}{over}."
    )
    values = _values(chosen, volume, session, place)
    context.report(Said(KIND, text, {**values, "exists": there}))


def tell_files(
    context: Context, chosen: Chosen, volume: str, session: Session, place: Path
) -> None:
    """Where dom0's own files would be unpacked: always into a new folder."""
    text = (
        f"Would unpack {quote(volume)} as of {session.name} into a new folder"
        f" in {quote(str(place))}."
    )
    values = _values(chosen, volume, session, place)
    context.report(Said(KIND, text, {**values, "exists": False}))


def _values(
    chosen: Chosen, volume: str, session: Session, place: Path
) -> dict[str, object]:
    return {
        "archive": chosen.name,
        "volume": volume,
        "session": session.name,
        "target": str(place),
        "size": session.size,
    }


def tell_qube(
    context: Context, chosen: Chosen, restore: QubeRestore, exists: bool
) -> None:
    """What a qube would be restored from and to, and what of it is lost."""
    order = restore.order
    needs: list[dict[str, object]] = [
        {"pool": pool, "bytes": size, "free": restore.admin.free_bytes(pool)}
        for pool, size in restore.needs().items()
    ]
    lost = restore.without_revisions() if exists else []
    context.report(
        Said(
            KIND,
            _qube_text(restore, needs, exists, lost),
            {
                "archive": chosen.name,
                "qube": order.name,
                "of": order.settings.qube,
                "exists": exists,
                "sessions": {p.volume: p.session.name for p in order.parts},
                "needs": needs,
                "lost": lost,
            },
        )
    )


def _qube_text(
    restore: QubeRestore,
    needs: list[dict[str, object]],
    exists: bool,
    lost: list[str],
) -> str:
    order = restore.order
    said = f"Would restore the qube {quote(order.name)}"
    said += ", over what it is now" if exists else ""
    said += f": {len(order.parts)} volume(s)"
    for each in needs:
        free = "" if each["free"] is None else f", {each['free']} free"
        said += f"; {each['bytes']} bytes in the pool {each['pool']}{free}"
    if lost:
        said += (
            f". What its {' and '.join(lost)} volume holds now WOULD BE LOST"
        )
    return f"{said}."
