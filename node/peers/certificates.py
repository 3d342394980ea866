"""A territory's X.509 authority, issued by its voting key, and the transport certificate under it.

Ed25519 throughout. The authority's bytes follow from the voting key alone, so making it twice
gives the same card, and any other bytes are no authority: others' certificates are compared, not
read, since every node of the network loads what one territory brings. The transport key is fresh
each time.
"""

import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID

from primitives.errors import Refused
from primitives.signatures import SigningKey

# RFC 5280 §4.1.2.5: "no well-defined expiration date". A territory's clock may be wrong the other
# way too, hence a beginning long past.
_NOT_AFTER = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
_NOT_BEFORE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_AUTHORITY_SERIAL = 1
_SIGNATURE_BYTES = 64
_UNREADABLE = (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion)
"""What `x509` raises about bytes that somebody else made."""


def make_authority(voting_key: SigningKey) -> bytes:
    """The self-signed authority (DER) that stands in the card; CN is the voting key in hex."""
    return _authority(voting_key.public_key, _private_key(voting_key))


def _authority(voting_key: bytes, signed_by: Ed25519PrivateKey) -> bytes:
    """The authority of a voting key, the signature by whichever key at its very end."""
    name, key = _name(voting_key.hex()), Ed25519PublicKey.from_public_bytes(voting_key)
    return (
        _builder(name, name, key, key, _AUTHORITY_SERIAL, authority=True)
        .sign(signed_by, None)
        .public_bytes(serialization.Encoding.DER)
    )


def make_transport(voting_key: SigningKey) -> tuple[bytes, bytes]:
    """A fresh transport key and its certificate under the voting key's authority, both PEM."""
    authority_key = _private_key(voting_key)
    transport_key = Ed25519PrivateKey.generate()
    certificate = _builder(
        _name(f"transport {voting_key.public_key.hex()[:16]}"),
        _name(voting_key.public_key.hex()),
        transport_key.public_key(),
        authority_key.public_key(),
        x509.random_serial_number(),
        authority=False,
    ).sign(authority_key, None)
    key_pem = transport_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key_pem, certificate.public_bytes(serialization.Encoding.PEM)


def public_key_of(certificate_pem: bytes) -> bytes:
    """The Ed25519 key in a certificate of our own."""
    public_key = x509.load_pem_x509_certificate(certificate_pem).public_key()
    if not isinstance(public_key, Ed25519PublicKey):
        raise Refused("card_malformed", "the certificate's key is not Ed25519")
    return public_key.public_bytes_raw()


def check_authority(authority_der: bytes, voting_key: bytes) -> None:
    """Refuse (`card_malformed`) what is not the authority of this voting key, byte for byte."""
    try:
        ours = _authority(voting_key, Ed25519PrivateKey.generate())
        if authority_der[:-_SIGNATURE_BYTES] != ours[:-_SIGNATURE_BYTES]:
            raise Refused("card_malformed", "the authority is not this voting key's")
        signed = x509.load_der_x509_certificate(ours).tbs_certificate_bytes
        signature = authority_der[-_SIGNATURE_BYTES:]
        Ed25519PublicKey.from_public_bytes(voting_key).verify(signature, signed)
    except _UNREADABLE as error:
        raise Refused("card_malformed", "the authority does not verify") from error


def issuer_of(leaf_der: bytes, voting_keys: frozenset[bytes]) -> bytes | None:
    """The voting key that issued a peer's certificate, among those we trust, or None.

    TLS has verified the chain already; Python does not say against which authority, so the leaf's
    own signature is asked.
    """
    try:
        leaf = x509.load_der_x509_certificate(leaf_der)
        named = leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        voting_key = bytes.fromhex(str(named[0].value)) if len(named) == 1 else b""
        if voting_key not in voting_keys:
            return None
        Ed25519PublicKey.from_public_bytes(voting_key).verify(
            leaf.signature, leaf.tbs_certificate_bytes
        )
    except _UNREADABLE:
        return None
    return voting_key


def authorities_pem(authorities_der: list[bytes]) -> str:
    """All authorities as one PEM text, as `ssl` wants them."""
    return "".join(
        x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM).decode("ascii")
        for der in authorities_der
    )


def _private_key(voting_key: SigningKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(voting_key.seed)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: Ed25519PublicKey,
    issuer_key: Ed25519PublicKey,
    serial: int,
    *,
    authority: bool,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .add_extension(
            x509.BasicConstraints(ca=authority, path_length=0 if authority else None), True
        )
        .add_extension(_key_usage(authority), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False)
    )


def _key_usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
