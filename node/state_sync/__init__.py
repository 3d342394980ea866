"""Beginning with a snapshot of the others instead of every block since the genesis.

`run` fetches the parts of one snapshot from several peers at once and checks each as it comes;
`staging` keeps them in a store of their own, beside the node's, so that a killed node goes on where
it was and nothing half-made is ever read; `adoption` puts the finished store in the place of the
old one, whatever it is interrupted by.
"""
