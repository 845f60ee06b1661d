# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Put a file of qrexec policy in place: `install_policy SOURCE TARGET`.

Lints it and renames it; what can't be meant leaves all as it was.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from wyng_common.errors import WyngError
from wyng_dom0.errors import BadInput
from wyng_dom0.state.policy import FILE_MAX, install_policy


def main(words: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 with one sentence on standard error."""
    given = sys.argv[1:] if words is None else list(words)
    try:
        if len(given) != 2:
            raise BadInput("usage: install_policy SOURCE TARGET")
        with open(given[0], "rb") as file:
            data = file.read(FILE_MAX + 1)
        if len(data) > FILE_MAX:
            raise BadInput(f"a policy has at most {FILE_MAX} bytes")
        install_policy(data.decode("ascii", "replace"), Path(given[1]))
    except (WyngError, OSError) as error:
        sys.stderr.write(f"install_policy: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
