# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bounded YAML: small files of one flat mapping, read and written.

Owns the bound and the sentences for what is malformed. Knows no keys.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml

from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote

FILE_MAX = 64 * 1024


def read_mapping(path: Path) -> dict[str, object]:
    """The file's one mapping, its keys strings; {} for an empty file.

    Raises BadInput when it is too long, not YAML, or no mapping; OSErrors,
    FileNotFoundError among them, pass through.
    """
    with open(path, "rb") as file:
        data = file.read(FILE_MAX + 1)
    if len(data) > FILE_MAX:
        raise BadInput(f"{path} has over {FILE_MAX} bytes", about=str(path))
    return parse_mapping(data, str(path))


def parse_mapping(data: bytes, name: str) -> dict[str, object]:
    """As read_mapping, of bytes; `name` is what errors call them."""
    try:
        found = yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise BadInput(
            f"{name} is not YAML{_where(error)}", about=name
        ) from None
    except (RecursionError, ValueError):
        raise BadInput(f"{name} is not YAML we can read", about=name) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadInput(f"{name} does not hold 'key: value' lines", about=name)
    for key in found:
        if not isinstance(key, str):
            raise BadInput(
                f"{name} has the key {quote(str(key))}, which is no word",
                about=name,
            )
    return found


def format_mapping(values: Mapping[str, object]) -> bytes:
    """The mapping as YAML in the order given."""
    text: str = yaml.safe_dump(
        dict(values), sort_keys=False, allow_unicode=True
    )
    return text.encode("utf-8")


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", at line {mark.line + 1}" if mark is not None else ""
