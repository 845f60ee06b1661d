# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is reported of a qube's settings; see reports.py."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SettingRow:
    """One setting of a qube: `kind` as property, feature, tag, firewall."""

    kind: str
    name: str
    value: str


@dataclass(frozen=True)
class SettingsReport:
    """What `list QUBE --settings` says."""

    archive: str
    qube: str
    session: str
    settings: tuple[SettingRow, ...]


@dataclass(frozen=True)
class SettingChangeRow:
    """A setting that differs; None on the side that has none."""

    kind: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class SettingsDiffReport:
    """What `diff QUBE --settings` says; `newer` is a session or "now"."""

    archive: str
    qube: str
    older: str
    newer: str
    same: bool
    changes: tuple[SettingChangeRow, ...]
