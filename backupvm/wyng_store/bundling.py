# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The store as one file that any Python 3.9 can run: a zipapp.

The same sources give the same bytes, so that it can be kept by its hash.
"""

import io
import zipfile
from pathlib import Path

import wyng_common
import wyng_store

_MAIN = """import sys

from wyng_store.main import main

sys.exit(main())
"""
# The oldest time that a zip file knows.
_TIME = (1980, 1, 1, 0, 0, 0)


def bundle() -> bytes:
    """The bytes of the zipapp."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", _MAIN.encode())
        for package in (wyng_common, wyng_store):
            (folder,) = map(Path, package.__path__)
            for path in sorted(folder.glob("*.py")):
                _add(archive, f"{folder.name}/{path.name}", path.read_bytes())
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)
