//! `GET /api/v1/log/[UUID/]NAME` with upgrade: a log as text messages of whole lines over a WebSocket, first what is kept of it,
//! then what comes. Not for: what a follower says; it is read for its pings and its end. Source: pipyjs/repo.md section 5;
//! RFC 6455 sections 4.2 (handshake), 5.5 (control frames).

use crate::limits;
use crate::log::Tail;
use ballast_engine::Chunks;
use ballast_engine::websocket::{self, CLOSE, Decoder, Part, TEXT};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
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
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, interval_at, timeout};

/// Section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const PING: u8 = 9;
const PONG: u8 = 10;

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
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(headers.get(SEC_WEBSOCKET_KEY)?.as_bytes());
    hash.update(GUID);
    HeaderValue::from_str(&BASE64_STANDARD.encode(hash.finish())).ok()
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

async fn stream(socket: impl AsyncRead + AsyncWrite, mut tail: Tail) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(socket);
    let mut said = Said::new();
    let mut pings = interval_at(Instant::now() + limits::LOG_PING, limits::LOG_PING);
    loop {
        tokio::select! {
            (lost, lines) = tail.next() => {
                let lines = String::from_utf8_lossy(&lines);
                let text = match lost {
                    0 => lines.into_owned(),
                    lost => format!("[{lost} lines were dropped: they came faster than they were read]\n{lines}"),
                };
                send(&mut writer, TEXT, text.as_bytes()).await?;
            }
            read = said.read(&mut reader) => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some((opcode, body)) = said.control()? {
                    match opcode {
                        CLOSE => return send(&mut writer, CLOSE, body.get(..2).unwrap_or_default()).await,
                        _ => send(&mut writer, PONG, &body).await?,
                    }
                }
            }
            _ = pings.tick() => send(&mut writer, PING, b"").await?,
        }
    }
}

/// One frame.
async fn send(writer: &mut WriteHalf<impl AsyncWrite>, opcode: u8, body: &[u8]) -> io::Result<()> {
    let mut frame = BytesMut::with_capacity(body.len() + 16);
    websocket::encode_header(opcode, true, None, body.len(), &mut frame);
    frame.extend_from_slice(body);
    while !frame.is_empty() {
        // Each part that is taken gives it its whole time again.
        let taken = timeout(limits::LOG_STALL, writer.write_buf(&mut frame));
        taken.await.map_err(|_| io::ErrorKind::TimedOut)??;
    }
    timeout(limits::LOG_STALL, writer.flush())
        .await
        .map_err(|_| io::ErrorKind::TimedOut)?
}

/// What the follower has said.
struct Said {
    decoder: Decoder,
    input: Chunks,
    /// The control frame that is being read.
    control: Option<(u8, BytesMut)>,
}

impl Said {
    fn new() -> Self {
        Said {
            decoder: Decoder::new(limits::LOG_MESSAGE_BYTES),
            input: Chunks::new(),
            control: None,
        }
    }

    async fn read(&mut self, reader: &mut ReadHalf<impl AsyncRead>) -> io::Result<usize> {
        let mut block = [0; 1024];
        let count = reader.read(&mut block).await?;
        self.input
            .push(Bytes::copy_from_slice(block.get(..count).unwrap_or_default()));
        Ok(count)
    }

    /// The next ping or close; the rest is read and let go.
    fn control(&mut self) -> io::Result<Option<(u8, Bytes)>> {
        while let Some(part) = self.decoder.decode(&mut self.input).map_err(io::Error::other)? {
            match part {
                Part::Start(head) => {
                    self.control = matches!(head.opcode, CLOSE | PING).then(|| (head.opcode, BytesMut::new()));
                }
                Part::Body(bytes) => {
                    if let Some((_, body)) = &mut self.control {
                        body.extend_from_slice(&bytes);
                    }
                }
                Part::End => {
                    if let Some((opcode, body)) = self.control.take() {
                        return Ok(Some((opcode, body.freeze())));
                    }
                }
            }
        }
        Ok(None)
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
