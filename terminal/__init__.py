"""How every command of Démocité speaks: results, error lines, exit codes, languages.

`node`, `wallet` and `clients` each bring command groups and may not import each other, so what
their commands share stands here, just above `primitives`.

Rules of this package (`interface.md`, "Every command"):

- results go to stdout, messages to stderr; with `--json` stdout holds exactly one object;
- a failure is `error[CODE]: …` and `hint: …`; codes are never translated, messages are;
- no secret is ever read from the command line;
- nothing slow is imported here: `--help` must answer at once.
"""
