# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`make demo`: a backup from nothing to a compared restore, no root needed.

Makes two sparse disk images out of real files of this machine, then types
the commands a user would type and prints each with what it printed. Ends
with an error when a restored image differs in a single byte.
"""

import filecmp
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

OUT = Path("demo-out")
MIB = 1 << 20
BLOCK = 4096
FOLDERS = ("/usr/bin", "/usr/lib", "/usr/share", "/etc", "/usr/lib64")


def main() -> int:
    """Run the demo with the programs in the folder that is named."""
    program = Path(sys.argv[1]).resolve() / "qvm-wyng"
    shutil.rmtree(OUT, ignore_errors=True)
    images = OUT / "images"
    (images / "vms").mkdir(parents=True)
    (OUT / "backup").mkdir()
    (OUT / "passphrase").write_text("correct horse battery staple demo\n")
    os.chdir(OUT)
    started = time.monotonic()
    Demo(program, Path("images")).run()
    print(
        f"\nAll restored images are equal, byte for byte, after"
        f" {time.monotonic() - started:.0f} s. Look around in {OUT}/."
    )
    return 0


class Demo:
    """The state of one demo: where the images are and what was sent when."""

    def __init__(self, program: Path, images: Path) -> None:
        self._program = program
        self._images = images
        self._names = ["work.img", "vms/personal.img"]

    def run(self) -> None:
        """The whole of it."""
        say("Two sparse disk images are made from files of this machine.")
        make_image(self._images / self._names[0], 192 * MIB, 40 * MIB, seed=1)
        make_image(self._images / self._names[1], 96 * MIB, 16 * MIB, seed=2)
        here = Path.cwd()
        self.wyng(
            "--remember",
            "--passcmd=cat passphrase",
            "--unattended",
            f"--local={here}/images",
            f"--dest=internal:{here}/backup",
            "--subdir=laptop",
            "arch-init",
        )
        self.wyng("send", *self._names)
        first = self.keep_copy("first")
        say("Some blocks of both images change.")
        for number, name in enumerate(self._names):
            change_blocks(self._images / name, number)
        self.wyng("send")
        second = self.keep_copy("second")
        self.wyng("list")
        self.wyng("list", self._names[0])
        self.wyng("verify")
        self.restore(first)
        self.restore(second)
        say("The older session is pruned; the newer one is still whole.")
        oldest = self.sessions()[0]
        self.wyng("--unattended", f"--session={oldest}", "prune")
        self.wyng("list", self._names[0])
        self.restore(second)

    def wyng(self, *words: str) -> None:
        """Print a command, run it, let it print; stop when it fails."""
        print(f"\n$ {shlex.join(['qvm-wyng', *words])}", flush=True)
        subprocess.run(self._command(*words), check=True)

    def sessions(self) -> "list[str]":
        """The names of the first volume's sessions, oldest first."""
        listed = subprocess.run(
            self._command("--unattended", "--json", "list", self._names[0]),
            check=True,
            capture_output=True,
            text=True,
        )
        sessions = json.loads(listed.stdout)["sessions"]
        return [each["session"] for each in sessions]

    def keep_copy(self, label: str) -> "tuple[str, Path]":
        """(the newest session's name, a folder with the images as of it)."""
        shutil.copytree(self._images, label)
        return self.sessions()[-1], Path(label)

    def restore(self, kept: "tuple[str, Path]") -> None:
        """Receive a session of each volume and compare it with its copy."""
        session, copies = kept
        for name in self._names:
            target = Path("restored.img")
            self.wyng(
                f"--session={session}", f"--save-to={target}", "receive", name
            )
            same = filecmp.cmp(target, copies / name, shallow=False)
            print(f"$ cmp {target} {copies / name}")
            if not same:
                raise SystemExit(f"{name} of {session} differs")
            print("equal")
            target.unlink()

    def _command(self, *words: str) -> "list[str]":
        return [str(self._program), "--meta-dir=state", *words]


def say(text: str) -> None:
    """A line of explanation between the commands."""
    print(f"\n# {text}", flush=True)


def make_image(path: Path, size: int, data: int, seed: int) -> None:
    """A sparse file of `size` bytes holding about `data` bytes of real files.

    Files lie at multiples of 4 KiB with gaps between, as a file system would
    lay them.
    """
    chance = random.Random(seed)
    files = sample_files(chance)
    with open(path, "wb") as image:
        image.truncate(size)
        at = MIB
        while data > 0 and at < size:
            content = next(files)[: size - at]
            image.seek(at)
            image.write(content)
            data -= len(content)
            at += -(-len(content) // BLOCK) * BLOCK
            at += chance.choice((0, 0, 0, BLOCK, 64 * BLOCK))


def sample_files(chance: random.Random) -> "Iterator[bytes]":
    """Contents of readable files of the machine, in random order, for ever."""
    paths = []
    for folder in FOLDERS:
        for parent, _, names in os.walk(folder):
            paths += [os.path.join(parent, name) for name in names]
            if len(paths) > 20_000:
                break
    while True:
        path = chance.choice(paths)
        if os.path.isfile(path) and os.access(path, os.R_OK):
            with open(path, "rb") as file:
                content = file.read(4 * MIB)
            if content:
                yield content


def change_blocks(path: Path, seed: int) -> None:
    """Overwrite a few blocks, punch none: what a running system does."""
    chance = random.Random(seed + 100)
    with open(path, "r+b") as image:
        for _ in range(20):
            image.seek(
                chance.randrange(1, path.stat().st_size // BLOCK) * BLOCK
            )
            image.write(chance.randbytes(BLOCK))


if __name__ == "__main__":
    sys.exit(main())
