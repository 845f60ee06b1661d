# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What volumes of a wyng archive are called here."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from wyng_dom0.migrate.records import ForeignVolume

# As Qubes OS calls volumes in a pool of LVM and in one of files.
_QUBES = (
    re.compile(r"vm-([A-Za-z][A-Za-z0-9_-]*)-(private|root)", re.ASCII),
    re.compile(
        r"(?:appvms|vm-templates)/([A-Za-z][A-Za-z0-9_-]*)/(private|root)\.img",
        re.ASCII,
    ),
)


def qubes_name(name: str) -> str:
    """`work:private` for `vm-work-private`; other names as they are."""
    for form in _QUBES:
        found = form.fullmatch(name)
        if found:
            return f"{found[1]}:{found[2]}"
    return name


def as_qubes(volumes: Sequence[ForeignVolume]) -> list[ForeignVolume]:
    """The volumes under the names that the source `qubes` has for them.

    Two that would have one name keep their own.
    """
    names = [qubes_name(each.name) for each in volumes]
    count = Counter([*names, *(each.name for each in volumes)])
    return [
        each if count[name] > 1 else replace(each, name=name)
        for each, name in zip(volumes, names, strict=True)
    ]
