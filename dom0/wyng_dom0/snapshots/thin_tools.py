# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""thin_delta, thin_dump and thin_ls: run on a pool, and not before a test.

Some versions of thin_delta (1.0.0 to 1.0.5) call a block unchanged that
follows an unchanged one but was written since. So before a tool is believed
it must find the changes in a small metadata file of our own making. The
verdict is kept with the program's path, size and time of change.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wyng_dom0.snapshots.commands import (
    ToolFailed,
    ToolMissing,
    run_tool,
    stream_tool,
    tool_environment,
)
from wyng_dom0.snapshots.driver import CannotTell
from wyng_dom0.snapshots.thin_xml import Run, parse_delta, parse_dump
from wyng_dom0.state import durable

TOOLS = ("thin_delta", "thin_dump")
# A terabyte of scattered 64 KiB blocks takes minutes.
_SECONDS = 3600.0
_LS_SECONDS = 60.0
_TEST_SECONDS = 30.0
_VERDICT_MAX = 4096
_FILE_SIZE = 4 << 20
_BLOCK_SIZE = 65536

# Two volumes: (first block, first data block, length) each. The second has
# writes inside, at the ends of and across the first one's runs, two blocks
# exchanged, discards, and blocks of its own before, between and behind.
_LEFT = ((10, 0, 20), (40, 20, 10), (60, 30, 2), (70, 40, 1), (80, 50, 10))
_RIGHT = (
    *((5, 100, 2), (10, 0, 5), (15, 110, 1), (16, 6, 14), (40, 120, 1)),
    *((41, 21, 8), (49, 121, 1), (50, 122, 2), (60, 31, 1), (61, 30, 1)),
    *((80, 50, 3), (85, 55, 5), (95, 130, 1)),
)
_EXPECTED = (
    *(("right_only", 5, 2), ("same", 10, 5), ("different", 15, 1)),
    *(("same", 16, 14), ("different", 40, 1), ("same", 41, 8)),
    *(("different", 49, 1), ("right_only", 50, 2), ("different", 60, 2)),
    *(("left_only", 70, 1), ("same", 80, 3), ("left_only", 83, 2)),
    *(("same", 85, 5), ("right_only", 95, 1)),
)


