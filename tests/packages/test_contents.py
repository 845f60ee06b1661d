# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in the packages, whose it is, and what they ask for."""

import re
import stat
from collections import Counter
from pathlib import Path
from typing import Dict, List

import pytest

from packages.conftest import PLACES, ROOT, RPMS, files_of, run, site

EXPECTED = re.compile(
    r"usr/bin/(qvm-wyng|qubes-wyng-manager|wyng-store)"
    r"|usr/bin/wyng-(ready|request-restore)"
    r"|usr/libexec/qvm-wyng/(answer|decide)"
    r"|usr/share/applications/qubes-wyng-manager\.desktop"
    r"|usr/share/icons/hicolor/scalable/apps/qubes-wyng-manager\.svg"
    r"|etc/xdg/autostart/qubes-wyng-manager\.desktop"
    r"|usr/lib/python3[.0-9]*/(site|dist)-packages/wyng_(common|dom0|store)/.+"
    r"|(usr/)?lib/systemd/system/(qvm-wyng|wyng-store)[\w@-]*\.(service|timer)"
    r"|usr/lib/systemd/system-preset/75-qvm-wyng-vm\.preset"
    r"|usr/share/bash-completion/completions/qvm-wyng"
    r"|usr/share/man/man1/(qvm-wyng|qubes-wyng-manager|wyng-store)\.1\.gz"
    r"|usr/share/man/man1/wyng-(ready|request-restore)\.1\.gz"
    r"|usr/share/(doc|licenses)/(python3-wyng-common|qvm-wyng-(dom0|vm))\S*/.+"
    r"|etc/qubes/policy\.d/80-wyng\.policy"
    r"|etc/qubes-rpc/wyng\.[A-Z][A-Za-z]+"
)
# Of Fedora 37 to 41, but for our own; and Qubes' where it is only wished for.
FEDORA = {"/bin/sh", "/usr/bin/python3", "device-mapper-persistent-data"} | {
    "lvm2",
    "python(abi)",
    "python3",
    "python3-cryptography",
    "python3-pyyaml",
    "python3-tqdm",
    "python3-zstandard",
}


def listed(package: Path, query: str = "-l") -> "List[str]":
    """Lines that rpm says of a package file."""
    return run("rpm", "-qp", query, package).splitlines()


def names_of(package: Path, query: str) -> "set[str]":
    words = {line.split()[0] for line in listed(package, query)}
    # Of rpm itself: what it must know, and that it keeps configuration.
    return {word for word in words if not re.match(r"(rpmlib|config)\(", word)}


def test_every_file_has_one_owner(packages: "Dict[str, Path]") -> None:
    owners = Counter(
        path for name in RPMS for path in set(listed(packages[name]))
    )
    assert len(owners) > 200
    assert [path for path, count in owners.items() if count > 1] == []


@pytest.mark.parametrize("place", ["dom0", "vm", "deb"])
def test_nothing_lies_where_it_should_not(
    roots: "Dict[str, Path]", place: str
) -> None:
    found = [str(path) for path in files_of(roots[place])]
    assert found
    assert [path for path in found if not EXPECTED.fullmatch(path)] == []


def modules_in(folder: Path) -> "set[Path]":
    """What a Python package is made of, without compiled files."""
    return {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


@pytest.mark.parametrize(
    "place, package, source",
    [
        ("dom0", "wyng_common", "common"),
        ("dom0", "wyng_store", "backupvm"),
        ("dom0", "wyng_dom0", "dom0"),
        ("vm", "wyng_common", "common"),
        ("vm", "wyng_store", "backupvm"),
        ("deb", "wyng_common", "common"),
        ("deb", "wyng_store", "backupvm"),
    ],
)
def test_every_module_is_installed(
    roots: "Dict[str, Path]", place: str, package: str, source: str
) -> None:
    there = modules_in(ROOT / source / package)
    assert modules_in(site(roots[place]) / package) == there
    assert Path("__init__.py") in there


@pytest.mark.parametrize("place", ["vm", "deb"])
def test_no_key_holder_is_in_the_vm(
    roots: "Dict[str, Path]", place: str
) -> None:
    assert not (site(roots[place]) / "wyng_dom0").exists()


def test_deb_has_what_the_vm_rpms_have(roots: "Dict[str, Path]") -> None:
    """Apart from licences, compiled files, and where each system wants it."""

    def names(place: str) -> "set[str]":
        return {
            path.name.removesuffix(".gz")
            for path in files_of(roots[place])
            if path.suffix != ".pyc" and "doc" not in path.parts
        }

    assert names("vm") - {"LICENSE", "75-qvm-wyng-vm.preset"} == names("deb")


def test_state_is_for_root_alone(packages: "Dict[str, Path]") -> None:
    asked = "[%{FILENAMES} %{FILEMODES:octal} %{FILEUSERNAME}\n]"
    said = run("rpm", "-qp", "--qf", asked, packages["qvm-wyng-dom0"])
    mode = stat.S_IFDIR | 0o700
    assert f"/var/lib/qvm-wyng {mode:o} root" in said.splitlines()


@pytest.mark.parametrize("name", RPMS)
def test_requires_only_what_fedora_packages(
    packages: "Dict[str, Path]", name: str
) -> None:
    asked = names_of(packages[name], "--requires")
    assert asked - FEDORA - {"python3-wyng-common"} == set()
    wished = names_of(packages[name], "--recommends")
    assert wished <= {"python3-qubesadmin", "openssh-clients"} | {
        "python3-argcomplete",
        "python3-pycryptodomex",
        "python3-pyqt6",
        "python3-qrcode",
    }


@pytest.mark.parametrize("place", PLACES)
def test_both_sides_ask_for_the_same_common(
    packages: "Dict[str, Path]", place: str
) -> None:
    version = (ROOT / "version").read_text().strip()
    rel = (ROOT / "rel").read_text().strip()
    wanted = f"python3-wyng-common = {version}-{rel}"
    assert wanted in listed(packages[PLACES[place][1]], "--requires")


@pytest.mark.parametrize("place", ["dom0", "vm", "deb"])
def test_programs_import_nothing_of_the_caller(
    roots: "Dict[str, Path]", place: str
) -> None:
    programs = sorted((roots[place] / "usr/bin").iterdir())
    assert programs
    for program in programs:
        first = program.read_text().splitlines()[0]
        assert first == "#!/usr/bin/python3 -I"
        assert program.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("place", ["dom0", "vm", "deb"])
def test_every_program_has_its_manual(
    roots: "Dict[str, Path]", place: str
) -> None:
    programs = {path.name for path in (roots[place] / "usr/bin").iterdir()}
    pages = (roots[place] / "usr/share/man/man1").iterdir()
    assert {path.name for path in pages} == {f"{p}.1.gz" for p in programs}


def test_licence_is_the_one_of_the_sources(
    packages: "Dict[str, Path]",
) -> None:
    for name in RPMS:
        said = run("rpm", "-qp", "--qf", "%{LICENSE} %{ARCH}", packages[name])
        assert said == "GPL-2.0-or-later noarch"
