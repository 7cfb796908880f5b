//! Network addresses as they are compared, recorded and counted.

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that name a network: a site or a single customer has all addresses
/// below them.
const NETWORK_BITS: u32 = 64;

/// The one form of an address: a socket that listens for IPv6 and IPv4 reports the peer
/// `127.0.0.1` as `::ffff:127.0.0.1`.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// What a limit counts: an IPv4 address, or the /64 network of an IPv6 address.
pub fn network(address: IpAddr) -> IpAddr {
    match canonical(address) {
        IpAddr::V6(address) => {
            let mask = u128::MAX << (u128::BITS - NETWORK_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        address => address,
    }
}

/// Whether `peer` is one of the `trusted` proxies.
pub fn is_among(trusted: &[IpAddr], peer: IpAddr) -> bool {
    trusted.iter().any(|proxy| canonical(*proxy) == canonical(peer))
}

/// The address that an `X-Forwarded-For` ends with: what the proxy itself has seen. Some proxies
/// add the port, and write an IPv6 address in brackets.
pub fn forwarded(header: &str) -> Option<IpAddr> {
    let last = header.rsplit(',').next()?.trim();
    let bare = last.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(last);
    let with_port = || last.parse().map(|address: std::net::SocketAddr| address.ip());
    bare.parse().or_else(|_| with_port()).ok().map(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_network_has_one_name() {
        for (one, other) in [
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
            ("::1", "::2"),
        ] {
            assert_eq!(network(ip(one)), network(ip(other)), "{one} {other}");
        }
        for (one, other) in [
            ("2001:db8:1:2::1", "2001:db8:1:3::1"),
            ("192.0.2.1", "192.0.2.2"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ] {
            assert_ne!(network(ip(one)), network(ip(other)), "{one} {other}");
        }
    }

    #[test]
    fn a_mapped_proxy_is_the_trusted_proxy() {
        assert!(is_among(&[ip("127.0.0.1")], ip("::ffff:127.0.0.1")));
        assert!(is_among(&[ip("::ffff:127.0.0.1")], ip("127.0.0.1")));
        assert!(!is_among(&[ip("127.0.0.1")], ip("127.0.0.2")));
        assert!(!is_among(&[], ip("127.0.0.1")));
    }

    #[test]
    fn the_last_forwarded_address_counts() {
        for (header, expected) in [
            ("203.0.113.1, 198.51.100.7", Some("198.51.100.7")),
            ("::ffff:198.51.100.7", Some("198.51.100.7")),
            ("198.51.100.7:4711", Some("198.51.100.7")),
            ("[2001:db8::1]:4711", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(forwarded(header), expected.map(ip), "{header}");
        }
    }
}
