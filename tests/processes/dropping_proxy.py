"""A proxy that passes requests on and can lose the answers."""

import socket
import threading
from types import TracebackType
from typing import Self


class DroppingProxy:
    """Forwards TCP to one address. With `drops`, what comes back is thrown away and the
    connection cut: the node has the request, and the client does not know."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.drops_after = b""
        self.dropped = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One connection: requests up, answers down, until it is time to drop one."""
        with client:
            try:
                node = socket.create_connection(self._target, timeout=30)
            except OSError:
                return
            with node:
                asked = threading.Event()
                up = threading.Thread(target=self._up, args=(client, node, asked), daemon=True)
                up.start()
                node.settimeout(60)
                try:
                    while answer := node.recv(65_536):
                        if asked.is_set():
                            self.dropped += 1
                            return
                        client.sendall(answer)
                except OSError:
                    return

    def _up(self, client: socket.socket, node: socket.socket, asked: threading.Event) -> None:
        try:
            while request := client.recv(65_536):
                if self.drops_after and self.drops_after in request:
                    asked.set()
                node.sendall(request)
        except OSError:
            return
