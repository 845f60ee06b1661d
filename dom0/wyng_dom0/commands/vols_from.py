# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`--vols-from`: sources and their volumes, from a file.

Owns the file's form, that of wyng:

    {"SOURCE": [["VOLUME", "ALIAS" or null], ...], ...}

A source is what --local takes; "null" or "" is none. What an alias means is
said by the command: `send` renames the volume in the archive to it,
`receive` restores to it.
"""

import json
from dataclasses import dataclass

from wyng_dom0.errors import BadInput
from wyng_dom0.names import check_volume_name, quote

_FILE_MAX = 16 * 1024 * 1024
_NO_SOURCE = ("", "null")


@dataclass(frozen=True)
class Listed:
    """One volume of the file; `alias` is the name where nothing else is said.

    `source` is "" for none.
    """

    source: str
    name: str
    alias: str


def read_vols_from(path: str) -> tuple[Listed, ...]:
    """All that a file lists, in its order; raises BadInput.

    Names and aliases are checked; no two volumes have the same of either.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_FILE_MAX + 1)
    except OSError as error:
        raise BadInput(
            f"the list of volumes {quote(path)} can't be read:"
            f" {error.strerror}"
        ) from None
    if len(data) > _FILE_MAX:
        raise _bad(path, "is over 16 MiB")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise _bad(path, "is no JSON") from None
    listed = tuple(_listed(path, found))
    _check_unique(path, [each.name for each in listed])
    _check_unique(path, [each.alias for each in listed])
    return listed


def _listed(path: str, found: object) -> list[Listed]:
    form = f"is not of the form {_FORM}: qvm-wyng(1) has it"
    if not isinstance(found, dict) or not found:
        raise _bad(path, form)
    listed = []
    for source, pairs in found.items():
        if not isinstance(pairs, list):
            raise _bad(path, form)
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                raise _bad(path, form)
            name, alias = pair
            if not isinstance(name, str) or not isinstance(
                alias, (str, type(None))
            ):
                raise _bad(path, form)
            source = "" if source in _NO_SOURCE else source
            listed.append(
                Listed(
                    source,
                    check_volume_name(name),
                    check_volume_name(alias or name),
                )
            )
    if not listed:
        raise _bad(path, "names no volume")
    return listed


_FORM = '{"SOURCE": [["VOLUME", null], ...]}'


def _check_unique(path: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise _bad(path, f"names {quote(name)} twice")
        seen.add(name)


def _bad(path: str, what: str) -> BadInput:
    return BadInput(f"the list of volumes {quote(path)} {what}", about=path)
