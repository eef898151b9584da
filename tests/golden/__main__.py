"""`python -m tests.golden` keeps what is there now in the place of what was; with `-k NAME` a part of it.

Whoever does so says in their commit why what was kept is no longer true.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.golden.kept import RECORD

os.environ[RECORD] = "1"
sys.exit(pytest.main(["tests/test_golden.py", "-m", "slow or not slow", "-n0", *sys.argv[1:]]))
