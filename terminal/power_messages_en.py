"""Messages and hints about powers, in English."""

POWER_MESSAGES: dict[str, tuple[str, str]] = {
    "threshold_invalid": (
        "the number of signatures required is not possible with these keys",
        "choose a threshold between 1 and the number of keys",
    ),
    "account_frozen": ("this account is frozen", "ask the town hall"),
    "key_blocked": (
        "this key is blocked",
        "use another of the account's keys, the paper key, or go to the town hall",
    ),
    "key_blocked_already": (
        "this key is blocked already",
        "nothing more needs to be done",
    ),
    "key_exists": (
        "this key is on the account already",
        "make a new key",
    ),
    "key_retired": (
        "this key was on the account once and never comes back",
        "make a new key",
    ),
    "key_set_changed": (
        "the account's keys changed meanwhile",
        "look at them and sign again",
    ),
    "keys_invalid": (
        "the account's keys cannot be changed like this",
        "see 'democite wallet devices list'",
    ),
    "change_must_wait": (
        "this change must wait",
        "make a request of it, or sign with the threshold or the paper key",
    ),
    "power_missing": (
        "these signatures do not have this power",
        "see the table of powers in docs/protocol.md",
    ),
    "request_unknown": (
        "no such request is open",
        "see 'democite wallet requests'",
    ),
    "request_stopped": (
        "the request was vetoed",
        "its maker may insist once",
    ),
    "request_agreed": (
        "three signatures agreed to the request",
        "only the paper key can still stop it",
    ),
    "request_not_stopped": (
        "no first veto stopped the request",
        "see 'democite wallet requests'",
    ),
    "request_not_disputed": (
        "the request was not vetoed twice",
        "three signatures decide after two vetoes only",
    ),
    "request_differs": (
        "the request is not the one that these signatures are for",
        "look at it again with 'office account requests', and decide anew",
    ),
    "request_not_due": (
        "the request is not due yet",
        "come back at the date that 'requests' shows",
    ),
    "request_fallen": (
        "who made the request is blocked or gone",
        "make a new one",
    ),
    "reason_unknown": (
        "this reason for a freeze is unknown",
        "1 to 5, see docs/protocol.md",
    ),
    "account_not_frozen": (
        "the account is not frozen",
        "nothing needs to be done",
    ),
    "territory_unknown": (
        "this territory is unknown",
        "the network's territories: democite network status",
    ),
    "words_invalid": (
        "these are not twelve words of a paper key",
        "look at every word; French or English, as they were shown",
    ),
}
