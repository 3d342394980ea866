"""Kinds of accounts, and what each may do (docs/protocol.md, section 2)."""

from __future__ import annotations

from typing import Final

RESIDENT: Final = "resident"
SERVICE: Final = "service"
EMPLOYER: Final = "employer"
PROGRAMME: Final = "programme"
COMMONS: Final = "commons"
TERRITORY: Final = "territory"
ISSUER: Final = "issuer"

KINDS_ALL: Final = frozenset({RESIDENT, SERVICE, EMPLOYER, PROGRAMME, COMMONS, TERRITORY, ISSUER})
KINDS_OPENED: Final = frozenset({RESIDENT, SERVICE, EMPLOYER, COMMONS})
"""Kinds that `account.open` opens."""

KINDS_CREDITED: Final = frozenset({RESIDENT, SERVICE, EMPLOYER, PROGRAMME, COMMONS})
"""Kinds that money may go to. Territories and issuers act, they hold nothing."""

EURO: Final = "euro"
TIME: Final = "time"
CURRENCY_KINDS: Final = frozenset({EURO, TIME})
