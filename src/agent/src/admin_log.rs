//! `GET /api/v1/log/[UUID/]NAME` with upgrade: a log as text messages of whole lines over a WebSocket, first what is kept of it,
//! then what comes. Not for: what a follower says; it is read for its pings and its end. Source: pipyjs/repo.md section 5;
//! RFC 6455 sections 4.2 (handshake), 5.5 (control frames).

use crate::frames::{Frames, PING, PONG};
use crate::limits;
use crate::log::{Tail, with_lost};
use ballast_engine::websocket::{CLOSE, TEXT};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ring::digest;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, interval_at};

/// Section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What the server says to the client's key; None: it is no handshake of this version.
pub(crate) fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name: HeaderName, word: &str| {
        let values = headers
            .get_all(name)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(word))
    };
    if !has(CONNECTION, "upgrade") || !has(UPGRADE, "websocket") || !has(SEC_WEBSOCKET_VERSION, "13") {
        return None;
    }
    HeaderValue::from_str(&answer_to(headers.get(SEC_WEBSOCKET_KEY)?.as_bytes())).ok()
}

/// What a server says to this key. Source: section 4.2.2.
pub(crate) fn answer_to(key: &[u8]) -> String {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(GUID);
    BASE64_STANDARD.encode(hash.finish())
}

/// The answer to a request that is no such handshake.
pub(crate) fn upgrade_required() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"a WebSocket is expected\n")));
    *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

/// Agrees, and lets the log follow.
pub(crate) fn follow(request: Request<Incoming>, accept: HeaderValue, tail: Tail) -> Response<Full<Bytes>> {
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await
            && let Err(error) = stream(TokioIo::new(upgraded), tail).await
        {
            tracing::debug!(target: "listener", %error, "a follower of a log has gone");
        }
    });
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

async fn stream(socket: impl AsyncRead + AsyncWrite + Unpin, mut tail: Tail) -> io::Result<()> {
    let mut socket = Frames::new(socket, false);
    let mut pings = interval_at(Instant::now() + limits::LOG_PING, limits::LOG_PING);
    loop {
        tokio::select! {
            lines = tail.next() => {
                let lines = with_lost(lines);
                socket.send(TEXT, String::from_utf8_lossy(&lines).as_bytes()).await?;
            }
            read = socket.read() => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some((opcode, body)) = socket.message()? {
                    match opcode {
                        CLOSE => return socket.send(CLOSE, body.get(..2).unwrap_or_default()).await,
                        PING => socket.send(PONG, &body).await?,
                        _ => {}
                    }
                }
            }
            _ = pings.tick() => socket.send(PING, b"").await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The handshake of RFC 6455 section 1.3.
    #[test]
    fn keys_are_answered() {
        let mut headers = HeaderMap::new();
        assert_eq!(accept(&headers), None);
        for (name, value) in [
            (CONNECTION, "keep-alive, Upgrade"),
            (UPGRADE, "websocket"),
            (SEC_WEBSOCKET_VERSION, "13"),
            (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        assert_eq!(accept(&headers).expect("it is one"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("8"));
        assert_eq!(accept(&headers), None);
    }
}
