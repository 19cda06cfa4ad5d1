//! TLS as a machine without I/O: encrypted bytes in and out on one side, plain bytes on the other. Not for options or
//! callbacks (session/tls.rs). Source: RFC 8446, RFC 5246 by way of rustls; pipyjs/filters.md section 7.
//!
//! The library bounds what a peer may send before it is known: 64 KiB of a handshake that is not complete.

use crate::data::Data;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{Accepted, Acceptor};
use rustls::{ClientConfig, ClientConnection, Connection, Error, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName};
use std::io::{self, Read, Write};
use std::sync::{Arc, LazyLock};

/// Bytes decrypted at once: one record.
const PLAIN_BYTES: usize = 16 << 10;

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

/// The cryptography in use.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    PROVIDER.clone()
}

/// One TLS connection.
pub(crate) struct Machine(Stage);

enum Stage {
    /// A server that waits for the ClientHello.
    Accepting(Box<Acceptor>),
    /// A server that has it and waits for its configuration.
    Asked(Box<Accepted>, Vec<u8>),
    Running(Box<Connection>),
    /// Nothing more to do.
    Over,
}

/// What came of encrypted bytes.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Decrypted bytes.
    pub plain: Data,
    /// A server has the ClientHello: [`Machine::configure`] it.
    pub asked: bool,
    /// The peer has said that it sends no more.
    pub ended: bool,
}

/// What a ClientHello says.
#[derive(Debug, Default)]
pub(crate) struct Hello {
    /// SNI.
    pub server_name: Option<String>,
    /// ALPN, in the client's order.
    pub protocols: Vec<Vec<u8>>,
}

impl Machine {
    /// A client; it has something to send at once.
    ///
    /// # Errors  A configuration that does not work.
    pub(crate) fn client(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Error> {
        let mut connection = ClientConnection::new(config, name)?;
        connection.set_buffer_limit(None);
        Ok(Machine(Stage::Running(Box::new(connection.into()))))
    }

    /// A server.
    pub(crate) fn server() -> Self {
        Machine(Stage::Accepting(Box::default()))
    }

    /// What the client asked for, while a configuration is waited for.
    pub(crate) fn hello(&self) -> Hello {
        let Stage::Asked(accepted, _) = &self.0 else {
            return Hello::default();
        };
        let hello = accepted.client_hello();
        Hello {
            server_name: hello.server_name().map(str::to_owned),
            protocols: hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect(),
        }
    }

    /// Goes on with the handshake of a server.
    ///
    /// # Errors  What the client did wrong; `wire` then holds the alert for it.
    pub(crate) fn configure(&mut self, config: Arc<ServerConfig>, wire: &mut Data) -> Result<Progress, Error> {
        let (accepted, rest) = match std::mem::replace(&mut self.0, Stage::Over) {
            Stage::Asked(accepted, rest) => (accepted, rest),
            stage => {
                self.0 = stage;
                return Ok(Progress::default());
            }
        };
        match accepted.into_connection(config) {
            Ok(mut connection) => {
                connection.set_buffer_limit(None);
                self.0 = Stage::Running(Box::new(connection.into()));
                self.decrypt(Data::from(rest), wire)
            }
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                // Writing into memory does not fail.
                alert.write_all(&mut bytes).ok();
                wire.append(bytes.into());
                Err(error)
            }
        }
    }

    /// Takes encrypted bytes in. `wire`: what is to be sent to the peer now, on errors too (the alert).
    ///
    /// # Errors  What the peer did wrong, or why it is not trusted.
    pub(crate) fn decrypt(&mut self, data: Data, wire: &mut Data) -> Result<Progress, Error> {
        let mut progress = Progress::default();
        let mut result = Ok(());
        for chunk in data {
            result = self.take(&chunk, &mut progress, wire);
            if result.is_err() {
                break;
            }
        }
        self.collect(wire);
        result.map(|()| progress)
    }

    fn take(&mut self, mut bytes: &[u8], progress: &mut Progress, wire: &mut Data) -> Result<(), Error> {
        while !bytes.is_empty() {
            match &mut self.0 {
                Stage::Over => return Ok(()),
                Stage::Asked(_, rest) => {
                    rest.extend_from_slice(bytes);
                    return Ok(());
                }
                Stage::Accepting(acceptor) => {
                    acceptor.read_tls(&mut bytes).map_err(broken)?;
                    match acceptor.accept() {
                        Ok(None) => {}
                        Ok(Some(accepted)) => {
                            progress.asked = true;
                            self.0 = Stage::Asked(Box::new(accepted), Vec::new());
                        }
                        Err((error, mut alert)) => {
                            let mut sent = Vec::new();
                            // Writing into memory does not fail.
                            alert.write_all(&mut sent).ok();
                            wire.append(sent.into());
                            self.0 = Stage::Over;
                            return Err(error);
                        }
                    }
                }
                Stage::Running(connection) => {
                    connection.read_tls(&mut bytes).map_err(broken)?;
                    let state = connection.process_new_packets()?;
                    progress.ended |= state.peer_has_closed();
                    read_plain(connection, state.plaintext_bytes_to_read(), &mut progress.plain).map_err(broken)?;
                    if state.peer_has_closed() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Encrypts; before the handshake is done the caller holds its bytes.
    ///
    /// # Errors  When the connection has failed.
    pub(crate) fn encrypt(&mut self, data: Data, wire: &mut Data) -> Result<(), Error> {
        if let Stage::Running(connection) = &mut self.0 {
            for chunk in data {
                connection.writer().write_all(&chunk).map_err(broken)?;
            }
        }
        self.collect(wire);
        Ok(())
    }

    /// Says that no more is sent.
    pub(crate) fn close(&mut self, wire: &mut Data) {
        if let Stage::Running(connection) = &mut self.0 {
            connection.send_close_notify();
        }
        self.collect(wire);
    }

    /// Appends what is to be sent.
    pub(crate) fn collect(&mut self, wire: &mut Data) {
        let Stage::Running(connection) = &mut self.0 else {
            return;
        };
        while connection.wants_write() {
            let mut bytes = Vec::new();
            if !matches!(connection.write_tls(&mut bytes), Ok(sent) if sent > 0) {
                break;
            }
            wire.append(bytes.into());
        }
    }

    /// True until both sides have agreed.
    pub(crate) fn is_handshaking(&self) -> bool {
        match &self.0 {
            Stage::Running(connection) => connection.is_handshaking(),
            _ => true,
        }
    }

    /// The protocol agreed on by ALPN; empty: none.
    pub(crate) fn protocol(&self) -> String {
        match &self.0 {
            Stage::Running(connection) => {
                String::from_utf8_lossy(connection.alpn_protocol().unwrap_or_default()).into()
            }
            _ => String::new(),
        }
    }

    /// Certificates of the peer, its own first.
    pub(crate) fn peer_chain(&self) -> &[CertificateDer<'static>] {
        match &self.0 {
            Stage::Running(connection) => connection.peer_certificates().unwrap_or_default(),
            _ => &[],
        }
    }
}

fn read_plain(connection: &mut Connection, mut left: usize, plain: &mut Data) -> io::Result<()> {
    while left > 0 {
        let mut bytes = vec![0; left.min(PLAIN_BYTES)];
        let got = match connection.reader().read(&mut bytes) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        };
        bytes.truncate(got);
        left -= got;
        plain.append(bytes.into());
    }
    Ok(())
}

fn broken(error: io::Error) -> Error {
    Error::General(error.to_string())
}
