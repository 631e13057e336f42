"""The study that others are compared with."""

import pytest
from studies import study


@pytest.fixture(scope="session")
def alone():
    """One thread, nothing cut."""
    return study()
