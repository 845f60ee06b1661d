# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Archive definitions: what dom0 calls an archive, where it is, what it pinned.

One file `archives/NAME.yaml` each, written by us at arch-init and rename and
durable when a function returns. Holds no secret and decides nothing.
"""

import re
from dataclasses import dataclass, fields
from datetime import datetime

from wyng_common import limits
from wyng_common.ids import ArchiveId
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.names import check_archive_name, quote
from wyng_dom0.state import durable
from wyng_dom0.state.default_archive import forget_default, read_default
from wyng_dom0.state.places import Places, make_folder_of
from wyng_dom0.state.yaml_files import format_mapping, read_mapping

FORMAT_VERSION = 1
SUITES = ("aes-256-gcm", "off")
HASHTYPES = ("sha256", "blake2b")
DEDUP_DOMAINS = ("qube", "archive")
# What definitions written by earlier versions lack.
OPTIONAL_KEYS = frozenset({"mount-depth", "bootstrap"})


@dataclass(frozen=True)
class ArchiveDefinition:
    """What dom0 keeps of one archive; the pinned values never change.

    `source` is "" when none was given. `number` counts the archives dom0
    has made; the lowest is the default where none was set. `created` is
    aware.
    """

    name: str
    archive: ArchiveId
    destination: str
    subdir: str
    source: str
    created: datetime
    number: int
    suite: str
    hashtype: str
    compression: str
    chunk_factor: int
    dedup_domain: str
    format_version: int = FORMAT_VERSION
    # Components of the path of the mount point that the archive was made
    # on, 0 for none.
    mount_depth: int = 0
    # Send the store to the SSH host when it hasn't got one.
    bootstrap: bool = False


def next_number(places: Places) -> int:
    """The number of the next archive: over all that are there now."""
    return 1 + max((d.number for d in list_definitions(places)), default=0)


def save_new(places: Places, definition: ArchiveDefinition) -> None:
    """Write a definition whose name is free; raises BadInput when taken."""
    check_archive_name(definition.name)
    path = make_folder_of(places.definition(definition.name))
    if not durable.create_private(path, _encode(definition)):
        raise BadInput(
            f"an archive named {quote(definition.name)} is already known",
            about=definition.name,
        )


def save(places: Places, definition: ArchiveDefinition) -> None:
    """Write a definition over the one of that name."""
    check_archive_name(definition.name)
    path = make_folder_of(places.definition(definition.name))
    durable.write_private(path, _encode(definition))


def load(places: Places, name: str) -> ArchiveDefinition:
    """The definition of that name; NotFound or BadInput."""
    check_archive_name(name)
    path = places.definition(name)
    try:
        values = read_mapping(path)
    except FileNotFoundError:
        raise NotFound(
            f"no archive named {quote(name)} is known here{_known(places)}",
            about=name,
        ) from None
    return _decode(name, str(path), values)


def load_default(places: Places) -> ArchiveDefinition:
    """The one that was set, or the first archive made; NotFound when there is
    none, BadInput."""
    name = read_default(places)
    if name:
        return load(places, name)
    definitions = list_definitions(places)
    if not definitions:
        raise NotFound(
            f"no archive is known in {places.root}: make one with arch-init,"
            " or name one with --from"
        )
    return definitions[0]


def list_names(places: Places) -> list[str]:
    """The names of all definitions, sorted; what else lies there is not."""
    try:
        files = sorted(places.archives.iterdir())
    except FileNotFoundError:
        return []
    names = [f.stem for f in files if f.suffix == ".yaml"]
    return [name for name in names if not name.startswith(".")]


def list_definitions(places: Places) -> list[ArchiveDefinition]:
    """All definitions, the default first."""
    found = [load(places, name) for name in list_names(places)]
    default = read_default(places)
    return sorted(
        found,
        key=lambda d: (d.name != default, d.number, d.created, d.name),
    )


def remove(places: Places, name: str) -> bool:
    """Forget the definition of that name; False when there was none.

    The next one of that name is not the default because this was.
    """
    forget_default(places, name)
    return durable.remove_private(places.definition(check_archive_name(name)))


def _known(places: Places) -> str:
    names = list_names(places)
    return f"; known are {', '.join(names[:8])}" if names else ""


def _encode(definition: ArchiveDefinition) -> bytes:
    values = {f.name: getattr(definition, f.name) for f in fields(definition)}
    del values["name"]
    values["archive"] = definition.archive.hex()
    values["created"] = definition.created.isoformat()
    return format_mapping({k.replace("_", "-"): v for k, v in values.items()})


def _decode(
    name: str, path: str, values: dict[str, object]
) -> ArchiveDefinition:
    reader = _Reader(path, values)
    reader.check_keys()
    version = reader.integer("format-version", 1, 1 << 16)
    if version != FORMAT_VERSION:
        raise BadInput(
            f"{path} is of version {version}; this program knows"
            f" {FORMAT_VERSION}",
            about=name,
        )
    return ArchiveDefinition(
        name=name,
        archive=ArchiveId(bytes.fromhex(reader.hexadecimal("archive", 16))),
        destination=reader.text("destination"),
        subdir=reader.text("subdir"),
        source=reader.text("source"),
        created=reader.moment("created"),
        number=reader.integer("number", 1, 1 << 31),
        suite=reader.choice("suite", SUITES),
        hashtype=reader.choice("hashtype", HASHTYPES),
        compression=reader.text("compression"),
        chunk_factor=reader.integer(
            "chunk-factor", limits.CHUNK_FACTOR_MIN, limits.CHUNK_FACTOR_MAX
        ),
        dedup_domain=reader.choice("dedup-domain", DEDUP_DOMAINS),
        mount_depth=reader.integer("mount-depth", 0, 255, 0),
        bootstrap=reader.flag("bootstrap", False),
    )


class _Reader:
    """Takes typed values out of a mapping; raises BadInput naming the key."""

    def __init__(self, path: str, values: dict[str, object]) -> None:
        self._path = path
        self._values = values

    def check_keys(self) -> None:
        known = {f.name.replace("_", "-") for f in fields(ArchiveDefinition)}
        known.discard("name")
        for key in self._values:
            if key not in known:
                raise self._fault(f"has the unknown key {quote(key)}")
        for key in sorted(known - set(self._values) - OPTIONAL_KEYS):
            raise self._fault(f"lacks the key '{key}'")

    def text(self, key: str) -> str:
        value = self._values[key]
        if not isinstance(value, str) or len(value) > 4096:
            raise self._fault(f"has no short text under '{key}'")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        # YAML 1.1 reads a bare `off` as false; a person may have typed it.
        value = self._values[key]
        value = "off" if value is False else value
        if value not in choices:
            raise self._fault(f"must have one of {choices} under '{key}'")
        return str(value)

    def flag(self, key: str, missing: bool) -> bool:
        value = self._values.get(key, missing)
        if not isinstance(value, bool):
            raise self._fault(f"has neither true nor false under '{key}'")
        return value

    def integer(
        self, key: str, least: int, most: int, missing: int | None = None
    ) -> int:
        value = self._values.get(key, missing)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._fault(f"has no number under '{key}'")
        if not least <= value <= most:
            raise self._fault(f"has {value} under '{key}', not {least}..{most}")
        return value

    def hexadecimal(self, key: str, size: int) -> str:
        value = self.text(key)
        if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", value):
            raise self._fault(f"has no {size} bytes in hex under '{key}'")
        return value

    def moment(self, key: str) -> datetime:
        try:
            value = datetime.fromisoformat(self.text(key))
        except ValueError:
            raise self._fault(f"has no time under '{key}'") from None
        if value.tzinfo is None:
            raise self._fault(f"has a time without a zone under '{key}'")
        return value

    def _fault(self, what: str) -> BadInput:
        return BadInput(f"{self._path} {what}", about=self._path)
