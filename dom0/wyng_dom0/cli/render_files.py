# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How a volume of files that was unpacked or compared looks in a terminal.

Pure, as render is. Paths and texts are whatever somebody chose: each is shown
so that a terminal acts on none of it.
"""

from collections.abc import Sequence

from wyng_dom0.cli.forms import format_count, format_size, show
from wyng_dom0.commands.file_reports import FilesReport
from wyng_dom0.names import one_line, quote

_SHOWN = 20
_LINES_SHOWN = 200


def render_files(report: FilesReport) -> str:
    """Where it is, how it differs from now, what was left out."""
    lines = [_head(report)]
    if report.compared:
        lines += _differences(report)
    lines += _listed(
        "Left out of what was unpacked",
        [f"{quote(each.path)}: {each.what}" for each in report.left_out],
        len(report.left_out),
    )
    return "\n".join(lines)


def _head(report: FilesReport) -> str:
    what = f"{show(report.volume)} as of {report.session}"
    if not report.target:
        return f"{what}, against what is there now:"
    count = format_count(report.files, "file")
    return (
        f"Unpacked {what} into {quote(report.target)}: {count},"
        f" {format_size(report.size)}. What was there is as it was."
    )


def _differences(report: FilesReport) -> list[str]:
    if report.same:
        return ["Nothing differs from what is there now."]
    lines = _listed(
        "In the session, and not there now",
        [quote(each) for each in report.missing],
        report.missing_count,
    )
    lines += _listed(
        "There now, and not in the session",
        [quote(each) for each in report.new],
        report.new_count,
    )
    lines += _listed(
        "Different now",
        [f"{quote(each.path)}: {each.what}" for each in report.differing],
        report.differing_count,
    )
    lines += _texts(report)
    lines += _listed(
        "Packages that were installed, and are not now",
        [quote(each) for each in report.packages_missing],
        len(report.packages_missing),
    )
    return lines


def _listed(heading: str, rows: Sequence[str], count: int) -> list[str]:
    if not count:
        return []
    shown = [f"  {each}" for each in rows[:_SHOWN]]
    more = count - len(shown)
    if more > 0:
        shown.append(f"  and {more} more; --json has more of them")
    return [f"{heading} ({count}):", *shown]


def _texts(report: FilesReport) -> list[str]:
    lines = [
        one_line(line)
        for each in report.differing
        for line in each.diff.split("\n")
        if each.diff
    ]
    if len(lines) > _LINES_SHOWN:
        lines[_LINES_SHOWN:] = ["(more differs; --json has more of it)"]
    return lines
