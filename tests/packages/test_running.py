# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What was installed runs from where it was installed, and nowhere else."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Dict, List

import pytest

from packages.conftest import ROOT, run, site
from wyng_common.ids import StagingToken
from wyng_common.messages import (
    HEADER_SIZE,
    Capability,
    Header,
    Hello,
    Op,
    Status,
    parse_message_header,
)

SYSTEM_PYTHON = "/usr/bin/python3"
VERSION = (ROOT / "version").read_text().strip()


def start(root: Path, python: str, program: str, *more: Path) -> "List[str]":
    """A program of a root, with that root's packages and no others of ours."""
    paths = os.pathsep.join(map(str, (site(root), *more)))
    command = ["env", "-i", "PATH=/usr/bin:/bin", f"PYTHONPATH={paths}"]
    return [*command, "PYTHONDONTWRITEBYTECODE=1", python, "-s", program]


def test_qvm_wyng_runs_from_its_root(roots: "Dict[str, Path]") -> None:
    libraries = Path(sysconfig.get_path("purelib"))
    program = roots["dom0"] / "usr/bin/qvm-wyng"
    command = start(roots["dom0"], sys.executable, str(program), libraries)
    assert run(*command, "version") == f"qvm-wyng {VERSION}\n"
    assert "Usage: qvm-wyng" in run(*command, "--help")


def test_window_is_started_from_its_root(roots: "Dict[str, Path]") -> None:
    libraries = Path(sysconfig.get_path("purelib"))
    program = str(roots["dom0"] / "usr/bin/qubes-wyng-manager")
    command = start(roots["dom0"], sys.executable, program, libraries)
    assert run(*command, "--version") == f"qubes-wyng-manager {VERSION}\n"


def test_desktop_entries_name_what_is_installed(
    roots: "Dict[str, Path]",
) -> None:
    root = roots["dom0"]
    for place in ("usr/share/applications", "etc/xdg/autostart"):
        lines = (root / place / "qubes-wyng-manager.desktop").read_text()
        entry = dict(
            line.split("=", 1) for line in lines.splitlines() if "=" in line
        )
        assert (root / "usr/bin" / entry["Exec"].split()[0]).is_file()
        icons = root / "usr/share/icons/hicolor/scalable/apps"
        assert (icons / f"{entry['Icon']}.svg").is_file()
    # The tray starts with a session only where somebody wants it.
    assert entry["Hidden"] == "true" and "--tray" in entry["Exec"]


@pytest.mark.parametrize("place", ["dom0", "vm", "deb"])
def test_store_answers_hello_from_its_root(
    roots: "Dict[str, Path]", place: str, tmp_path: Path
) -> None:
    program = str(roots[place] / "usr/bin/wyng-store")
    command = start(roots[place], SYSTEM_PYTHON, program)
    body = Hello(Capability.INIT, StagingToken(b"T" * 16)).encode()
    hello = Header(Op.HELLO, 0, 0, 1, len(body)).encode() + body
    bye = Header(Op.BYE, 0, 0, 2, 0).encode()
    done = subprocess.run(
        [*command, "serve", "--allow", "init", "--", str(tmp_path / "a")],
        input=hello + bye,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    first = parse_message_header(done.stdout[:HEADER_SIZE], 1 << 20)
    assert first.code is Op.HELLO
    assert Status(first.second) is Status.NO_ARCHIVE


def in_overlay(root: Path, tmp_path: Path, script: str) -> str:
    """Output of a script where a root's files lie over this machine's.

    A mount namespace of its own; what is written below /usr is lost. The
    folder of Fedora's packages and our test libraries are made known to the
    system's Python by a .pth file: all else is as installed.
    """
    if os.geteuid() != 0:
        pytest.skip("laying a root over /usr needs root")
    known = tmp_path / "known" / "usr"
    (known / "lib/python3/dist-packages").mkdir(parents=True)
    (known / "lib/python3/dist-packages/root.pth").write_text(
        f"/{site(root).relative_to(root)}\n{sysconfig.get_path('purelib')}\n"
    )
    upper, work = tmp_path / "upper", tmp_path / "work"
    upper.mkdir()
    work.mkdir()
    layers = f"lowerdir={known}:{root}/usr:/usr,upperdir={upper},workdir={work}"
    mount = f"mount -t overlay -o {layers} overlay /usr"
    words = ["unshare", "--mount", "--propagation", "private", "bash", "-c"]
    done = subprocess.run(
        [*words, f"set -e; {mount}; cd {tmp_path}; {script}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", "HOME": str(tmp_path)},
    )
    if "mount: /usr" in done.stderr:
        pytest.skip(f"no overlay can be mounted here: {done.stderr}")
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout


BACKUP = """
mkdir images out
head -c 3000000 /dev/urandom >images/a.img
echo 'seven words of a passphrase' >pass
wyng() { qvm-wyng --meta-dir=state --passcmd='cat pass' "$@"; }
wyng --local=images --dest=internal:$PWD/backup arch-init
wyng send a.img
wyng --save-to=out/a.img receive a.img
cmp images/a.img out/a.img
wyng-store check --digests backup
"""


def test_installed_dom0_backs_up_and_restores(
    roots: "Dict[str, Path]", tmp_path: Path
) -> None:
    """By the installed programs' own first lines, on the system's Python."""
    said = in_overlay(roots["dom0"], tmp_path, BACKUP)
    assert "Head code:" in said
    assert "whole: 2 commits" in said
    # Nothing was compiled anew: an uninstall leaves nothing behind.
    left = [str(p) for p in (tmp_path / "upper").rglob("*.pyc")]
    assert [path for path in left if "wyng" in path] == []


@pytest.mark.parametrize("place", ["vm", "deb"])
def test_installed_store_tells_its_version(
    roots: "Dict[str, Path]", place: str, tmp_path: Path
) -> None:
    said = in_overlay(roots[place], tmp_path, "wyng-store version")
    assert said == f"wyng-store {VERSION}\n"
