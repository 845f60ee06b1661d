# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the shell is offered, asked as bash asks: by a process and a file."""

import os
import subprocess
import sys
from argparse import Namespace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from wyng_common.ids import ArchiveId
from wyng_dom0.cli import completion
from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.state import definitions
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import state_of

pytest.importorskip("argcomplete")
START = "import sys; from wyng_dom0.cli.main import main; sys.exit(main())"


def offered(line: str, told: Path, home: Path) -> "list[str]":
    """What is offered at the end of a line, as argcomplete tells bash."""
    done = subprocess.run(
        [sys.executable, "-c", START],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HOME": str(home),
            completion.ASKED: "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(told),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "COMP_TYPE": "9",
        },
        capture_output=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    return [word.strip() for word in told.read_text().split("\n")]


@pytest.fixture
def archives(places: Places) -> Places:
    for number, name in enumerate(("laptop", "mirror"), 1):
        definitions.save_new(
            places,
            definitions.ArchiveDefinition(
                name=name,
                archive=ArchiveId(bytes([number]) * 16),
                destination="internal:/nowhere",
                subdir="",
                source="/nowhere",
                created=datetime(2026, 11, 24, tzinfo=timezone.utc),
                number=number,
                suite="off",
                hashtype="sha256",
                compression="zstd:3",
                chunk_factor=2,
                dedup_domain="archive",
            ),
        )
    return places


def test_commands_are_offered(tmp_path: Path) -> None:
    found = offered("qvm-wyng ver", tmp_path / "told", tmp_path)
    assert sorted(found) == ["verify", "version"]
    found = offered("qvm-wyng ", tmp_path / "told", tmp_path)
    assert {*COMMANDS} <= {*found}


def test_options_and_choices_are_offered(tmp_path: Path) -> None:
    found = offered("qvm-wyng send --dry", tmp_path / "told", tmp_path)
    assert found == ["--dry-run"]
    found = offered("qvm-wyng --hashtype=", tmp_path / "told", tmp_path)
    assert {"sha256", "blake2b"} <= {word.split("=")[-1] for word in found}


def test_known_archives_are_offered(archives: Places, tmp_path: Path) -> None:
    line = f"qvm-wyng --meta-dir={archives.root} --archive "
    found = offered(line, tmp_path / "told", tmp_path)
    assert found == ["laptop", "mirror"]


def test_volumes_kept_here_are_offered(places: Places, tmp_path: Path) -> None:
    for name in ("disk.img", "other.img"):
        state_of(places, "/images", name).make()
    line = f"qvm-wyng --meta-dir={places.root} send d"
    assert offered(line, tmp_path / "told", tmp_path) == ["disk.img"]


def test_command_without_volumes_is_offered_none(tmp_path: Path) -> None:
    found = offered("qvm-wyng version x", tmp_path / "told", tmp_path)
    assert found in ([], [""])


def test_only_options_of_the_command_are_offered(tmp_path: Path) -> None:
    found = offered("qvm-wyng version --", tmp_path / "told", tmp_path)
    assert "--meta-dir" in found and "--session" not in found
    found = offered("qvm-wyng migrate --from", tmp_path / "told", tmp_path)
    assert found == ["--from-passcmd"]


def test_words_of_a_command_are_offered(tmp_path: Path) -> None:
    found = offered("qvm-wyng key ", tmp_path / "told", tmp_path)
    assert {"list", "add", "change", "remove", "export"} <= {*found}
    found = offered("qvm-wyng help mig", tmp_path / "told", tmp_path)
    assert found == ["migrate"]


def test_directories_are_offered_to_migrate(tmp_path: Path) -> None:
    (tmp_path / "archives").mkdir()
    (tmp_path / "a-file").touch()
    line = f"qvm-wyng migrate {tmp_path}/a"
    found = offered(line, tmp_path / "told", tmp_path)
    assert found == [f"{tmp_path}/archives/"]


def test_every_command_has_words_to_offer(tmp_path: Path) -> None:
    for row in COMMANDS.values():
        asked = Namespace(words=[row.name], meta_dir=str(tmp_path))
        takes_known = "|" in row.arguments
        assert bool(completion.offer_words(asked)) >= takes_known
