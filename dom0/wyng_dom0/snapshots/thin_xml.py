# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What thin_delta and thin_dump print, read as a stream.

Owns the two forms, which versions 0.9 and 1.x share, and their bounds.
Believes nothing that is cut, out of order, of another block size or of
other volumes: whatever is odd is CannotTell. Runs no tool.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from wyng_dom0.snapshots.driver import CannotTell
from wyng_dom0.snapshots.snapshot import Range

SECTOR = 512
# A block number past 8 EiB of the smallest blocks is absurd.
_BLOCKS_MAX = 1 << 47
_DIGITS_MAX = 15
_KINDS = frozenset({"same", "different", "left_only", "right_only"})
Attributes = dict[str, str]


@dataclass(frozen=True)
class Run:
    """`length` blocks from `begin`; `kind` is thin_delta's word for them."""

    kind: str
    begin: int
    length: int

    @property
    def end(self) -> int:
        """The block behind the last."""
        return self.begin + self.length


@dataclass
class _Reading:
    """The state of one parse: what is open, what was found."""

    tool: str
    block_size: int
    runs: list[Run] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    at: int = 0
    volumes: int = 0

    def fail(self, what: str) -> CannotTell:
        return CannotTell(f"{self.tool} {what}")

    def number(self, attributes: Attributes, name: str) -> int:
        text = attributes.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
            raise self.fail(f"gives no sane number for {name!r}")
        return int(text)

    def add(self, kind: str, begin: int, length: int) -> None:
        if begin < self.at or not length or begin + length > _BLOCKS_MAX:
            raise self.fail("lists blocks that can't be")
        self.at = begin + length
        self.runs.append(Run(kind, begin, length))

    def superblock(self, attributes: Attributes) -> None:
        size = self.number(attributes, "data_block_size") * SECTOR
        if size != self.block_size:
            raise self.fail(
                f"speaks of blocks of {size} bytes, the pool has"
                f" {self.block_size}"
            )


class _Delta(_Reading):
    """superblock > diff > same | different | left_only | right_only."""

    ids = (0, 0)

    def start(self, name: str, attributes: Attributes) -> None:
        above = tuple(self.path)
        self.path.append(name)
        if above == () and name == "superblock":
            self.superblock(attributes)
        elif above == ("superblock",) and name == "diff" and not self.volumes:
            self.volumes += 1
            left = self.number(attributes, "left")
            if (left, self.number(attributes, "right")) != self.ids:
                raise self.fail("compared other volumes")
        elif above == ("superblock", "diff") and name in _KINDS:
            begin = self.number(attributes, "begin")
            self.add(name, begin, self.number(attributes, "length"))
        else:
            raise self.fail(f"writes an unknown {name[:40]!r}")


class _Dump(_Reading):
    """superblock > device > single_mapping | range_mapping."""

    thin_id = 0

    def start(self, name: str, attributes: Attributes) -> None:
        above = tuple(self.path)
        self.path.append(name)
        if above == () and name == "superblock":
            self.superblock(attributes)
        elif above == ("superblock",) and name == "device" and not self.volumes:
            self.volumes += 1
            if self.number(attributes, "dev_id") != self.thin_id:
                raise self.fail("dumped another volume")
        elif above == ("superblock", "device") and name == "single_mapping":
            self.add("mapped", self.number(attributes, "origin_block"), 1)
        elif above == ("superblock", "device") and name == "range_mapping":
            begin = self.number(attributes, "origin_begin")
            self.add("mapped", begin, self.number(attributes, "length"))
        else:
            raise self.fail(f"writes an unknown {name[:40]!r}")


def parse_delta(
    pieces: Iterable[bytes], block_size: int, left: int, right: int
) -> Iterator[Run]:
    """The runs of a thin_delta of two thin ids, in order, as they come.

    The caller must take them all: only the end says that nothing is missing.
    Raises CannotTell.
    """
    reading = _Delta("thin_delta", block_size)
    reading.ids = (left, right)
    return _parse(pieces, reading)


def parse_dump(
    pieces: Iterable[bytes], block_size: int, thin_id: int
) -> Iterator[Run]:
    """The mapped runs of one thin id in a thin_dump; see parse_delta."""
    reading = _Dump("thin_dump", block_size)
    reading.thin_id = thin_id
    return _parse(pieces, reading)


def _parse(pieces: Iterable[bytes], reading: "_Delta | _Dump") -> Iterator[Run]:
    parser = expat.ParserCreate()
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = lambda name: reading.path.pop()
    parser.StartDoctypeDeclHandler = lambda *_: _refuse(reading)
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            yield from reading.runs
            reading.runs.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise reading.fail(f"writes no whole XML: {error}") from None
    yield from reading.runs
    if not reading.volumes:
        raise reading.fail("says nothing of the volume")


def _refuse(reading: _Reading) -> None:
    raise reading.fail("declares a document type")


def changed_ranges(
    runs: Iterable[Run], block_size: int, old_size: int, new_size: int
) -> Iterator[Range]:
    """The byte ranges of which anything may differ, merged, in order.

    What lies past a volume's end counts as zeros. A volume that was shrunk
    keeps its blocks out of sight, and shows them when it grows again: so
    what is mapped past the smaller end differs, also where it is the same.
    """
    common = min(old_size, new_size) // block_size
    whole = max(old_size, new_size)
    return merged(
        (
            (begin * block_size, (end - begin) * block_size)
            for begin, end in _changed_blocks(runs, common)
        ),
        whole,
    )


def _changed_blocks(
    runs: Iterable[Run], common: int
) -> Iterator[tuple[int, int]]:
    for run in runs:
        if run.kind != "same":
            yield run.begin, run.end
        elif run.end > common:
            yield max(run.begin, common), run.end


def mapped_ranges(
    runs: Iterable[Run], block_size: int, size: int
) -> Iterator[Range]:
    """The byte ranges that are mapped, merged, in order."""
    return merged(
        ((run.begin * block_size, run.length * block_size) for run in runs),
        size,
    )


def merged(ranges: Iterable[Range], size: int) -> Iterator[Range]:
    """Ascending ranges below `size`, those that touch made one."""
    start = end = 0
    for offset, length in ranges:
        if offset > end:
            if end > start:
                yield start, end - start
            start = min(offset, size)
        end = min(offset + length, size)
    if end > start:
        yield start, end - start
