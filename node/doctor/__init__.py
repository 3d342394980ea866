"""`democite node doctor`: finds the mistakes that operators usually make, and says what to do.

It looks at what it is given (a data folder, a genesis, the others' addresses) and changes nothing.
It needs no passphrase, and may run beside the node.
"""
