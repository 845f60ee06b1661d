# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The small records of a wyng archive, from authenticated or plain text.

Owns what a root, a volume's and a session's record may say and the bounds of
all of it. Reads no file.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from wyng_dom0.errors import BadInput, ForeignDamage
from wyng_dom0.migrate.unpacking import Packing
from wyng_dom0.names import (
    DESCRIPTION_MAX,
    TAGS_PER_SESSION_MAX,
    check_tag,
    parse_session,
    quote,
)

VOLUMES_MAX = 1024
SESSIONS_MAX = 16384
ROOT_MAX = 1 << 18
ROOT_PLAIN_MAX = 1 << 21
VOLINFO_MAX = 1 << 21
INFO_MAX = 1 << 14
# Nobody has larger ones, and a false size costs time in proportion.
VOLUME_SIZE_MAX = 1 << 46
MANIFEST_LINE_MAX = 96

# Before format 3 any multiple of 64 KiB was taken.
CHUNK_UNIT = 1 << 16
_CHUNK_SIZE_MAX = 16 << 20
_PERMISSIONS = re.compile(r"[0-9]{1,6}:[^:\s]{0,64}:[^:\s]{0,64}")
_FIELD_MAX = 4200
_NS_MAX = (1 << 63) - 1


@dataclass(frozen=True)
class Root:
    """What a root says of its archive.

    `volumes` maps each volume's folder to its record's hash, "" where the
    format has none; `hash_type` is sha256, blake2b or hmac-sha256.
    """

    chunk_size: int
    packing: Packing | None
    hash_type: str
    volumes: dict[str, str]
    unfinished: str = ""
    mode: str = ""


@dataclass(frozen=True)
class ForeignSession:
    """One session of a volume; `previous` is the one before, or "".

    `name` is the clock on the wall then, without a zone: nobody noted it.
    `manifest_hash` is "" where the format has none, "0" where nothing
    changed. `mtime_ns` is None where only the name says when.
    """

    name: str
    size: int
    sequence: int
    previous: str
    manifest_hash: str = ""
    permissions: str = ""
    mtime_ns: int | None = None
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def folder(self) -> str:
        """Its folder in that of the volume."""
        return f"S_{self.name}"

    @property
    def wall_time(self) -> datetime:
        """What its name says, naive."""
        return parse_session(self.name)


@dataclass(frozen=True)
class ForeignVolume:
    """One volume; sessions oldest first.

    `broken` says why those behind the last are out of reach, or is "".
    """

    name: str
    description: str
    folder: str
    sessions: tuple[ForeignSession, ...]
    broken: str = ""

    @property
    def largest(self) -> int:
        """The most bytes that it ever had."""
        return max((each.size for each in self.sessions), default=0)


def parse_sections(text: str) -> dict[str, dict[str, str]]:
    """Sections of `key = value` lines; what else there is, is left out."""
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.split("\n"):
        if line.startswith("[") and line.rstrip().endswith("]"):
            section = sections.setdefault(line.strip()[1:-1], {})
        elif line and not line[0].isspace():
            section.update(_fields([line]))
    return sections


def parse_root(sections: dict[str, dict[str, str]]) -> Root:
    """What the root of an archive says; ForeignDamage."""
    var = sections.get("var", {})
    volumes = sections.get("volumes", {})
    if len(volumes) > VOLUMES_MAX:
        raise ForeignDamage(
            f"archive.ini names more than {VOLUMES_MAX} volumes"
        )
    return Root(
        chunk_size=check_chunk_size(_integer(var, "chunksize")),
        packing=_packing(var.get("compression", "zlib")),
        hash_type=_hash_type(var.get("hashtype", "sha256")),
        volumes=dict(volumes),
        unfinished=" ".join(sections.get("in_process", {}).values()),
        mode=var.get("ci_mode", "00"),
    )


def check_chunk_size(size: int) -> int:
    """A chunk size that wyng could have used; ForeignDamage.

    So much is allocated at once for a chunk, wherever the number is from.
    """
    if size % CHUNK_UNIT or not 0 < size <= _CHUNK_SIZE_MAX:
        raise ForeignDamage(f"the archive has a chunk size of {size} bytes")
    return size


