//! The proxy of the fault tests does what its modes say, to a connection that is open.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::proxy::{Mode, Proxy};

/// A wait that shows that nothing comes.
const NOTHING: Duration = Duration::from_millis(50);

/// A server that says again what it is told, and a proxy before it.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Proxy::before(port).await
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
}

/// Says `said` and waits for as many bytes.
async fn ask(stream: &mut TcpStream, said: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(said).await?;
    let mut heard = vec![0; said.len()];
    stream.read_exact(&mut heard).await?;
    Ok(heard)
}

#[tokio::test]
async fn an_open_connection_follows_the_mode() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    assert_eq!(ask(&mut stream, b"one").await.unwrap(), b"one");
    for silence in [Mode::Blackhole, Mode::SwallowRequests, Mode::SwallowReplies] {
        proxy.set(silence).await;
        assert!(timeout(NOTHING, ask(&mut stream, b"lost")).await.is_err(), "{silence:?}");
        proxy.set(Mode::Pass).await;
        assert_eq!(ask(&mut stream, b"two").await.unwrap(), b"two", "{silence:?}");
    }
}

#[tokio::test]
async fn what_was_said_to_a_silent_proxy_is_passed_on_when_it_speaks_again() {
    let proxy = echo().await;
    proxy.set(Mode::Silent).await;
    let mut stream = connect(&proxy).await;
    assert!(timeout(NOTHING, ask(&mut stream, b"kept")).await.is_err());
    proxy.set(Mode::Pass).await;
    let mut heard = [0; 4];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"kept");
}

#[tokio::test]
async fn a_delay_is_each_way_and_not_for_each_byte() {
    let proxy = echo().await;
    proxy.set(Mode::Delay(Duration::from_millis(150))).await;
    let mut stream = connect(&proxy).await;
    let asked = Instant::now();
    stream.write_all(b"first").await.unwrap();
    tokio::time::sleep(Duration::from_millis(75)).await;
    stream.write_all(b"again").await.unwrap();
    stream.read_exact(&mut [0; 10]).await.unwrap();
    let took = asked.elapsed();
    assert!(took >= Duration::from_millis(375), "{took:?}");
    assert!(took < Duration::from_millis(590), "the second waited for the first: {took:?}");
}

#[tokio::test]
async fn a_drip_comes_byte_by_byte() {
    let proxy = echo().await;
    proxy.set(Mode::Drip(Duration::from_millis(10))).await;
    let mut stream = connect(&proxy).await;
    stream.write_all(b"12345").await.unwrap();
    let asked = Instant::now();
    for _ in 0..5 {
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 1);
    }
    assert!(asked.elapsed() >= Duration::from_millis(50), "{:?}", asked.elapsed());
    stream.write_all(&[b'x'; 1000]).await.unwrap();
    proxy.set(Mode::Pass).await;
    timeout(Duration::from_secs(5), stream.read_exact(&mut [0; 1000])).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_reply_is_cut_in_the_middle() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    assert_eq!(ask(&mut stream, b"whole").await.unwrap(), b"whole");
    proxy.set(Mode::ResetAfter(3)).await;
    stream.write_all(b"abcdef").await.unwrap();
    let mut heard = Vec::new();
    // What has arrived before a reset may or may not be read.
    let end = stream.read_to_end(&mut heard).await.unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(b"abc".starts_with(&heard), "{heard:?}");
}

#[tokio::test]
async fn refused_connections_are_refused_and_open_ones_reset() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    assert_eq!(ask(&mut stream, b"one").await.unwrap(), b"one");
    proxy.set(Mode::Refuse).await;
    let refused = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let reset = stream.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    proxy.set(Mode::Pass).await;
    assert_eq!(ask(&mut connect(&proxy).await, b"two").await.unwrap(), b"two");
}

#[tokio::test]
async fn a_web_server_answers_in_place_of_the_real_one() {
    let proxy = echo().await;
    proxy.set(Mode::Http).await;
    let mut stream = connect(&proxy).await;
    stream.write_all(b"PING\r\n").await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    assert!(heard.starts_with("HTTP/1.1 400"), "{heard}");
}
