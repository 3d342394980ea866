"""The two families of errors.

`Refused` means that the input is at fault: it carries a stable code that clients translate.
`InvariantBroken` means that we are at fault, or that more than f members are: a node that meets
one stops rather than vote.
"""


class Refused(Exception):
    """An input was refused; nothing was changed.

    `code` is stable and never translated. `detail` says what and where, `hint` what to do;
    `file`, `line` (from 1) and `field` name the place when the input is a file.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        hint: str = "",
        file: str | None = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.file = file
        self.line = line
        self.field = field

    def without_trace(self) -> "Refused":
        """Itself, for whoever keeps it: a traceback keeps all that its frames held, such as the
        state of a whole block, and a frame that holds the refusal keeps itself."""
        self.__traceback__ = self.__context__ = self.__cause__ = None
        return self

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class InvariantBroken(Exception):
    """Something that the rules make impossible happened: a bug of ours, or more than f faulty."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
