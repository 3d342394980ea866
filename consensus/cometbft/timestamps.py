"""Times in nanoseconds since 1970, as protobuf's Timestamp and as RFC 3339 text.

Go's zero time, the year 1, stands in the place of an absent vote and is before 1970, so seconds may
be negative. Whole numbers only: a float has no room for nanoseconds. The calendar is reckoned by
Howard Hinnant's `days_from_civil`, since a pure package has no `datetime`.
"""

import re

from consensus.cometbft.wire import VARINT, Message, not_canonical, number_field

NS_PER_SECOND = 10**9
NS_PER_MS = 10**6
ZERO_TIME_NS = -62_135_596_800 * NS_PER_SECOND
"""0001-01-01T00:00:00Z, Go's `time.Time{}`."""
_SECONDS_MIN = -62_135_596_800
_SECONDS_MAX = 253_402_300_799
_TEXT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


def encode_time(time_ns: int) -> bytes:
    """The content of a `google.protobuf.Timestamp`."""
    seconds, nanos = divmod(time_ns, NS_PER_SECOND)
    return number_field(1, seconds) + number_field(2, nanos)


def decode_time(raw: bytes) -> int:
    """Read one; the years 1 to 9999. Raises `Refused("encoding_not_canonical")`."""
    message = Message(raw, {1: VARINT, 2: VARINT}, "a time")
    seconds = message.number(1, least=_SECONDS_MIN, most=_SECONDS_MAX)
    return seconds * NS_PER_SECOND + message.number(2, most=NS_PER_SECOND - 1)


def time_from_text(text: str) -> int:
    """A time as CometBFT's JSON has it, in UTC. Raises `Refused("encoding_not_canonical")`."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise not_canonical("a time is written 2026-01-31T12:00:00.5Z")
    year, month, day, hour, minute, second = [int(found[place]) for place in range(1, 7)]
    days_of_month = (31, 28 + _is_leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= days_of_month[month - 1]):
        raise not_canonical("no such day")
    if hour > 23 or minute > 59 or second > 59:
        raise not_canonical("no such time of day")
    seconds = (_days_since_1970(year, month, day) * 24 + hour) * 3600 + minute * 60 + second
    return seconds * NS_PER_SECOND + int((found[7] or "").ljust(9, "0"))


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_since_1970(year: int, month: int, day: int) -> int:
    """Of the proleptic Gregorian calendar. Years begin in March here: a leap day is their last."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468
