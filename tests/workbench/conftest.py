from __future__ import annotations

from pathlib import Path

import pytest
from workbench_session import Session, make_session

from wbtools.errors import CommandMissing
from wbtools.workbench.runner import Workbench


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return make_session(tmp_path / "out")


@pytest.fixture(scope="session")
def wb() -> Workbench:
    try:
        return Workbench.find()
    except CommandMissing as missing:
        pytest.skip(str(missing))
