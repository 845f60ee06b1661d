# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The wizards: for a new archive, and for one that is there already."""

from wyng_dom0.applet.wizard.archive_wizard import (
    ArchiveWizard as ArchiveWizard,
)
from wyng_dom0.applet.wizard.existing_wizard import (
    ExistingArchiveWizard as ExistingArchiveWizard,
)
