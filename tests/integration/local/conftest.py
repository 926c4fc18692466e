"""Where root may not make user namespaces, PostgreSQL is run as another user, who must be able to enter."""

import os
import stat
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folders_that_all_may_enter(tmp_path_factory: pytest.TempPathFactory) -> None:
    """pytest makes its folders for their owner only; a folder that is entered is not yet read."""
    top = Path(tempfile.gettempdir())
    base = tmp_path_factory.getbasetemp()
    for folder in [base, *base.parents]:
        if os.geteuid() == 0 and top in folder.parents and folder.stat().st_uid == 0:
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o011)


@pytest.fixture(autouse=True)
def own_folder_that_all_may_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
