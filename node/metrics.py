"""Prometheus metrics, named as CometBFT names them where it has one."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from node.territory import TerritoryNode

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_GAUGES = ("_bytes_held", "_open", "_pending", "_connected")


class Metrics:
    """What one node counts, read when it is asked for."""

    def __init__(
        self, node: TerritoryNode, sockets: Callable[[], int], connections: Callable[[], int]
    ) -> None:
        self._node = node
        self._sockets = sockets
        self._connections = connections
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        status = self._node.status()
        gauges = {
            "cometbft_consensus_height": ("height of the newest final block", status.height),
            "cometbft_consensus_rounds": ("the present view", status.view),
            "cometbft_consensus_validators": ("members of the set", len(status.peers) + 1),
            "cometbft_p2p_peers": ("members connected", sum(p.connected for p in status.peers)),
            "cometbft_mempool_size": ("transactions waiting", status.mempool_transactions),
            "cometbft_mempool_size_bytes": ("bytes waiting", status.mempool_bytes),
            "democite_ready": ("1 when ready", int(status.ready)),
            "democite_observing": ("1 when it follows and never votes", int(status.observing)),
            "democite_sockets_open": ("open event sockets", self._sockets()),
            "democite_connections_open": ("open HTTP connections", self._connections()),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(name, text, value=value)
        for name, number in sorted(self._node.counters().items()):
            text = name.replace("_", " ")
            if name.endswith(_GAUGES):
                yield GaugeMetricFamily(f"democite_{name}", text, value=number)
            else:
                yield CounterMetricFamily(f"democite_{name}", text, value=number)