class ThinTools:
    """The tools of this machine; `folder` is where the verdict is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def delta(
        self, device: str, block_size: int, left: int, right: int
    ) -> Iterator[Run]:
        """The runs of two thin ids on a reserved metadata snapshot.

        Raises CannotTell, also from within the iterator.
        """
        words = ["thin_delta", "-m", f"--snap1={left}", f"--snap2={right}"]
        with self._output([*words, device]) as pieces:
            yield from parse_delta(pieces, block_size, left, right)

    def dump(self, device: str, block_size: int, thin_id: int) -> Iterator[Run]:
        """The mapped runs of one thin id; see delta."""
        words = ["thin_dump", "-m", f"--dev-id={thin_id}", device]
        with self._output(words) as pieces:
            yield from parse_dump(pieces, block_size, thin_id)

    def exclusive_bytes(self, device: str) -> dict[int, int]:
        """What only that thin id holds, by thin id."""
        words = ["thin_ls", "-m", "--no-headers"]
        words += ["--format", "DEV,EXCLUSIVE_BYTES", device]
        try:
            return parse_thin_ls(run_tool(words, _LS_SECONDS))
        except (ToolMissing, ToolFailed) as error:
            raise CannotTell(str(error)) from None

    @contextmanager
    def _output(self, words: list[str]) -> Iterator[Iterator[bytes]]:
        """The output of a tool that has passed its test."""
        self.check()
        try:
            with stream_tool(words, _SECONDS) as pieces:
                yield pieces
        except (ToolMissing, ToolFailed) as error:
            raise CannotTell(str(error)) from None

    def check(self) -> None:
        """Raise CannotTell unless the tools pass, now or earlier."""
        programs = "|".join(_identity(tool) for tool in TOOLS)
        verdict = self._known(programs)
        if verdict is None:
            verdict = run_test(durable.make_private_folder(self._folder))
            self._keep(programs, verdict)
        if verdict:
            raise CannotTell(verdict)

    @property
    def _path(self) -> Path:
        return self._folder / "thin-tools.json"

    def _known(self, programs: str) -> str | None:
        """What an earlier test said of these very programs, if any."""
        try:
            with open(self._path, "rb") as file:
                kept = json.loads(file.read(_VERDICT_MAX))
            return str(kept["fault"]) if kept["programs"] == programs else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _keep(self, programs: str, fault: str) -> None:
        text = json.dumps({"programs": programs, "fault": fault})
        durable.write_private(self._path, text.encode())


def _identity(tool: str) -> str:
    """Path, size and times of a program: an update makes another one."""
    path = shutil.which(tool, path=tool_environment()["PATH"])
    if path is None:
        raise CannotTell(
            f"the program {tool} is not installed: what changed is not known"
        )
    real = os.path.realpath(path)
    found = os.stat(real)
    return f"{real} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def run_test(place: Path) -> str:
    """Put the tools to the test; "" when they pass, else what is wrong.

    The file lies in a folder of its own in `place` meanwhile: the tools read
    past the cache, which temporary file systems in memory may not offer.
    Raises CannotTell when the test itself can't be made.
    """
    with tempfile.TemporaryDirectory(prefix="thin-", dir=place) as folder:
        metadata = os.path.join(folder, "metadata")
        _make_metadata(folder, metadata)
        try:
            wrong = _wrong(metadata)
        except (ToolFailed, ToolMissing, CannotTell) as error:
            wrong = str(error)
    return f"the tools of thin pools failed their test: {wrong}" * bool(wrong)


def _wrong(metadata: str) -> str:
    words = ["thin_delta", "--snap1=1", "--snap2=2", metadata]
    with stream_tool(words, _TEST_SECONDS) as pieces:
        runs = parse_delta(pieces, _BLOCK_SIZE, 1, 2)
        found = tuple((run.kind, run.begin, run.length) for run in runs)
    if found != _EXPECTED:
        return "thin_delta misses changes"
    with stream_tool(["thin_dump", "--dev-id=2", metadata], _TEST_SECONDS) as p:
        mapped = {
            block
            for run in parse_dump(p, _BLOCK_SIZE, 2)
            for block in range(run.begin, run.end)
        }
    expected = {b + n for b, _, length in _RIGHT for n in range(length)}
    return "" if mapped == expected else "thin_dump misses blocks"


def _make_metadata(folder: str, metadata: str) -> None:
    description = os.path.join(folder, "description")
    with open(description, "w", encoding="ascii") as file:
        file.write(test_description())
    with open(metadata, "wb") as made:
        made.truncate(_FILE_SIZE)
    words = ["thin_restore", "-i", description, "-o", metadata]
    try:
        run_tool(words, _TEST_SECONDS)
    except (ToolFailed, ToolMissing) as error:
        raise CannotTell(
            f"the test of thin_delta can't be made: {error}"
        ) from None


def test_description() -> str:
    """The XML from which thin_restore makes the metadata of the test."""
    sectors = _BLOCK_SIZE // 512
    lines = [
        '<superblock uuid="" time="1" transaction="2" version="2"'
        f' data_block_size="{sectors}" nr_data_blocks="200">',
        *_device(1, _LEFT),
        *_device(2, _RIGHT),
        "</superblock>",
    ]
    return "\n".join(lines) + "\n"


def _device(
    thin_id: int, runs: "tuple[tuple[int, int, int], ...]"
) -> list[str]:
    mapped = sum(length for _, _, length in runs)
    return [
        f'<device dev_id="{thin_id}" mapped_blocks="{mapped}"'
        ' transaction="0" creation_time="0" snap_time="1">',
        *(
            f'<range_mapping origin_begin="{begin}" data_begin="{data}"'
            f' length="{length}" time="0"/>'
            for begin, data, length in runs
        ),
        "</device>",
    ]


def parse_thin_ls(text: str) -> dict[int, int]:
    """Lines of a thin id and a number; raises CannotTell for others."""
    try:
        rows = [line.split() for line in text.splitlines() if line.strip()]
        return {int(thin_id): int(held) for thin_id, held in rows}
    except ValueError:
        raise CannotTell("thin_ls says what is no list") from None
