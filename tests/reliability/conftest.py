"""`pytest --hypothesis-profile long tests/reliability/test_fuzz.py` fuzzes for a few minutes."""

from hypothesis import settings

settings.register_profile("long", max_examples=20_000, deadline=None)
