"""How to talk TLS to a Relay: the files a person names, else Cilium's own secrets where the person may read them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from meshtui.cilium.relaycerts import authority, client_pair
from meshtui.core.errors import ConfigError, RelayError, RelayUnreachable
from meshtui.core.settings import Settings
from meshtui.core.text import clean
from meshtui.hubble.dial import RELAY_SERVER_NAME, TlsOptions, connect
from meshtui.hubble.relay import server_status
from meshtui.kube.api import Api

SCHEME = "tls://"
TRY_SECONDS = 2.0
"""How long a Relay that --relay names may take to agree on TLS."""
OPTIONS = (
    "name its authority and name (--relay-ca PATH, --relay-server-name NAME), "
    "and a client certificate where it wants one (--relay-cert PATH, --relay-key PATH)"
)


class RelayFlags(Struct, frozen=True):
    """What the flags say of one cluster's Relay. Files are read when it is dialled."""

    address: str = ""
    """`host:port`, `tls://host:port`, or empty: find it."""
    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""

    @property
    def secure(self) -> bool:
        """Whether TLS is asked for: by the address, or by an option that is about nothing else."""
        return self.address.startswith(SCHEME) or any((self.ca, self.cert, self.key, self.server_name))

    def over(self, found: TlsOptions) -> TlsOptions:
        """What was found, with what was said. Raises ConfigError for a file that cannot be used."""
        if bool(self.cert) != bool(self.key):
            raise ConfigError("--relay-cert and --relay-key belong together", hint="give both, or neither")
        said = found
        if self.ca:
            said = replace(said, ca=_pem(self.ca, "--relay-ca", "CERTIFICATE"), insecure=False)
        if self.cert:
            certificate = _pem(self.cert, "--relay-cert", "CERTIFICATE")
            said = replace(said, certificate=certificate, key=_pem(self.key, "--relay-key", "PRIVATE KEY"))
        return replace(said, server_name=self.server_name) if self.server_name else said


def told_of(settings: Settings, context: str) -> RelayFlags:
    """What the settings say of a context's Relay."""
    return RelayFlags(
        settings.relays.get(context, ""),
        *(
            _for(said, context)
            for said in (settings.relay_ca, settings.relay_cert, settings.relay_key, settings.relay_server_name)
        ),
    )


def _for(said: Sequence[str], context: str) -> str:
    """The one that is said for the context, else the one for all."""
    own = next((word.removeprefix(f"{context}=") for word in said if word.startswith(f"{context}=")), "")
    return own or next((word for word in said if "=" not in word or "/" in word.partition("=")[0]), "")


def _pem(path: str, option: str, what: str) -> bytes:
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {option} {clean(path)}", cause=error.strerror or type(error).__name__) from None
    if what.encode() not in content or b"-----BEGIN" not in content:
        raise ConfigError(
            f"{option} {clean(path)} holds no {what.lower()}",
            cause="it is not PEM",
            hint=f"see what it holds: head -1 {clean(path)}",
        )
    return content


async def options(api: Api, told: RelayFlags, ca: bytes | None) -> TlsOptions:
    """For a Relay of the cluster itself: Cilium's authority and, where it wants one, Cilium's client certificate."""
    pair = None if told.cert else await client_pair(api)
    found = TlsOptions(ca=ca, insecure=ca is None)
    if pair is not None:
        found = replace(found, certificate=pair[0], key=pair[1])
    return await asyncio.to_thread(told.over, found)


async def agreed(api: Api, told: RelayFlags) -> TlsOptions | None:
    """How the Relay at the told address is talked to; None in the clear.

    Raises RelayError when it cannot be agreed on, with the options that would help, and ConfigError.
    """
    if not told.secure:
        await asyncio.to_thread(_refuse_secret_tls, told.address, api.context)
        return None
    ways = [await asyncio.to_thread(told.over, found) for found in await _ways(api, told)]
    failure: RelayError | None = None
    for way in ways:
        try:
            await asyncio.to_thread(_try, told.address.removeprefix(SCHEME), api.context, way)
        except RelayError as error:
            failure = failure or error
        else:
            return way
    assert failure is not None
    raise type(failure)(failure.title, context=failure.context, cause=failure.cause, hint=OPTIONS)


def _try(address: str, context: str, tls: TlsOptions) -> None:
    server_status(address, context=context, tls=tls, timeout=TRY_SECONDS)


async def _ways(api: Api, told: RelayFlags) -> list[TlsOptions]:
    """Cilium's authority and name first, where it is known; then the system's, and the address's own name."""
    found = []
    ca = None if told.ca else await authority(api)
    if told.ca or ca:
        pair = None if told.cert else await client_pair(api)
        own = TlsOptions(ca=ca, server_name=RELAY_SERVER_NAME)
        found.append(replace(own, certificate=pair[0], key=pair[1]) if pair is not None else own)
    if not told.server_name or not found:
        found.append(TlsOptions(server_name=""))
    return found


def _refuse_secret_tls(address: str, context: str) -> None:
    """A Relay that speaks TLS looks dead to who talks in the clear: say so instead."""
    secure = ssl.create_default_context()
    secure.check_hostname = False
    secure.verify_mode = ssl.CERT_NONE
    secure.set_alpn_protocols(["h2"])
    try:
        with connect(address) as plain:
            plain.settimeout(1.0)
            with secure.wrap_socket(plain, server_hostname=RELAY_SERVER_NAME):
                pass
    except (OSError, ValueError):
        return
    raise RelayUnreachable(
        f"Hubble Relay at {clean(address)} speaks TLS",
        context=context,
        cause="it was dialled in the clear",
        hint=f"--relay {context}={SCHEME}{clean(address)}; and {OPTIONS}",
    )
