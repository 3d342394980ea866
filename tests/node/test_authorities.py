"""What a territory brings as its X.509 authority is loaded by every node of the network."""

import ssl
import warnings

import pytest
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from node.peer_circle import member_addresses
from node.peers.certificates import check_authority, issuer_of, make_authority, make_transport
from node.peers.tls import server_context
from primitives.errors import Refused
from primitives.signatures import SigningKey

KEY, OTHER = SigningKey.from_seed(bytes(32)), SigningKey.from_seed(bytes(31) + b"1")
AUTHORITY = make_authority(KEY)
_TAIL = bytes.fromhex("300506032b6570") + b"\x03\x41\x00"
"""Ed25519, and a bit string of 64 bytes."""


def signed_anew(content: bytes) -> bytes:
    """A certificate around these bytes, with a good signature of the voting key."""
    body = content + _TAIL + KEY.sign(content)
    return b"\x30\x82" + len(body).to_bytes(2, "big") + body


def bent(place: int, byte: int) -> bytes:
    """The authority with one byte changed, signed again: what a hostile territory can bring."""
    content = bytearray(x509.load_der_x509_certificate(AUTHORITY).tbs_certificate_bytes)
    content[place] = byte
    return signed_anew(bytes(content))


class Member:
    """What of a member says who it is."""

    prefix, peer = "dune", "dune:7000"

    def __init__(self, key: SigningKey, authority_der: bytes) -> None:
        self.voting_key, self.authority_der = key.public_key, authority_der


HOSTILE = {
    "a version that is none": bent(8, 1),
    "a key of an unknown kind": bent(213, 0),
    "a name that is no text": bent(141, 3),
    "what OpenSSL takes for no authority": bent(26, 12),
    "another's": make_authority(OTHER),
    "another signature": AUTHORITY[:-64] + OTHER.sign(AUTHORITY),
    "one byte more": AUTHORITY + b"\x00",
    "one byte less": AUTHORITY[:-1],
    "a signature alone": AUTHORITY[-64:],
    "nothing": b"",
}


@pytest.mark.parametrize("what", list(HOSTILE))
def test_a_hostile_authority_leaves_out_who_brought_it_and_nobody_else(what: str) -> None:
    """Each of these but the last few was signed by the voting key, and was voted in."""
    members = [Member(KEY, HOSTILE[what]), Member(OTHER, make_authority(OTHER))]
    found, faults = member_addresses(members, {})
    assert set(found) == {OTHER.public_key}
    assert len(faults) == 1 and KEY.public_key.hex()[:16] in faults[0]
    key_pem, certificate_pem = make_transport(OTHER)
    server_context(key_pem, certificate_pem, [one.authority_der for one in found.values()])


def test_no_change_of_a_byte_is_taken_nor_raises_anything_else() -> None:
    size = len(x509.load_der_x509_certificate(AUTHORITY).tbs_certificate_bytes)
    assert signed_anew(x509.load_der_x509_certificate(AUTHORITY).tbs_certificate_bytes) == AUTHORITY
    original = x509.load_der_x509_certificate(AUTHORITY).tbs_certificate_bytes
    for place in range(size):
        for byte in (0, 1, 3, 12, 0x7F, 0x80, 0xFF, original[place] ^ 1):
            if byte != original[place]:
                with pytest.raises(Refused, match="card_malformed"):
                    check_authority(bent(place, byte), KEY.public_key)


def test_a_voting_key_that_is_no_point_has_no_authority() -> None:
    with pytest.raises(Refused, match="card_malformed"):
        check_authority(AUTHORITY, b"short")


def test_whatever_is_shown_as_a_certificate_has_an_issuer_or_none() -> None:
    """The doctor reads certificates that nobody verified, nodes those that a member signed."""
    keys = frozenset({KEY.public_key})
    _, leaf_pem = make_transport(KEY)
    leaf = ssl.PEM_cert_to_DER_cert(leaf_pem.decode())
    assert issuer_of(leaf, keys) == KEY.public_key
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for place in range(len(leaf)):
            for byte in (0, 1, 3, 12, 0x80, leaf[place] ^ 1):
                changed = leaf[:place] + bytes([byte]) + leaf[place + 1 :]
                if changed != leaf:
                    assert issuer_of(changed, keys) in (None, KEY.public_key)


def test_an_authority_stays_the_same_bytes() -> None:
    """A library that wrote it another way would tear the network apart, node by node."""
    assert AUTHORITY.hex() == (
        "308201ad3082015fa003020102020101300506032b6570304b3149304706035504030c4033623661"
        "32376263636562366134326436326133613864303261366630643733363533323135373731646532"
        "34336136336163303438613138623539646132393020170d3030303130313030303030305a180f39"
        "393939313233313233353935395a304b3149304706035504030c4033623661323762636365623661"
        "34326436326133613864303261366630643733363533323135373731646532343361363361633034"
        "3861313862353964613239302a300506032b65700321003b6a27bcceb6a42d62a3a8d02a6f0d7365"
        "3215771de243a63ac048a18b59da29a366306430120603551d130101ff040830060101ff02010030"
        "0e0603551d0f0101ff040403020106301d0603551d0e041604148c30c97e7fd5460ce3b962db4cd7"
        "5879eecd8abd301f0603551d230418301680148c30c97e7fd5460ce3b962db4cd75879eecd8abd30"
        "0506032b6570034100a714ed0c23fb66f508c753c454d1da7299175db5b9f34b10fcb84d9cb7e591"
        "83306d03a02b92fe181abb3d26d58ba899dfb6fc01720ea2c46f8d48128e6d860c"
    )
