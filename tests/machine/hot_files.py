# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The files that the virtual machine reads again and again, in one archive.

The machine's root is the host's over 9p, where starting Python takes twelve
seconds. Unpacked into its memory it takes one. Owns what is in there: this
Python, what it imports, LVM's programs with their libraries, this tree.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path
from typing import Iterator, List, Optional, Set

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = (
    *("lvm", "dmsetup", "thin_delta", "thin_dump", "thin_restore"),
    *("thin_ls", "thin_check", "losetup", "blkdiscard", "bash"),
)
# What LVM's one program is called by.
LVM_NAMES = (
    *("lvs", "vgs", "pvs", "lvcreate", "lvremove", "lvrename", "lvchange"),
    *("lvresize", "lvextend", "lvconvert", "vgcreate", "vgremove"),
    *("vgchange", "vgextend", "pvcreate", "vgrename"),
)
# What runs in the machine imports these; all else in there only takes time.
MODULES = frozenset(
    {
        *("pytest", "_pytest", "pluggy", "iniconfig", "packaging"),
        *("pygments", "cryptography", "_cffi_backend", "zstandard", "yaml"),
        *("_yaml", "tqdm", "Cryptodome", "argcomplete", "py"),
    }
)
_LEFT_OUT = {
    *("test", "tests", "idlelib", "tkinter", "lib2to3", "ensurepip"),
    *("site-packages", "dist-packages", "turtledemo", "pydoc_data"),
}
# To build with, and zstandard's other half.
_LARGE = ("config-3", "libpython", "_cffi.cpython", "backend_cffi")
PRODUCT = ("common", "dom0", "backupvm")
TREE = (*PRODUCT, "tests", "pyproject.toml")


def missing_programs() -> List[str]:
    """Those that are not installed here."""
    return [each for each in PROGRAMS if _which(each) is None]


def pack(target: Path) -> None:
    """Write the archive; paths in it are relative to where it is unpacked."""
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        _add_python(archive)
        _add_modules(archive)
        _add_programs(archive)
        for name in TREE:
            archive.add(ROOT / name, f"tree/{name}", filter=_no_test_rubbish)
        _add_compiled(archive)


def _add_python(archive: tarfile.TarFile) -> None:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    archive.add(os.path.realpath(sys.executable), f"bin/{version}")
    for each in _libraries(Path(os.path.realpath(sys.executable))):
        archive.add(os.path.realpath(each), f"lib/{each.name}")
    stdlib = Path(sysconfig.get_path("stdlib"))
    archive.add(stdlib, f"lib/{version}", filter=_no_test_rubbish)


def _add_modules(archive: tarfile.TarFile) -> None:
    site = Path(sysconfig.get_path("purelib"))
    for path in sorted(site.iterdir()):
        if path.name.split(".")[0] in MODULES:
            archive.add(path, f"site/{path.name}", filter=_no_test_rubbish)


def _add_compiled(archive: tarfile.TarFile) -> None:
    """What the machine would compile at each import, for many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "compileall", "-q"),
                *("--invalidation-mode=unchecked-hash", *PRODUCT),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPYCACHEPREFIX": folder},
            check=True,
            timeout=120,
        )
        made = Path(folder) / ROOT.relative_to("/")
        for path in sorted(made.rglob("*.pyc")):
            place = path.relative_to(made)
            name = f"tree/{place.parent}/__pycache__/{place.name}"
            archive.add(path, name)


def _add_programs(archive: tarfile.TarFile) -> None:
    libraries: Set[Path] = set()
    for name in PROGRAMS:
        path = _which(name)
        assert path is not None
        real = Path(os.path.realpath(path))
        # thin_delta and its kin are one program that looks at its name.
        archive.add(real, f"bin/{name}")
        libraries.update(_libraries(real))
    for library in sorted(libraries):
        archive.add(os.path.realpath(library), f"lib/{library.name}")
    for name in LVM_NAMES:
        link = tarfile.TarInfo(f"bin/{name}")
        link.type, link.linkname = tarfile.SYMTYPE, "lvm"
        archive.addfile(link)


def _which(name: str) -> Optional[str]:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _libraries(program: Path) -> Iterator[Path]:
    """The shared libraries it loads, but not the loader itself."""
    said = subprocess.run(
        ["ldd", str(program)], capture_output=True, timeout=30
    ).stdout.decode()
    for name, path in re.findall(r"^\s*(\S+) => (/\S+)", said, re.MULTILINE):
        yield Path(path).with_name(name)


def _no_test_rubbish(entry: tarfile.TarInfo) -> Optional[tarfile.TarInfo]:
    parts = entry.name.split("/")
    if parts[0] != "tree" and _LEFT_OUT & set(parts[1:]):
        return None
    if parts[-1].startswith(_LARGE) and len(parts) > 2:
        return None
    if ".opt-" in parts[-1]:
        return None
    if "__pycache__" in parts and parts[0] == "tree":
        return None
    return entry
