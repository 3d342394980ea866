"""Snapshots: the state after one block, in parts that each can be checked against a final header.

A snapshot at height h holds the objects of the state after block h − 1, in slot order and chunks
of 2^level slots, and the ids of all receipts before block h, in chunks of the receipt log. Its
manifest names the root of every part; together they give the state root that header h carries. So
whoever has the header certified can check the manifest, then each part as it comes, and nobody
needs to be trusted for any of it. Made by `making`, kept by `shelf`, fetched by `node.state_sync`.
"""