def parse_volinfo(text: str) -> tuple[str, str, dict[str, str]]:
    """A volume's name, description, and session -> hash of its record."""
    name = description = ""
    sessions: dict[str, str] = {}
    for key, value in _pairs(text.split("\n")):
        if key == "name":
            name = value
        elif key == "desc":
            description = fit_description(value)
        elif key.startswith("S_"):
            sessions[check_session(key)] = value
    if len(sessions) > SESSIONS_MAX:
        raise ForeignDamage(f"it has more than {SESSIONS_MAX} sessions")
    return name, description, sessions


def parse_info(text: str, name: str) -> ForeignSession:
    """A session from its record; ForeignDamage."""
    lines = text.split("\n")
    said = dict(_pairs(lines))
    if said.get("format") == "tar":
        raise ForeignDamage("it is a tar file, which wyng can't read either")
    size = _integer(said, "volsize")
    if not 0 <= size <= VOLUME_SIZE_MAX:
        raise ForeignDamage(f"a volume of {size} bytes is out of bounds")
    previous = said.get("previous", "none")
    return ForeignSession(
        name=name,
        size=size,
        sequence=_integer(said, "sequence") if "sequence" in said else -1,
        previous="" if previous.lower() == "none" else check_session(previous),
        manifest_hash=said.get("manifesthash", ""),
        permissions=_permissions(said.get("permissions", "")),
        mtime_ns=_mtime(said.get("localtime", "")),
        tags=_tags(v for k, v in _pairs(lines) if k == "tag"),
    )


def check_session(folder: str) -> str:
    """The session's name in that of its folder; ForeignDamage."""
    try:
        if folder.startswith("S_"):
            moment = parse_session(folder[2:])
            if 1970 < moment.year < 2200:
                return folder[2:]
    except BadInput:
        pass
    raise ForeignDamage(f"{quote(folder)} is no name of a session")


def in_order(
    found: Iterable[ForeignSession], lost: str
) -> tuple[tuple[ForeignSession, ...], str]:
    """Sessions in their true order, up to where one is missing, and why.

    `lost` is what is known of one that can't be read, or "".
    """
    chain: list[ForeignSession] = []
    for each in sorted(found, key=lambda session: session.sequence):
        before = chain[-1].name if chain else ""
        if each.previous != before:
            return tuple(chain), lost or (
                f"the session {each.name} follows one that is missing"
            )
        chain.append(each)
    return tuple(chain), lost


def fit_description(text: str) -> str:
    """As much of a text as a description may hold."""
    return "".join(c for c in text if c.isprintable())[:DESCRIPTION_MAX]


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, sign, value = line.partition("=")
        if sign and len(line) <= _FIELD_MAX * 4:
            yield key.strip(), value.strip()


def _fields(lines: Iterable[str]) -> dict[str, str]:
    return dict(_pairs(lines))


def _integer(said: dict[str, str], key: str) -> int:
    value = said.get(key, "")
    if not re.fullmatch(r"[0-9]{1,20}", value, re.ASCII):
        raise ForeignDamage(f"its {key} is {quote(value)}, no number")
    return int(value)


def _packing(name: str) -> Packing:
    try:
        return Packing(name)
    except ValueError:
        raise ForeignDamage(
            f"the compression {quote(name)} is none of wyng's"
        ) from None


def _hash_type(name: str) -> str:
    if name not in ("sha256", "blake2b", "hmac-sha256"):
        raise ForeignDamage(f"the hash {quote(name)} is none of wyng's")
    return name


def _permissions(text: str) -> str:
    if text in ("", "r", "w") or _PERMISSIONS.fullmatch(text):
        return text
    raise ForeignDamage(f"its permissions are {quote(text)}")


def _mtime(localtime: str) -> int | None:
    if re.fullmatch(r"[0-9]{1,19}", localtime, re.ASCII):
        return min(int(localtime), _NS_MAX)
    return None


def _tags(values: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Those that may be tags here too, each once."""
    found: dict[str, str] = {}
    for value in values:
        tag, _, text = value.partition(" ")
        try:
            found.setdefault(check_tag(tag), fit_description(text.strip()))
        except BadInput:
            continue
    return tuple(found.items())[:TAGS_PER_SESSION_MAX]
