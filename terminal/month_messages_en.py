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
}
