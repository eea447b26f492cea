"""Which addresses of the network this server may call on somebody else's word: global unicast ones and no others.

A recipient names addresses of its own (where its keys are, where its events go). If the server called whatever was
named there, a recipient could make it speak to the machine it runs on, to its neighbours, or to a cloud's metadata
service. The rule is written as what is allowed (RFC 4291 §2.4, RFC 6890), so that what nobody thought of is refused.

`may_be_called(address) -> bool`: `address` is a numeric IPv4 or IPv6 address as text; anything else is refused.
"""

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_UNICAST_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a carrier's customers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112: answered by whoever is nearest
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast address
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
"""Everything else is loopback, unspecified, link-local, unique-local, multicast, or an IPv4 address in disguise:
`::ffff:0:0/96` mapped, `::/96` compatible, `64:ff9b::/96` and `64:ff9b:1::/48` translated (RFC 6052, RFC 8215)."""

_NOT_UNICAST_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them, which carries an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
"""The middle of an interface identifier whose last 32 bits are an IPv4 address (RFC 5214 §6.1)."""


def may_be_called(address: str) -> bool:
    """Whether a numeric address is global unicast; a name, a scope or a disguise makes it false."""
    try:
        parsed = ip_address(address)
    except (AddressValueError, ValueError):
        return False
    return _is_global_4(parsed) if isinstance(parsed, IPv4Address) else _is_global_6(parsed)


def is_loopback(address: str) -> bool:
    """Whether a numeric address is this machine's own."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _is_global_4(address: IPv4Address) -> bool:
    return not any(address in block for block in _NOT_UNICAST_4)


def _is_global_6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in _GLOBAL_6:
        return False
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return False
    return not any(address in block for block in _NOT_UNICAST_6)
