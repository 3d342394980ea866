"""`pytest --hypothesis-profile long PATH/test_fuzz.py` fuzzes for a few minutes, in any of the
folders that have one."""

from hypothesis import settings

settings.register_profile("long", max_examples=20_000, deadline=None)
