# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The user's config.yaml: option names with values; read, never written.

Knows only the file's form; which options there are is told by the caller.
"""

from collections.abc import Collection
from pathlib import Path

from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote
from wyng_dom0.state.yaml_files import read_mapping

ConfigValue = bool | str | list[str] | dict[str, object]


def read_user_config(
    path: Path, known: Collection[str], *, required: bool
) -> dict[str, ConfigValue]:
    """Option name without dashes -> flag, text or list of texts.

    Raises BadInput for a key that is not in `known`, a value of another
    kind, or, when `required`, a file that isn't there. What is nested is
    given as it stands there, its keys words: the caller checks it.
    """
    try:
        values = read_mapping(path)
    except FileNotFoundError:
        if required:
            raise BadInput(f"there is no config file {path}") from None
        return {}
    for key in values:
        if key not in known:
            raise BadInput(
                f"{path} has the key {quote(key)}, which is no option that"
                " can stand there",
                about=key,
            )
    return {key: _value(path, key, value) for key, value in values.items()}


def _value(path: Path, key: str, value: object) -> ConfigValue:
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return value
    if isinstance(value, dict) and all(isinstance(v, str) for v in value):
        return value
    raise BadInput(
        f"{path} has a value under {quote(key)} that no option takes",
        about=key,
    )
