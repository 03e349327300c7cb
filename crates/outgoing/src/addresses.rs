//! Which addresses are public, by IANA's special-purpose address registries (RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata services of clouds that live in what would pass for private networks: Amazon's over IPv6, Alibaba's.
const METADATA: [IpAddr; 2] =
    [IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)), IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200))];

/// Whether somebody on the internet has this address.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Whether this is an address of a private network that an operator may mean: RFC 1918, shared (RFC 6598), unique local
/// (RFC 4193).
pub(super) fn is_private(address: IpAddr) -> bool {
    let private = match address {
        IpAddr::V4(address) => address.is_private() || is_shared(address),
        IpAddr::V6(address) => address.is_unique_local(),
    };
    private && !METADATA.contains(&address)
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        // "This network", and multicast with all that is reserved above it.
        (0 | 224..=255, ..) => true,
        // Protocol assignments; the former 6to4 relays.
        (192, 0, 0) | (192, 88, 99) => true,
        // Benchmarks.
        (198, 18..=19, _) => true,
        _ => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_documentation()
                || is_shared(address)
        }
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    if [a, b, c, d, e, f] == [0x0064, 0xff9b, 0, 0, 0, 0] {
        // NAT64 (RFC 6052): how a network without IPv4 reaches it.
        let ([g1, g2], [h1, h2]) = (g.to_be_bytes(), h.to_be_bytes());
        return is_public_v4(Ipv4Addr::new(g1, g2, h1, h2));
    }
    // Only 2000::/3 is in use; mapped, unique local, link-local and multicast addresses are outside it.
    let global = a & 0xe000 == 0x2000;
    // Protocol assignments with Teredo; documentation twice; 6to4.
    let special = matches!((a, b), (0x2001, ..0x0200 | 0x0db8) | (0x3fff | 0x2002, _));
    global && !special
}

/// 100.64.0.0/10, behind carriers' address translation.
fn is_shared(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    a == 100 && (64..=127).contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn somebody_on_the_internet_is_public() {
        for public in
            ["8.8.8.8", "1.1.1.1", "192.0.1.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::8.8.8.8"]
        {
            assert!(is_public(parse(public)), "{public}");
        }
    }

    #[test]
    fn nobody_on_the_internet_is_not() {
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(parse(special)), "{special}");
        }
    }

    #[test]
    fn private_is_what_an_operator_may_mean() {
        for private in ["10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "fd12::1"] {
            assert!(is_private(parse(private)), "{private}");
        }
        for other in ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "127.0.0.1", "fe80::1", "8.8.8.8"] {
            assert!(!is_private(parse(other)), "{other}");
        }
    }
}
