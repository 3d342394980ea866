"""The employer's side: a month's payroll, checked, signed, countersigned by the town hall, paid.

The file and the wages in it stay between the employer and its town hall; the ledger gets amounts
and commitments.
"""
