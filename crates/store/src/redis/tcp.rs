//! The socket options of connections to Redis.

use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;

/// The socket options that a call needs, all of which the client leaves off: no 40 ms wait for a full packet, and a peer
/// that is gone is found out in half a minute when idle, in 2 s when something is unacknowledged.
pub(super) fn settings() -> TcpSettings {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5)).with_retries(3);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    let settings = settings.set_user_timeout(Duration::from_secs(2));
    settings
}
