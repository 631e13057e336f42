"""The town of `quiet_town`, made once."""

from __future__ import annotations

import pandas as pd
import pytest
from quiet_town import sky, town


@pytest.fixture(scope="session")
def load() -> pd.DataFrame:
    return town()


@pytest.fixture(scope="session")
def air() -> pd.DataFrame:
    return sky()
