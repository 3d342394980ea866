"""The town hall's and the issuer's side: opening accounts, issuing and redeeming money.

Staff sign with the territory's signing keys, an issuer with its own; in law they need not be the
same people, and here they never share a key. Both use the wallet's desk: their lanes, outboxes and
retries work as a resident's do.
"""
