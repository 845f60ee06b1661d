# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The store's own configuration of a qube: INI, written by whoever owns it.

Read, never written, and never told to a caller. A file with a fault refuses
every call: half of a configuration could allow what the other half forbids.
"""

import configparser
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, FrozenSet, Mapping, Sequence, Tuple

from wyng_common.errors import NameFault
from wyng_common.hosts import (
    DOM0,
    check_archive_argument,
    check_caller,
    parse_ssh_host,
)
from wyng_common.messages import Capability
from wyng_store.errors import ConfigFault
from wyng_store.policy import DAY_SECONDS, Policy

# The later one goes before the earlier, option by option.
FILES = (Path("/etc/wyng-store.conf"), Path("/rw/config/wyng-store.conf"))
_FILE_MAX = 64 * 1024
_SHARED_ROOTS = (Path("/mnt"), Path("/media"), Path("/run/media"))
_STORE = "store"
_KEYS = {
    _STORE: {"roots", "any_host"},
    "archive": {"directory", "callers", "quota", "delete_delay"},
    "ssh": {"callers"},
}
_SIZE = re.compile(r"([0-9]{1,15})([KMGT]?)")
_DAYS = re.compile(r"[0-9]{1,6}")

Callers = Mapping[str, FrozenSet[Capability]]
_DOM0_ONLY: Callers = {
    DOM0: frozenset({Capability.PRUNE, Capability.VERIFY, Capability.INIT})
}


@dataclass(frozen=True)
class ArchiveSection:
    """One archive: where it is, who may do what, what its store keeps."""

    directory: Path
    callers: Callers = field(default_factory=lambda: dict(_DOM0_ONLY))
    policy: Policy = Policy()


@dataclass(frozen=True)
class Configuration:
    """All of it. `hosts`: who may do what over SSH to a host so called."""

    home: Path
    roots: Tuple[Path, ...]
    any_host: bool = False
    archives: Mapping[str, ArchiveSection] = field(default_factory=dict)
    hosts: Mapping[str, Callers] = field(default_factory=dict)

    def archive(self, name: str) -> ArchiveSection:
        """An archive's section; without one it is dom0's, in `~/wyng`."""
        found = self.archives.get(name)
        return found or ArchiveSection(self.home / name)


def load_configuration(files: Sequence[Path], home: Path) -> Configuration:
    """Read the files that are there; raises ConfigFault, OSError."""
    texts = []
    for path in files:
        try:
            with open(path, "rb") as file:
                data = file.read(_FILE_MAX + 1)
        except FileNotFoundError:
            continue
        if len(data) > _FILE_MAX:
            raise ConfigFault(f"{path} is longer than {_FILE_MAX} bytes")
        texts.append((str(path), data.decode("utf-8", "surrogateescape")))
    return parse_configuration(texts, home)


def parse_configuration(
    texts: Sequence[Tuple[str, str]], home: Path
) -> Configuration:
    """Of (name, text) pairs, later ones before earlier; `home` is the home
    of the user whom the store runs as. Raises ConfigFault."""
    ini = configparser.ConfigParser(
        interpolation=None, delimiters=("=",), default_section="\0"
    )
    try:
        for name, text in texts:
            ini.read_string(text, name)
    except configparser.Error as error:
        raise ConfigFault(" ".join(str(error).split())) from None
    archives: Dict[str, ArchiveSection] = {}
    hosts: Dict[str, Callers] = {}
    for section in ini.sections():
        values = ini[section]
        kind, _, name = section.partition(" ")
        _check_keys(section, kind, values)
        if kind == "archive":
            archives[_archive_name(name)] = _archive(section, values)
        elif kind == "ssh":
            hosts[_host_name(name)] = _callers(section, values)
    store = ini[_STORE] if ini.has_section(_STORE) else {}
    default = (home / "wyng", *_SHARED_ROOTS)
    return Configuration(
        home / "wyng",
        _roots(store["roots"]) if "roots" in store else default,
        _yes(store.get("any_host", "no")),
        archives,
        hosts,
    )


def _check_keys(section: str, kind: str, values: Mapping[str, str]) -> None:
    if kind not in _KEYS or (kind == _STORE) != (section == kind):
        raise ConfigFault(
            f"there is no section [{section}]: only [store], [archive NAME]"
            " and [ssh HOST]"
        )
    for key in values:
        if key not in _KEYS[kind]:
            raise ConfigFault(f"[{section}] has the unknown key '{key}'")


def _archive_name(name: str) -> str:
    try:
        return check_archive_argument(name)
    except NameFault as error:
        raise ConfigFault(f"[archive {name}]: {error}") from None


def _host_name(name: str) -> str:
    try:
        host = parse_ssh_host(name)
    except NameFault as error:
        raise ConfigFault(f"[ssh {name}]: {error}") from None
    if host.user or host.port:
        raise ConfigFault(f"[ssh {name}]: a host alone, as in URLs")
    return host.host


def _archive(section: str, values: Mapping[str, str]) -> ArchiveSection:
    if "directory" not in values:
        raise ConfigFault(f"[{section}] names no directory")
    days = values.get("delete_delay", "0")
    if not _DAYS.fullmatch(days):
        raise ConfigFault(f"[{section}]: delete_delay is a number of days")
    return ArchiveSection(
        _absolute(values["directory"]),
        _callers(section, values),
        Policy(
            _size(section, values.get("quota", "0")), int(days) * DAY_SECONDS
        ),
    )


def _callers(section: str, values: Mapping[str, str]) -> Callers:
    """Lines of `CALLER: CAPABILITY...`; without any, dom0 may do all."""
    if "callers" not in values:
        return dict(_DOM0_ONLY)
    callers: Dict[str, FrozenSet[Capability]] = {}
    for line in filter(None, map(str.strip, values["callers"].splitlines())):
        name, colon, words = line.partition(":")
        try:
            caller = check_caller(name.strip())
            allowed = [Capability[each.upper()] for each in words.split()]
        except (NameFault, KeyError):
            raise ConfigFault(
                f"[{section}]: '{line}' is not of the form"
                " CALLER: get put prune verify init"
            ) from None
        if not colon or caller in callers:
            raise ConfigFault(f"[{section}]: the caller {caller} stands twice")
        callers[caller] = frozenset(allowed)
    return callers


def _roots(text: str) -> Tuple[Path, ...]:
    """One directory a line."""
    return tuple(_absolute(line) for line in text.splitlines() if line.strip())


def _absolute(text: str) -> Path:
    path = Path(text.strip())
    if not path.is_absolute() or ".." in path.parts:
        raise ConfigFault(f"'{path}' is not an absolute path without '..'")
    return path


def _size(section: str, text: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ConfigFault(f"[{section}]: quota is bytes, or 500G, 2T ...")
    number, unit = found.groups()
    return int(number) << (10 * " KMGT".index(unit or " "))


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ConfigFault("[store]: any_host is yes or no")
    return text == "yes"
