"""The version that a file says it has."""

from primitives.errors import Refused


def check_version(found: object, expected: int) -> None:
    """Refuse any other (`version_unknown`); `true` is none, though it equals 1."""
    if type(found) is not int or found != expected:
        raise Refused("version_unknown", field="version")
