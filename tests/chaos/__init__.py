"""What is promised for the day on which servers fail and processes die, held against real ones."""

import pytest

pytest.register_assert_rewrite("tests.chaos.truth")
