# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names people give: volumes, archives, tags, sessions; checked, in and out.

Owns what a name may be and how a hostile one is shown. Looks nothing up.
Every check raises BadInput with the exact rule broken, and returns the name.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Optional, Sequence, Tuple, Union

from wyng_dom0.errors import BadInput

VOLUME_NAME_BYTES_MAX = 4000
ARCHIVE_NAME_MAX = 64
TAG_MAX = 25
TAGS_PER_SESSION_MAX = 5
DESCRIPTION_MAX = 100
SESSION_FORMAT = "%Y%m%d-%H%M%S"
# Left beside a volume while it is read or restored; never a volume itself.
HIDDEN_MARK = ".wyng-"

_SESSION = re.compile(r"[0-9]{8}-[0-9]{6}", re.ASCII)
_ARCHIVE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", re.ASCII)
_SHOWN_MAX = 80


def quote(name: str) -> str:
    """A name in quotes, fit to be printed whatever it holds, cut if long."""
    shown = name if len(name) <= _SHOWN_MAX else name[:_SHOWN_MAX] + "..."
    return f"'{_escape(shown.replace(chr(92), chr(92) * 2))}'"


def one_line(sentence: str) -> str:
    """A sentence with nothing in it that a terminal acts on, on one line.

    The last guard before text is shown, whoever put a bare name into it;
    what `quote` made stays as it is.
    """
    return _escape(sentence)


def _escape(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def check_volume_name(name: str) -> str:
    """A volume's name: a relative path, in UTF-8 at most 4000 bytes."""
    rule = _volume_name_fault(name)
    if rule:
        raise BadInput(
            f"the volume name {quote(name)} {rule}", about=quote(name)
        )
    return name


def _volume_name_fault(name: str) -> str:
    if not name:
        return "is empty"
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "is not valid UTF-8"
    if size > VOLUME_NAME_BYTES_MAX:
        return f"has {size} bytes, over {VOLUME_NAME_BYTES_MAX}"
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
        return "holds a control character"
    if any(c in "\u2028\u2029" for c in name):
        return "holds a line separator"
    if name.startswith("/"):
        return "begins with '/': name it relative to the source"
    return _parts_fault(name.split("/"))


def _parts_fault(parts: "list[str]") -> str:
    if "" in parts:
        return "has an empty part between or after its '/'"
    if "." in parts or ".." in parts:
        return "has a '.' or '..' part"
    if any(p.startswith(".") and HIDDEN_MARK in p for p in parts):
        return f"holds '{HIDDEN_MARK}', which marks files of our own"
    return ""


def check_archive_name(name: str) -> str:
    """An archive's name in dom0: it is a file's and a service argument too."""
    if not _ARCHIVE.fullmatch(name):
        raise BadInput(
            f"the archive name {quote(name)} may hold only A-Z a-z 0-9 _ . + -"
            " and begins with a letter or digit",
            about=quote(name),
        )
    if len(name) > ARCHIVE_NAME_MAX:
        raise BadInput(
            f"the archive name {quote(name)} has {len(name)} characters,"
            f" over {ARCHIVE_NAME_MAX}",
            about=quote(name),
        )
    return name


def check_tag(tag: str) -> str:
    """A tag's id, lower-cased and cut at 25; returns what will be kept."""
    kept = tag.lower()[:TAG_MAX]
    if not kept or not kept.isprintable():
        raise BadInput(f"the tag {quote(tag)} is empty or not printable")
    if any(c in " ,=^" for c in kept):
        raise BadInput(f"the tag {quote(tag)} holds a space, comma, '=' or '^'")
    if kept == "all":
        raise BadInput("the tag 'all' stands for every tag and can't be given")
    return kept


def check_description(text: str) -> str:
    """A volume's or tag's description: printable, at most 100 characters."""
    if len(text) > DESCRIPTION_MAX or not text.isprintable():
        raise BadInput(
            f"the description {quote(text)} is not printable or has over"
            f" {DESCRIPTION_MAX} characters"
        )
    return text


def parse_tag(text: str) -> Tuple[str, str]:
    """(id, description) of what `--tag=ID[,DESCRIPTION]` was given."""
    tag, _, description = text.partition(",")
    return check_tag(tag), check_description(description)


def check_tags(tags: Sequence[Tuple[str, str]]) -> Tuple[Tuple[str, str], ...]:
    """The tags of one session: each id once, at most 5."""
    if len(tags) > TAGS_PER_SESSION_MAX:
        raise BadInput(
            f"a session has at most {TAGS_PER_SESSION_MAX} tags, not"
            f" {len(tags)}"
        )
    names = [name for name, _ in tags]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"the tag {quote(name)} was given twice")
    return tuple(tags)


def format_session(moment: datetime) -> str:
    """A session's name: the wall clock where it was made, to the second."""
    return moment.strftime(SESSION_FORMAT)


def parse_session(name: str) -> datetime:
    """The wall-clock time a session name says, without a zone.

    Naive on purpose: the name says what the clock on the wall said, and only
    the session's own record knows the offset.
    """
    if not _SESSION.fullmatch(name):
        raise BadInput(
            f"the session {quote(name)} is not of the form YYYYMMDD-HHMMSS,"
            " ^tag or newest"
        )
    try:
        return datetime.strptime(name, SESSION_FORMAT)
    except ValueError:
        raise BadInput(
            f"the session {quote(name)} is no date and time that exists"
        ) from None


@dataclass(frozen=True)
class SessionName:
    """A session meant by its time, `YYYYMMDD-HHMMSS`."""

    name: str


@dataclass(frozen=True)
class SessionTag:
    """Sessions meant by a tag, `^tag`; "all" means every tagged one."""

    tag: str


@dataclass(frozen=True)
class Newest:
    """The newest session, `newest`."""


SessionSpec = Union[SessionName, SessionTag, Newest]


@dataclass(frozen=True)
class SessionRange:
    """One spec, or two with everything between, ends included."""

    first: SessionSpec
    last: Optional[SessionSpec] = None


def parse_session_spec(text: str) -> SessionSpec:
    """One `YYYYMMDD-HHMMSS`, `^tag` or `newest`."""
    if text == "newest":
        return Newest()
    if text.startswith("^"):
        tag = text[1:]
        return SessionTag("all" if tag == "all" else check_tag(tag))
    parse_session(text)
    return SessionName(text)


def parse_session_range(text: str) -> SessionRange:
    """What `--session` takes: one spec, or two with a comma between.

    The ends need not exist. Which of two comes first is not said by their
    names: see engine/selection.py.
    """
    parts = text.split(",")
    if len(parts) > 2:
        raise BadInput(
            f"--session takes one session or two, not {len(parts)}:"
            f" {quote(text)}"
        )
    specs: Tuple[SessionSpec, ...] = tuple(map(parse_session_spec, parts))
    if len(specs) == 1:
        return SessionRange(specs[0])
    first, last = specs
    if first == last and isinstance(first, SessionName):
        raise BadInput(f"the range {quote(text)} begins where it ends")
    return SessionRange(first, last)
