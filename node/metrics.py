"""Prometheus metrics, named as CometBFT names them where it has one."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from node.answers import FinalBlock
from node.territory import TerritoryNode

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_GAUGES = ("_bytes_held", "_open", "_pending", "_connected")
_COMETBFT_COUNTERS = {
    "transactions_refused": "cometbft_mempool_failed_txs",
    "peer_bytes_sent": "cometbft_p2p_message_send_bytes",
    "peer_bytes_received": "cometbft_p2p_message_receive_bytes",
}
_INTERVAL_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 300.0)
MS_PER_SECOND = 1_000


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
        self._interval = Histogram(
            "cometbft_consensus_block_interval_seconds",
            "time between a final block and the one before it",
            buckets=_INTERVAL_SECONDS,
            registry=self._registry,
        )
        self._block_transactions = Gauge(
            "cometbft_consensus_num_txs",
            "transactions in the newest final block",
            registry=self._registry,
        )
        self._requests = Counter(
            "democite_http_requests",
            "answers by route and status",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._newest_time_ms = 0
        node.on_final(self._on_final)

    def count_request(self, method: str, route: str, status: int) -> None:
        """Note an answer. `route` is the path's template: it names nobody. Empty where there is no
        route; the method is left out then too, since anyone may invent one."""
        self._requests.labels(method if route else "", route, str(status)).inc()

    def _on_final(self, block: FinalBlock) -> None:
        time_ms = block.certified.header.time_ms
        if self._newest_time_ms:
            self._interval.observe((time_ms - self._newest_time_ms) / MS_PER_SECOND)
        self._newest_time_ms = time_ms
        self._block_transactions.set(len(block.transaction_ids))

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        status = self._node.status()
        counters = self._node.counters()
        total = int(counters.pop("transactions_final", 0))
        evidence = int(counters.pop("evidence", 0))
        gauges = {
            "cometbft_consensus_total_txs": ("transactions that are final", total),
            "cometbft_consensus_byzantine_validators": ("proofs that a member lied", evidence),
            "cometbft_consensus_height": ("height of the newest final block", status.height),
            "cometbft_consensus_rounds": ("the present view", status.view),
            "cometbft_consensus_validators": ("members of the set", status.members),
            "cometbft_p2p_peers": ("peers connected", sum(p.connected for p in status.peers)),
            "democite_first_height": ("height of the oldest block kept", status.first_height),
            "democite_epoch": ("the present epoch", status.epoch),
            "democite_rule_version_unknown": (
                "rules that were voted or proposed and that this program does not know, or 0",
                status.rule_version_unknown or 0,
            ),
            "cometbft_mempool_size": ("transactions waiting", status.mempool_transactions),
            "cometbft_mempool_size_bytes": ("bytes waiting", status.mempool_bytes),
            "democite_ready": ("1 when ready", int(status.ready)),
            "democite_observing": ("1 when it follows and never votes", int(status.observing)),
            "democite_sockets_open": ("open event sockets", self._sockets()),
            "democite_connections_open": ("open HTTP connections", self._connections()),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(name, text, value=value)
        for name, number in sorted(counters.items()):
            text = name.replace("_", " ")
            if name.endswith(_GAUGES):
                yield GaugeMetricFamily(f"democite_{name}", text, value=number)
            else:
                shown = _COMETBFT_COUNTERS.get(name, f"democite_{name}")
                yield CounterMetricFamily(shown, text, value=number)
