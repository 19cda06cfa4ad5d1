//! A WebSocket after its handshake: whole messages in, messages out. Either side; bounded both ways. Not for: the handshake.
//! Source: RFC 6455 sections 5.3 (clients mask), 5.5 (control frames).

use crate::limits;
use ballast_engine::Chunks;
use ballast_engine::websocket::{self, Decoder, Part};
use bytes::{Bytes, BytesMut};
use ring::rand::{SecureRandom, SystemRandom};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Opcode of a ping.
pub(crate) const PING: u8 = 9;
/// Opcode of a pong.
pub(crate) const PONG: u8 = 10;

/// See the module.
pub(crate) struct Frames<S> {
    socket: S,
    is_client: bool,
    decoder: Decoder,
    input: Chunks,
    /// What is being read, and whether it has become too long.
    message: Option<(u8, BytesMut, bool)>,
    /// What of the last frame was not taken yet.
    output: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    /// The server's side, or the client's, which masks what it says.
    pub(crate) fn new(socket: S, is_client: bool) -> Self {
        Frames {
            socket,
            is_client,
            decoder: Decoder::new(limits::LOG_MESSAGE_BYTES),
            input: Chunks::new(),
            message: None,
            output: BytesMut::new(),
        }
    }

    /// Reads on; 0: the other side has closed. Cancel-safe.
    pub(crate) async fn read(&mut self) -> io::Result<usize> {
        let mut block = [0; 1024];
        let count = self.socket.read(&mut block).await?;
        self.input
            .push(Bytes::copy_from_slice(block.get(..count).unwrap_or_default()));
        Ok(count)
    }

    /// The next message of what was read, with its opcode. Those of more than `limits::LOG_MESSAGE_BYTES` are let go.
    pub(crate) fn message(&mut self) -> io::Result<Option<(u8, Bytes)>> {
        while let Some(part) = self.decoder.decode(&mut self.input).map_err(io::Error::other)? {
            match part {
                Part::Start(head) => self.message = Some((head.opcode, BytesMut::new(), false)),
                Part::Body(bytes) => {
                    if let Some((_, body, is_long)) = &mut self.message {
                        *is_long |= body.len() + bytes.len() > limits::LOG_MESSAGE_BYTES;
                        if !*is_long {
                            body.extend_from_slice(&bytes);
                        }
                    }
                }
                Part::End => {
                    if let Some((opcode, body, false)) = self.message.take() {
                        return Ok(Some((opcode, body.freeze())));
                    }
                }
            }
        }
        Ok(None)
    }

    /// One message in one frame. When the wait for it is given up, what is left of it goes out before the next one.
    pub(crate) async fn send(&mut self, opcode: u8, body: &[u8]) -> io::Result<()> {
        let key = match self.is_client {
            true => Some(random::<4>()?),
            false => None,
        };
        self.output.reserve(body.len() + 16);
        websocket::encode_header(opcode, true, key, body.len(), &mut self.output);
        let from = self.output.len();
        self.output.extend_from_slice(body);
        if let (Some(key), Some(body)) = (key, self.output.get_mut(from..)) {
            websocket::mask(key, 0, body);
        }
        while !self.output.is_empty() {
            // Each part that is taken gives it its whole time again.
            let taken = timeout(limits::LOG_STALL, self.socket.write_buf(&mut self.output));
            if taken.await.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        timeout(limits::LOG_STALL, self.socket.flush())
            .await
            .map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Says that nothing more comes.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        self.socket.shutdown().await
    }
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("the system gives no random bytes"))?;
    Ok(bytes)
}
