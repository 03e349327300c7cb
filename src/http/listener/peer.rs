//! Who is at the other end of a connection, and whether they are believed.

use std::net::IpAddr;

/// Who is at the other end of a request's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Marks a response whose request was believed: its connection is no stranger's any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Believed;
