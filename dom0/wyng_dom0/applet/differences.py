# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a comparison found, as values, words and rows. Sizes are bytes."""

from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Tuple

from PyQt6.QtCore import QLocale

from wyng_dom0.applet.plain_table import Table
from wyng_dom0.applet.reading import (
    flag_of,
    number_of,
    rows_of,
    text_of,
    texts_of,
)
from wyng_dom0.applet.wording import shown, size, tr

# As many as the engine tells; no table needs more.
RANGES_MOST = 10_000


@dataclass(frozen=True)
class Differences:
    """The two sizes, and the first of `count` (offset, length) ranges.

    With `whole_chunks` they are chunks in which anything differs.
    """

    sizes: Tuple[int, int]
    same: bool
    bytes: int
    count: int
    whole_chunks: bool
    ranges: Tuple[Tuple[int, int], ...]


def differences_of(report: Mapping[str, Any]) -> Differences:
    """A `diff` report."""
    given = report.get("ranges")
    ranges = [_range(each) for each in given or [] if isinstance(each, list)]
    return Differences(
        sizes=(
            number_of(report, "older_size"),
            number_of(report, "newer_size"),
        ),
        same=flag_of(report, "same"),
        bytes=number_of(report, "different_bytes"),
        count=number_of(report, "different_ranges"),
        whole_chunks=flag_of(report, "whole_chunks"),
        ranges=tuple(each for each in ranges if each)[:RANGES_MOST],
    )


def _range(given: List[Any]) -> Optional[Tuple[int, int]]:
    if len(given) != 2 or not all(type(each) is int for each in given):
        return None
    offset, length = given
    return (offset, length) if offset >= 0 and length > 0 else None


def summary(found: Differences) -> str:
    """What was found, in a few sentences."""
    if found.same:
        return tr("They are the same.")
    said = [
        tr("They differ in {0}, in {1} range(s).").format(
            size(found.bytes), QLocale().toString(found.count)
        )
    ]
    if found.whole_chunks:
        said.append(
            tr("Whole chunks are counted: fewer bytes of them may differ.")
        )
    if found.sizes[0] != found.sizes[1]:
        said.append(
            tr("The sizes are {0} and {1}.").format(
                size(found.sizes[0]), size(found.sizes[1])
            )
        )
    if found.count > len(found.ranges):
        said.append(
            tr("The first {0} ranges are listed.").format(
                QLocale().toString(len(found.ranges))
            )
        )
    return "\n".join(said)


def ranges_table(found: Differences) -> Table:
    """The ranges as rows: where, and how long."""
    locale = QLocale()
    rows = [
        (locale.toString(at), locale.toString(length), size(length))
        for at, length in found.ranges
    ]
    return (tr("From byte"), tr("Bytes"), tr("Size")), tuple(rows)


@dataclass(frozen=True)
class SettingChange:
    """A setting of a qube that differs; None on a side that has none."""

    kind: str
    name: str
    before: Optional[str]
    after: Optional[str]


def setting_changes(report: Mapping[str, Any]) -> Tuple[SettingChange, ...]:
    """A `settings-diff` report."""
    return tuple(
        SettingChange(
            text_of(row, "kind"),
            text_of(row, "name"),
            _maybe_text(row, "before"),
            _maybe_text(row, "after"),
        )
        for row in rows_of(report, "changes")
    )


def _maybe_text(row: Mapping[str, Any], name: str) -> Optional[str]:
    return text_of(row, name) if isinstance(row.get(name), str) else None


def settings_table(changes: Tuple[SettingChange, ...]) -> Table:
    """The settings that differ as rows: before, and after."""
    rows = [
        (
            tr("{0} {1}").format(shown(each.kind), shown(each.name)).strip(),
            "–" if each.before is None else shown(each.before),
            "–" if each.after is None else shown(each.after),
        )
        for each in changes
    ]
    return (tr("Setting"), tr("Before"), tr("After")), tuple(rows)


def files_summary(report: Mapping[str, Any]) -> str:
    """A `files` report in a sentence; files are dom0's own."""
    counts = [
        number_of(report, f"{name}_count")
        for name in ("missing", "new", "differing")
    ]
    if not any(counts):
        return tr("They are the same.")
    return tr(
        "Of the session {0} file(s) are missing now, {1} are new, {2} differ."
    ).format(*counts)


def files_table(report: Mapping[str, Any]) -> Table:
    """The files that differ as rows: which, and in what."""
    rows = [
        (shown(text_of(row, "path")), _whats(row))
        for row in rows_of(report, "differing")
    ]
    for name, text in (("missing", tr("missing")), ("new", tr("new"))):
        rows += [(shown(each), text) for each in texts_of(report, name)]
    return (tr("File"), tr("What")), tuple(rows[:RANGES_MOST])


def _whats(row: Mapping[str, Any]) -> str:
    given = row.get("what")
    if isinstance(given, list):
        return ", ".join(shown(each) for each in texts_of(row, "what"))
    return shown(text_of(row, "what"))
