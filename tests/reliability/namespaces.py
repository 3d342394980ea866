"""A network namespace for each node, joined by a bridge; nftables drops what a test wants lost.

All of it needs root, `ip` and `nft`; `why_not` says what is missing. What was made is removed.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
HOSTS_MAX = 9


def run(*words: str, stdin: str = "") -> str:
    """Run a command of the system; raises OSError where it fails."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, input=stdin,
        env={**os.environ, "PATH": PATH},
    )  # fmt: skip
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Namespaces:
    """Namespaces `dm<tag>n1…`, hosts 10.<tag>.0.1…, and the tests' own 10.<tag>.0.254."""

    def __init__(self, count: int) -> None:
        if not 0 < count <= HOSTS_MAX:
            raise ValueError("few namespaces")
        self.tag = 64 + os.getpid() % 150
        self.bridge = f"dm{self.tag}br"
        self.names = [f"dm{self.tag}n{index}" for index in range(1, count + 1)]
        self.hosts = [f"10.{self.tag}.0.{index}" for index in range(1, count + 1)]

    def make(self) -> None:
        """Make all; raises OSError, and leaves nothing then."""
        try:
            run("ip", "link", "add", self.bridge, "type", "bridge")
            run("ip", "addr", "add", f"10.{self.tag}.0.254/24", "dev", self.bridge)
            run("ip", "link", "set", self.bridge, "up")
            for name, host in zip(self.names, self.hosts, strict=True):
                run("ip", "netns", "add", name)
                inside, outside = f"{name}i", f"{name}o"
                run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside)
                run("ip", "link", "set", inside, "netns", name)
                run("ip", "link", "set", outside, "master", self.bridge, "up")
                run("ip", "-n", name, "addr", "add", f"{host}/24", "dev", inside)
                run("ip", "-n", name, "link", "set", inside, "up")
                run("ip", "-n", name, "link", "set", "lo", "up")
            self.drop(0, [])
        except OSError:
            self.remove()
            raise

    def remove(self) -> None:
        """Remove what is there."""
        for words in (
            *(("ip", "netns", "del", name) for name in self.names),
            *(("ip", "link", "del", f"{name}o") for name in self.names),
            ("ip", "link", "del", self.bridge),
        ):
            subprocess.run(
                words, capture_output=True, check=False, env={**os.environ, "PATH": PATH}
            )

    def drop(self, receiver: int, senders: Sequence[int], percent: int = 100) -> None:
        """From now on `receiver` loses what comes from `senders`: all of it, or so much of it."""
        chance = "" if percent >= 100 else f"numgen random mod 100 < {percent} "
        rules = "".join(f"ip saddr {self.hosts[one]} {chance}drop\n" for one in senders)
        run(
            "ip", "netns", "exec", self.names[receiver], "nft", "-f", "-",
            stdin="table inet democite\ndelete table inet democite\n"
            "table inet democite {\nchain lost {\n"
            f"type filter hook input priority 0; policy accept;\n{rules}}}\n}}\n",
        )  # fmt: skip

    def heal(self) -> None:
        """Nothing is lost any more."""
        for index in range(len(self.names)):
            self.drop(index, [])


def why_not() -> str:
    """What keeps this machine from having namespaces with nftables; "" if nothing does."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "nft"):
        if shutil.which(program, path=PATH) is None:
            return f"`{program}` is not installed"
    tried = Namespaces(1)
    try:
        tried.make()
    except OSError as error:
        return f"no namespaces with nftables here: {error}"
    tried.remove()
    return ""
