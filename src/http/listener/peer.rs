//! Who is at the other end of a connection, and whether they are believed.

use std::net::{IpAddr, Ipv6Addr};

/// Who is at the other end of a request's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Marks a response whose request was believed: its connection is no stranger's any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Believed;

/// What counts as one peer: an IPv6 customer has 2^64 addresses.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => IpAddr::V4(ip),
            None => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        },
    }
}
