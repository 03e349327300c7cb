//! TLS: which cryptography the process uses.

/// Makes ring the process's provider, unless there is one already. Without a provider the first TLS client panics.
pub fn install_provider() {
    // An error means that it is installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
