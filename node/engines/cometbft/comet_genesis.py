"""CometBFT's genesis file, from ours.

Its `app_state` carries our whole genesis, so that InitChain can hold it against the network id: the
chain's name has 40 hex digits of the id only. What CometBFT does not hash into its headers stands
in the genesis, and so in the id.

Source: CometBFT v0.38, `types/genesis.go`, `spec/core/genesis.md`.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from node.engines.cometbft.messages import KEY_TYPE, NANOSECONDS_PER_SECOND, ConsensusParams
from primitives.errors import InvariantBroken, Refused

PUBLIC_KEY_TYPE = "tendermint/PubKeyEd25519"
PRIVATE_KEY_TYPE = "tendermint/PrivKeyEd25519"
VALIDATOR_POWER = 1
"""Every territory has one vote."""


@dataclass(frozen=True, slots=True)
class GenesisValidator:
    """A territory's voting key, and its short name."""

    public_key: bytes
    name: str


@dataclass(frozen=True, slots=True)
class CometGenesis:
    """What the file says. `genesis` are the canonical bytes of ours, `app_hash` the first root.

    `params` must be whole. `initial_height` is 1, or where a successor goes on.
    """

    chain_id: str
    time_ns: int
    params: ConsensusParams
    validators: Sequence[GenesisValidator]
    genesis: bytes
    app_hash: bytes = b""
    initial_height: int = 1

    def encode(self) -> bytes:
        """The file, the same on every node."""
        content = {
            "genesis_time": rfc3339(self.time_ns),
            "chain_id": self.chain_id,
            "initial_height": str(self.initial_height),
            "consensus_params": params_json(self.params),
            "validators": [
                {
                    "pub_key": typed_key(PUBLIC_KEY_TYPE, validator.public_key),
                    "power": str(VALIDATOR_POWER),
                    "name": validator.name,
                }
                for validator in self.validators
            ],
            "app_hash": self.app_hash.hex().upper(),
            "app_state": {"genesis": base64.b64encode(self.genesis).decode()},
        }
        return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def genesis_of(app_state: bytes) -> bytes:
    """Our genesis's bytes, out of what InitChain hands over. Not checked against any id.

    Raises `Refused("genesis_malformed")`.
    """
    try:
        found = json.loads(app_state)
        return base64.b64decode(found["genesis"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise Refused("genesis_malformed", "CometBFT's app_state holds no genesis") from None


def params_json(params: ConsensusParams) -> dict[str, object]:
    """Consensus parameters as the file has them."""
    block, evidence, types = params.block, params.evidence, params.public_key_types
    if block is None or evidence is None:
        raise InvariantBroken("the first consensus parameters are whole")
    return {
        "block": {"max_bytes": str(block.max_bytes), "max_gas": str(block.max_gas)},
        "evidence": {
            "max_age_num_blocks": str(evidence.max_age_num_blocks),
            "max_age_duration": str(evidence.max_age_duration_ns),
            "max_bytes": str(evidence.max_bytes),
        },
        "validator": {"pub_key_types": list(types or (KEY_TYPE,))},
        "version": {"app": str(params.app_version or 0)},
        "abci": {"vote_extensions_enable_height": "0"},
    }


def typed_key(kind: str, raw: bytes) -> dict[str, str]:
    """A key as CometBFT's JSON has it."""
    return {"type": kind, "value": base64.b64encode(raw).decode()}


def rfc3339(time_ns: int) -> str:
    """A time as CometBFT's JSON has it, to the nanosecond."""
    seconds, rest = divmod(time_ns, NANOSECONDS_PER_SECOND)
    # Not `strftime`: it does not pad the year 1, which stands in the place of no time.
    whole = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    return f"{whole}.{rest:09d}Z"
