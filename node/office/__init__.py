"""The territory's office: what its node does with the registry on one side, the ledger on the
other. What the node signs is in the registry before it leaves."""
