"""TLS as asked for, and one sentence for each mistake that can be made with it."""

from __future__ import annotations

import ssl

from tui.engine.address import Tls, shown
from tui.engine.failure import Failure, Kind, Unavailable

_EXPIRED, _NOT_YET = 10, 9
_NAME, _ADDRESS = 62, 64
_STRANGERS = frozenset({18, 19, 20, 21})
"""OpenSSL's numbers for what is wrong with a certificate; its words differ between versions."""


def context(tls: Tls) -> ssl.SSLContext:
    """Return how to secure a connection.

    Raises:
        Unavailable: a file cannot be used; the sentence names its option.
    """
    made = _trusting(tls.ca_file)
    if tls.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if tls.cert_file is not None:
        _show(made, tls.cert_file, tls.key_file)
    return made


def distrust(place: str, error: ssl.SSLCertVerificationError) -> str:
    """Say why a server's certificate is not trusted, and what would help."""
    match error.verify_code:
        case code if code in _STRANGERS:
            why = "who vouches for it is unknown here: --cacert says whom to trust"
        case code if code in {_NAME, _ADDRESS}:
            why = "it is for another name: --sni says which name to expect"
        case code if code == _EXPIRED:
            why = "it has expired"
        case code if code == _NOT_YET:
            why = "it is not valid yet, or the clock here is wrong"
        case _:
            why = shown(error.verify_message)
    return f"the certificate of {place} is not trusted: {why}"


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return ssl.create_default_context()
    _contents("--cacert", ca_file, "CERTIFICATE")
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise _useless("--cacert", ca_file, error.reason or "it is damaged") from None


def _show(made: ssl.SSLContext, cert_file: str, key_file: str | None) -> None:
    """Load the client's own certificate; a key that needs a passphrase would have OpenSSL ask on the terminal."""
    _contents("--cert", cert_file, "CERTIFICATE")
    key = _contents(*(("--cert", cert_file) if key_file is None else ("--key", key_file)), "PRIVATE KEY")
    if "ENCRYPTED" in key:
        how = "redtop asks for no passphrase; `openssl pkey` writes it without"
        raise _useless("--key", key_file or cert_file, f"it is encrypted ({how})")
    try:
        made.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _useless("--key", key_file or cert_file, "it is the key of another certificate than --cert") from None
        raise _useless("--cert or --key", cert_file, error.reason or "it is damaged") from None


def _contents(option: str, path: str, what: str) -> str:
    """Return what a file holds, after making sure that there is something of the kind in it."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - a path is text here
            text = file.read()
    except OSError as error:
        raise _useless(option, path, error.strerror or "unreadable") from None
    if f"{what}-----" not in text:
        hint = ", give it with --key" if option == "--cert" and what == "PRIVATE KEY" else ""
        raise _useless(option, path, f"it holds no {what.lower()} in PEM form{hint}")
    return text


def _useless(option: str, path: str, why: str) -> Unavailable:
    return Unavailable(Failure(Kind.TLS, f"{option} {shown(path)} cannot be used: {shown(why)}"))
