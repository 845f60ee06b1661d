# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's `overview` as rows of the main window. Pure."""

from typing import Any, Dict, List, Mapping

from wyng_dom0.applet import rows
from wyng_dom0.applet.reading import (
    flag_of,
    maybe_number,
    moment_of,
    number_of,
    rows_of,
    text_of,
)
from wyng_dom0.applet.rows import ArchiveFacts, Row, grouped

Given = Mapping[str, Any]
_STATES = {
    "ok": rows.GOOD,
    "failed": rows.FAILED,
    "overdue": rows.LATE,
    "never": rows.NEVER,
    "missing": rows.KEPT,
    "excluded": rows.OUT,
}


def rows_in(report: Given, archive: ArchiveFacts) -> List[Row]:
    """One row for each qube or volume that an archive has or could have."""
    qubes = {text_of(each, "qube"): each for each in rows_of(report, "qubes")}
    found = [
        _row(volume, backup, qubes, archive)
        for volume in rows_of(report, "volumes")
        for backup in rows_of(volume, "backups")
        if text_of(backup, "archive") == archive.name
    ]
    return grouped(found)


def _row(
    volume: Given,
    backup: Given,
    qubes: Dict[str, Dict[str, Any]],
    archive: ArchiveFacts,
) -> Row:
    name, owner = text_of(volume, "volume"), text_of(volume, "qube")
    qube = qubes.get(owner, {})
    planned = flag_of(backup, "planned")
    return Row(
        name=owner or name,
        volumes=(name,),
        state=_STATES.get(text_of(backup, "state"), rows.UNKNOWN),
        label=text_of(qube, "label"),
        color=text_of(qube, "color"),
        klass=text_of(qube, "klass"),
        planned=planned,
        sessions=number_of(backup, "sessions"),
        last=moment_of(backup, "time"),
        sent=moment_of(backup, "sent"),
        proven=moment_of(backup, "proven"),
        size=maybe_number(volume, "size"),
        changed=maybe_number(backup, "changed"),
        noted=moment_of(backup, "noted"),
        next_run=archive.next_run if planned else None,
        error=text_of(backup, "error"),
    )
