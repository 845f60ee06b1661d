# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The real windows on a real screen, from the first archive to a restore."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from applet import whole_story
from applet.screen import has_screen_program, screen

PICTURES = 9


@pytest.mark.skipif(not has_screen_program(), reason="there is no Xvfb")
def test_user_gets_from_nothing_to_a_restored_volume(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Pictures stay in build/pictures, for people to look at."""
    pictures = Path(__file__).parents[2] / "build" / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("?-*.png"):
        old.unlink()
    # No more than that: other tests may have put more on our own path.
    roots = [str(each) for each in pytestconfig.getini("pythonpath")]
    with screen() as display:
        done = subprocess.run(
            [sys.executable, whole_story.__file__, tmp_path / "m", pictures],
            env={
                **os.environ,
                "DISPLAY": display,
                "QT_QPA_PLATFORM": "xcb",
                "PYTHONPATH": os.pathsep.join(roots),
                "HOME": str(tmp_path),
                "XDG_RUNTIME_DIR": str(tmp_path),
            },
            capture_output=True,
            text=True,
            timeout=900,
        )
    assert done.returncode == 0, done.stderr
    assert len(list(pictures.glob("?-*.png"))) == PICTURES
