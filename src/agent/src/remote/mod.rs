//! `ballast logs` and `ballast status`: a question to the admin port of a Pod's agent, from where kubectl is. Not for: reaching
//! the Pod (`forward.rs`), the answers (`admin.rs`).

mod forward;

use crate::admin_log::answer_to;
use crate::config::RemoteConfig;
use crate::frames::{Frames, PING, PONG};
use crate::limits;
use crate::log::complain;
use ballast_engine::websocket::{CLOSE, TEXT};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io::{self, Write as _};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Time for kubectl to reach the Pod, and for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of the longest head of an answer.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// Bytes of the longest answer.
const MAX_BODY_BYTES: u64 = 64 << 20;

/// Asks, prints, and gives the exit code.
pub(crate) fn main(config: &RemoteConfig) -> u8 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(ask(config))) {
        Ok(()) => 0,
        Err(error) => {
            complain(&error.to_string());
            1
        }
    }
}

async fn ask(config: &RemoteConfig) -> io::Result<()> {
    let mut forward = None;
    let address = match &config.address {
        Some(address) => address.clone(),
        None => {
            let opened = tokio::time::timeout(PATIENCE, forward::open(&config.kubectl)).await;
            let opened = opened
                .map_err(|_| io::Error::other(format!("kubectl port-forward: nothing within {PATIENCE:?}")))??;
            forward.insert(opened).address.clone()
        }
    };
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(&address)).await;
    let socket = connected.map_err(|_| io::Error::other(format!("{address}: no answer within {PATIENCE:?}")))?;
    let socket = socket.map_err(|error| io::Error::other(format!("connect {address}: {error}")))?;
    match &config.log {
        Some(log) if config.follow => follow(socket, log).await,
        Some(log) => print(socket, &format!("/log/{log}")).await,
        None => print(socket, "/status").await,
    }
}

/// Asks for a path and prints the answer.
async fn print(mut socket: TcpStream, path: &str) -> io::Result<()> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: */*\r\n\r\n", host());
    socket.write_all(request.as_bytes()).await?;
    let read = async {
        head(&mut socket, path, 200).await?;
        let mut body = Vec::new();
        (&mut socket).take(MAX_BODY_BYTES).read_to_end(&mut body).await?;
        io::Result::Ok(body)
    };
    let body = tokio::time::timeout(PATIENCE, read).await;
    let body = body.map_err(|_| io::Error::other(format!("{path}: no answer within {PATIENCE:?}")))??;
    let mut out = io::stdout().lock();
    out.write_all(&body)?;
    if body.last().is_some_and(|last| *last != b'\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Prints a log, and what is added to it, until the agent ends.
async fn follow(mut socket: TcpStream, log: &str) -> io::Result<()> {
    let key = BASE64_STANDARD.encode(fastrand::u128(..).to_le_bytes());
    let path = format!("/api/v1/log/{log}");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\n\r\n",
        host()
    );
    socket.write_all(request.as_bytes()).await?;
    let head = tokio::time::timeout(PATIENCE, head(&mut socket, &path, 101)).await;
    let head = head.map_err(|_| io::Error::other(format!("{path}: no answer within {PATIENCE:?}")))??;
    if !head.contains(&answer_to(key.as_bytes())) {
        return Err(io::Error::other(format!("{path}: what answers is no agent")));
    }
    let mut frames = Frames::new(socket, true);
    loop {
        if frames.read().await? == 0 {
            return Err(io::Error::other("the agent has closed the log"));
        }
        while let Some((opcode, body)) = frames.message()? {
            match opcode {
                TEXT => {
                    let mut out = io::stdout().lock();
                    out.write_all(&body)?;
                    out.flush()?;
                }
                PING => frames.send(PONG, &body).await?,
                CLOSE => return Err(io::Error::other("the agent has closed the log")),
                _ => {}
            }
        }
    }
}

/// The admin port believes no other.
fn host() -> String {
    format!("127.0.0.1:{}", limits::ADMIN_PORT)
}

/// Reads the head of an answer, which must have this status. One byte at a time: what follows is somebody else's.
async fn head(socket: &mut TcpStream, path: &str, wanted: u16) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD_BYTES {
            return Err(io::Error::other(format!("{path}: what answers is no agent")));
        }
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) => {
                let hint = "is it a Pod with our sandbox or sidecar, and with a label of ours?";
                return Err(io::Error::other(format!("{path}: no agent answers ({error}); {hint}")));
            }
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|status| status.parse::<u16>().ok());
    match status {
        Some(status) if status == wanted => Ok(head),
        Some(404) => Err(io::Error::other(format!(
            "{path}: the agent has no such log; /log lists them"
        ))),
        _ => Err(io::Error::other(format!("{path}: status {}", status.unwrap_or(0)))),
    }
}
