"""What the month refuses, in English: files, payrolls, consents, bulletins, programmes."""

MONTH_MESSAGES: dict[str, tuple[str, str]] = {
    "file_column_unknown": (
        "the file has a column too many, or one twice",
        "keep exactly the template's first line",
    ),
    "file_row_malformed": ("this line cannot be read", "count its semicolons and quotes"),
    "file_too_large": ("this file is too large", "make several"),
    "file_empty": ("this file is empty", "begin with the template's first line"),
    "cell_empty": ("this cell is empty", "fill it in"),
    "cell_too_long": ("this cell is too long", "shorten it"),
    "date_malformed": ("this date is not written as it should be", "write for example 2026-05-31"),
    "period_malformed": ("this period is not written as it should be", "write for example 2026-05"),
    "period_out_of_range": ("there is no such month", "check the period"),
    "period_mixed": ("a payroll file is about one month", "make one file per period"),
    "count_malformed": ("this number is not written in digits", "write a whole number"),
    "consent_malformed": ("the consent cannot be read", "write yes or no"),
    "consent_stale": (
        "a newer consent stands on record already",
        "set the device's clock and try again",
    ),
    "person_unknown": ("this person is not registered", "register them first"),
    "programme_unknown": ("this programme does not exist", "import the programmes first"),
    "level_unknown": ("this level does not exist", "import the levels first"),
    "minutes_out_of_range": (
        "this length of time is not possible",
        "an activity takes from 1 to 1440 minutes",
    ),
    "gross_total_invalid": (
        "this payroll's total gross wage is not what the rule asks for",
        "from ten lines on, and only then, rounded up to the next hundred",
    ),
    "bulletins_already_credited": ("these bulletins are credited already", "nothing is left to do"),
    "operation_differs": (
        "the node wants something signed that is not what it shows",
        "do not sign, and report it",
    ),
    "operations_pending_max": (
        "too many operations wait for a signature",
        "sign those that wait, or let them expire",
    ),
    "payroll_differs": (
        "the node proposes another payroll than the file's",
        "nothing is signed; report it to the town hall",
    ),
    "disclosure_malformed": (
        "this file is not a disclosed line",
        "ask whoever made it for it again",
    ),
    "disclosure_invalid": (
        "this line is not the one that the ledger holds",
        "believe nothing of it and ask where it comes from",
    ),
    "person_erased": (
        "this person was erased from the town hall's registry",
        "the code is not taken again: give another one",
    ),
    "record_in_use": (
        "this record was used already and changes no more",
        "see where it stands; only something else needs another code",
    ),
    "account_linked": (
        "this account or this code is linked to another already",
        "check the address and the code",
    ),
    "employer_unknown": ("this employer is not registered", "register it first"),
    "service_unknown": ("this service is not registered", "register it first"),
    "erasure_pending": (
        "this person stands in something that is still under way",
        "wait until it is final or given up, then try again",
    ),
    "activity_unknown": ("this activity does not exist", "read the list of activities again"),
    "batch_unknown": ("this batch of bulletins does not exist", "read the list of operations"),
    "bulletins_differ": (
        "these bulletins no longer say what the town hall's registry says",
        "do not sign them: let them expire and make them out again",
    ),
    "operation_unknown": ("this operation does not exist", "read the list of operations again"),
    "confirmation_missing": (
        "nobody is here to be asked before signing",
        "add --yes to sign what was just shown",
    ),
    "registry_missing": (
        "this node was started before, and its registry is gone",
        "restore a backup: democite node backup restore",
    ),
    "registry_behind_ledger": (
        "the ledger has credited bulletins that this registry does not know",
        "restore a newer backup of the registry, or wait for help: nothing was prepared",
    ),
    "operation_settled": ("this operation waits for no signature", "look where it stands"),
    "payroll_unknown": ("this payroll waits for no signature", "hand the file in again"),
    "payroll_empty": ("no line of this payroll pays a local share", "there is nothing to pay here"),
    "registry_unreadable": (
        "the town hall's registry cannot be read",
        "restore it from a backup (democite node backup restore)",
    ),
    "registry_of_other_territory": (
        "this registry is another territory's",
        "check the folder or the backup",
    ),
    "registry_exists": (
        "there is a registry in this folder already",
        "put it aside first, it is never written over",
    ),
    "backup_malformed": ("this file is not a whole backup", "take another copy of it"),
    "operation_released": (
        "this operation has no effect any more",
        "do it again: nothing was credited",
    ),
    "programme_not_open": (
        "this programme is not open",
        "open it: democite office programme open",
    ),
    "request_too_large": ("this request is too large", "make several smaller ones"),
}
