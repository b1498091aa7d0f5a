"""How much is tried: little and always the same among the tests, much at random in `make fuzz`."""

import os
from datetime import timedelta

from hypothesis import HealthCheck, settings

_SHARED = {
    "deadline": timedelta(seconds=20),  # Of one example; what takes longer counts as hanging.
    "database": None,
    "print_blob": True,
    "suppress_health_check": [
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
}

settings.register_profile("tests", derandomize=True, max_examples=100, **_SHARED)
settings.register_profile("fuzz", max_examples=1500, **_SHARED)
settings.load_profile("fuzz" if os.environ.get("FACEAUTH_FUZZ") else "tests")
