"""More than f members lost for good: a new network that goes on from the old one's state.

`drafting` makes the new genesis out of a surviving node's data, `endorsing` gathers the recovery
keys under it, `taking_over` turns a data folder of the old network into one of the new. What is
decided and why: docs/protocol.md, section 5, and docs/adr/0018-succession.md.
"""
