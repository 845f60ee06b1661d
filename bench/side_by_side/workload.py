# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The disk images that are backed up: made once, the same every time.

The large one is a sparse ext4 image of real files of this machine: a sorted
walk of /usr until the size is reached. A second one differs in 1 % of its
size, in runs of 256 KiB. Needs no root.
"""

import hashlib
import os
import random
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

MIB = 1 << 20
FULL_MIB = 4096
_DATA_SHARE = 0.45
_RUN = 256 << 10
_PAGE = 4096
_TIME = 1_700_000_000
_UUID = "6f1e2c4a-0b5d-4c3e-9a71-5d2f8b907e10"
_SMALL_SHARE = 64
_PIECE = 4 << 20


@dataclass(frozen=True)
class Facts:
    """What the workload is, for the results file; sizes in bytes."""

    size: int
    data: int
    files: int
    sha256: str
    changed: int
    small: int

    def to_dict(self) -> "dict[str, object]":
        """Its form in the results file."""
        return asdict(self)


class Workload:
    """The images in a folder, made when they are asked for first."""

    def __init__(self, folder: Path, size_mib: int) -> None:
        self.size = size_mib * MIB
        self._folder = folder / f"workload-{size_mib}"
        self.base = self._folder / "base.img"
        self.changed = self._folder / "changed.img"
        self.small = self._folder / "small.img"
        self.huge = self._folder / "huge.img"

    def make(self) -> None:
        """Make what isn't there yet."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _once(self.base, self._make_base)
        _once(self.changed, self._make_changed)
        _once(self.small, self._make_small)

    def make_huge(self) -> None:
        """A sparse image 256 times the size, with twice its size of data."""
        _once(self.huge, self._make_huge)

    def facts(self) -> Facts:
        """Reads the image once for its hash."""
        files = int((self._folder / "files").read_text())
        return Facts(
            self.size,
            self.base.stat().st_blocks * 512,
            files,
            _sha256(self.base),
            changed_bytes(self.size),
            self.small.stat().st_size,
        )

    def _make_base(self, image: Path) -> None:
        tree = self._folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        count = copy_files(Path("/usr"), tree, int(self.size * _DATA_SHARE))
        make_ext4(image, tree, self.size, count)
        shutil.rmtree(tree)
        (self._folder / "files").write_text(f"{count}\n")

    def _make_changed(self, image: Path) -> None:
        copy_sparse(self.base, image)
        change_runs(image, changed_bytes(self.size), seed=1)

    def _make_small(self, image: Path) -> None:
        start = next(data_ranges(self.base, at_least=_PIECE))[0]
        with open(self.base, "rb") as source, open(image, "wb") as target:
            source.seek(start)
            for _ in range(max(1, self.size // _SMALL_SHARE // _PIECE)):
                target.write(source.read(_PIECE))

    def _make_huge(self, image: Path) -> None:
        chance = random.Random(3)
        size, count = self.size * 256, 2 * self.size // MIB
        with open(image, "wb") as file:
            file.truncate(size)
            for place in sorted(chance.sample(range(size // MIB), count)):
                file.seek(place * MIB)
                file.write(plausible_bytes(MIB, chance))


def changed_bytes(size: int) -> int:
    """1 % of a size, in whole runs of 256 KiB."""
    return max(1, size // 100 // _RUN) * _RUN


def copy_files(root: Path, target: Path, wanted: int) -> int:
    """Copy regular files in sorted order, as long as one fits in `wanted`.

    Returns how many. Names, contents and times only depend on the machine.
    """
    count = 0
    for path in walk_sorted(root):
        if wanted < _PAGE:
            break
        if path.stat().st_size > wanted:
            continue
        copy = target / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        os.utime(copy, (_TIME, _TIME))
        wanted -= copy.stat().st_size
        count += 1
    for folder, _, _ in os.walk(target):
        os.utime(folder, (_TIME, _TIME))
    return count


def walk_sorted(root: Path) -> Iterator[Path]:
    """Readable regular files below a folder, no links, in sorted order."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if stat.S_ISREG(path.lstat().st_mode) and os.access(path, os.R_OK):
                yield path


def make_ext4(image: Path, tree: Path, size: int, files: int) -> None:
    """An ext4 image with a tree of files; equal trees make equal images."""
    with open(image, "wb") as file:
        file.truncate(size)
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tree)]
    command += ["-U", _UUID, "-N", str(files * 3 // 2 + 1000)]
    command += ["-E", f"hash_seed={_UUID},root_owner=0:0,nodiscard"]
    # Debian keeps mke2fs out of an ordinary user's PATH.
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    subprocess.run(
        [*command, "--", str(image)],
        check=True,
        env={**os.environ, "PATH": path, "E2FSPROGS_FAKE_TIME": str(_TIME)},
    )


def change_runs(
    image: Path, total: int, seed: int, run: int = _RUN
) -> "list[tuple[int, int]]":
    """Overwrite `total` bytes in runs that lie where data lies.

    A run begins at any page, so chunks are met as a file system meets them.
    Returns (start, length) of each.
    """
    chance = random.Random(seed)
    ranges = list(data_ranges(image, at_least=run))
    weights = [length for _, length in ranges]
    changed = []
    with open(image, "r+b") as file:
        for _ in range(total // run):
            start, length = chance.choices(ranges, weights)[0]
            place = chance.randrange((length - run) // _PAGE + 1)
            file.seek(start + place * _PAGE)
            file.write(plausible_bytes(run, chance))
            changed.append((start + place * _PAGE, run))
    return changed


def plausible_bytes(size: int, chance: random.Random) -> bytes:
    """Bytes that nothing else holds and that compress to about half."""
    word = chance.randbytes(16)
    return b"".join(
        chance.randbytes(_PAGE // 2) + word * (_PAGE // 32)
        for _ in range(size // _PAGE)
    )


def data_ranges(image: Path, at_least: int) -> "Iterator[tuple[int, int]]":
    """(start, length) of what is no hole, if it is long enough."""
    with open(image, "rb") as file:
        at, size = 0, os.fstat(file.fileno()).st_size
        while at < size:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            if at - start >= at_least:
                yield start, at - start


def read_into_cache(image: Path) -> None:
    """Read all that is no hole, so that no measured run waits for a disk."""
    with open(image, "rb", buffering=0) as file:
        for start, length in data_ranges(image, at_least=1):
            file.seek(start)
            while length > 0:
                length -= len(file.read(min(length, _PIECE))) or length


def copy_sparse(source: Path, target: Path) -> None:
    """A copy with the same holes."""
    command = ["cp", "--sparse=auto", "--reflink=never", "--"]
    subprocess.run([*command, str(source), str(target)], check=True)


def _once(path: Path, make: Callable[[Path], None]) -> None:
    """Make a file unless it is there; a half-made one has another name."""
    if path.exists():
        return
    print(f"making {path.name}", flush=True)
    partial = path.with_suffix(".partial")
    make(partial)
    partial.rename(path)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
