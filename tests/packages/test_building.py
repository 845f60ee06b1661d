# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How the packages come to be: reproducibly, of one version, and cleanly."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest

from packages.conftest import ROOT, RPMS, build, files_of, run

sys.path.insert(0, str(ROOT / "rpm_spec"))
from render_spec import render_changelog, render_spec  # noqa: E402

IGNORED = shutil.ignore_patterns(
    ".git", ".venv*", "build", "tests", "bench", "*.egg-info", ".*_cache"
)


def test_the_same_source_gives_the_same_packages(
    packages: "Dict[str, Path]", tmp_path: Path
) -> None:
    """Whoever builds it, wherever, whenever, with whatever umask."""
    tree = tmp_path / "another-place"
    shutil.copytree(ROOT, tree, ignore=IGNORED, copy_function=shutil.copyfile)
    for path in (ROOT / "debian/rules", ROOT / "dom0/qvm-wyng"):
        shutil.copymode(path, tree / path.relative_to(ROOT))
    before = os.umask(0o077)
    try:
        again = build(
            tree, tmp_path / "built", TZ="Asia/Tokyo", LC_ALL="C.UTF-8"
        )
    finally:
        os.umask(before)
    for name, package in packages.items():
        assert again[name].read_bytes() == package.read_bytes(), name


def test_all_versions_agree() -> None:
    version = (ROOT / "version").read_text().strip()
    rel = (ROOT / "rel").read_text().strip()
    newest = (ROOT / "debian/changelog").read_text().split("\n", 1)[0]
    assert newest.startswith(f"qvm-wyng ({version}-{rel}) ")
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_builder_finds_every_spec() -> None:
    said = (ROOT / ".qubesbuilder").read_text()
    for name in RPMS:
        assert (ROOT / "rpm_spec" / f"{name}.spec.in").is_file()
        assert f"- rpm_spec/{name}.spec\n" in said


DEBIAN = """\
qvm-wyng (0.2.0-1) unstable; urgency=medium

  * One thing that takes
    two lines.
  * Another.

 -- The qvm-wyng developers <d@x.invalid>  Tue, 01 Dec 2026 08:00:00 +0000

qvm-wyng (0.1.0-1) unstable; urgency=medium

  * First.

 -- The qvm-wyng developers <d@x.invalid>  Mon, 23 Nov 2026 12:00:00 +0000
"""


def test_changelog_is_rendered_as_specs_want_it() -> None:
    assert render_changelog(DEBIAN) == (
        "* Tue Dec 01 2026 The qvm-wyng developers <d@x.invalid> - 0.2.0-1\n"
        "- One thing that takes two lines.\n"
        "- Another.\n\n"
        "* Mon Nov 23 2026 The qvm-wyng developers <d@x.invalid> - 0.1.0-1\n"
        "- First."
    )


def test_placeholder_that_nothing_fills_is_refused() -> None:
    assert render_spec("@VERSION@-@REL@", "1.0", "2", "") == "1.0-2"
    with pytest.raises(ValueError, match="@SUMMARY@"):
        render_spec("@VERSION@ @SUMMARY@", "1.0", "2", "")


def test_rpmlint_has_nothing_to_say(packages: "Dict[str, Path]") -> None:
    if shutil.which("rpmlint") is None:
        pytest.skip("rpmlint is not installed")
    rpms = [str(packages[name]) for name in RPMS]
    config = ROOT / "rpm_spec" / "rpmlint.toml"
    done = subprocess.run(
        ["/usr/bin/rpmlint", "--config", str(config), *rpms],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert "0 errors, 0 warnings" in done.stdout, done.stdout + done.stderr


def test_uninstall_leaves_nothing_but_state(
    packages: "Dict[str, Path]", tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("rpm --root needs root")
    root = tmp_path / "root"
    (root / "var/lib/rpm").mkdir(parents=True)
    database = Path("var/lib/rpm")
    words = ["rpm", "--root", str(root), "--dbpath", f"/{database}"]
    rpms = [packages[name] for name in RPMS]
    run(*words, "-i", "--nodeps", "--noscripts", "--force-debian", *rpms)
    state = root / "var/lib/qvm-wyng"
    assert state.stat().st_mode & 0o7777 == 0o700
    (state / "archives").mkdir()
    (state / "archives/a.yaml").write_text("kept: true\n")
    run(*words, "-e", "--nodeps", "--noscripts", "--force-debian", *RPMS)
    left = [p for p in files_of(root) if "rpm" not in str(p)]
    assert left == [Path("var/lib/qvm-wyng/archives/a.yaml")]
    folders = {p.name for p in root.rglob("*wyng*") if p.is_dir()}
    assert folders == {"qvm-wyng"}
