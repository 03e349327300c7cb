//! The Redis store over TLS, with an authority of the test's own.

use std::path::Path;
use std::process::Stdio;

use redial_store::redis::RedisOptions;

use super::*;
use crate::support::programs::program;

/// An authority, and a server's certificate that it signed, for `localhost`.
struct Certificates {
    dir: tempfile::TempDir,
}

impl Certificates {
    fn make() -> Self {
        let made = Self { dir: tempfile::tempdir().unwrap() };
        let dir = made.dir.path();
        openssl(
            dir,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem",
        );
        openssl(
            dir,
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
             -keyout server.key -out server.csr",
        );
        openssl(
            dir,
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy -out server.pem",
        );
        made
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn authority(&self) -> Vec<u8> {
        std::fs::read(self.path("ca.pem")).unwrap()
    }
}

fn openssl(dir: &Path, args: &str) {
    let mut command = program("openssl");
    command.current_dir(dir).args(args.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().expect("openssl starts").success(), "openssl {args}");
}

/// A server that speaks TLS on a second port, which is answered.
async fn tls_server(certificates: &Certificates) -> (RedisServer, u16) {
    let port = free_port();
    let [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|name| certificates.path(name));
    let tls_port = port.to_string();
    let server = RedisServer::start_with(&[
        "--tls-port",
        &tls_port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
    ])
    .await;
    (server, port)
}

fn trusting(url: &str, ca_pem: Option<Vec<u8>>) -> RedisStore {
    // TLS by a debug build on a busy machine may take longer than 400 ms.
    let options = RedisOptions { ca_pem, connect_timeout: Duration::from_secs(3), ..RedisOptions::default() };
    RedisStore::connect_with(&url.into(), StoreSettings::default(), options).unwrap()
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_it_is_named_and_only_then() {
    let certificates = Certificates::make();
    let (_server, port) = tls_server(&certificates).await;
    let url = format!("rediss://localhost:{port}");

    let store = trusting(&url, Some(certificates.authority()));
    eventually(|| store.health()).await;
    store.begin_call(&caller()).await.unwrap();
    store.commit_session(&hang_up("CA1", 1, NOON, 0)).await.unwrap();

    let unknown = trusting(&url, None);
    let refused = eventually(|| refusal(&unknown)).await;
    assert!(refused.contains("not from a known authority") && refused.contains("REDIS_TLS_CA_FILE"), "{refused}");

    // The certificate is for `localhost`, and this is another name of the same host.
    let other_name = trusting(&format!("rediss://127.0.0.1:{port}"), Some(certificates.authority()));
    let refused = eventually(|| refusal(&other_name)).await;
    assert!(refused.contains("use the name that is in the certificate"), "{refused}");

    let plain = connect(&format!("redis://localhost:{port}"), StoreSettings::default());
    let refused = eventually(|| refusal(&plain)).await;
    assert!(refused.contains("rediss://"), "{refused}");
}

/// Why it does not answer, once that is known.
async fn refusal(store: &RedisStore) -> Result<String, String> {
    let advice = advice(store.health().await);
    if advice.contains("still being connected") { Err(advice) } else { Ok(advice) }
}
