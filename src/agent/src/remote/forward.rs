//! A way to the admin port of a Pod: `kubectl port-forward`, which speaks all of Kubernetes' logins so that we need not.

use crate::limits;
use std::io;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Bytes of what kubectl complains of that are shown.
const MAX_COMPLAINT_BYTES: u64 = 4096;

/// Ends with us.
pub(super) struct Forward {
    pub(super) address: String,
    _kubectl: Child,
    /// Open, so that kubectl may go on talking.
    _output: Lines<BufReader<ChildStdout>>,
}

/// Starts kubectl with these words, the Pod last, and waits until it listens.
pub(super) async fn open(words: &[String]) -> io::Result<Forward> {
    let mut command = Command::new("kubectl");
    command
        .arg("port-forward")
        .arg("--address=127.0.0.1")
        .args(words)
        .arg(format!(":{}", limits::ADMIN_PORT))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut kubectl = command.spawn().map_err(|error| {
        io::Error::other(format!(
            "start kubectl: {error}; it must be in the PATH, or give --address HOST:PORT"
        ))
    })?;
    let output = kubectl
        .stdout
        .take()
        .ok_or_else(|| io::Error::other("kubectl has no stdout"))?;
    let mut output = BufReader::new(output).lines();
    while let Some(line) = output.next_line().await? {
        // Forwarding from 127.0.0.1:40123 -> 15062
        let address = line
            .strip_prefix("Forwarding from ")
            .and_then(|rest| rest.split(" -> ").next());
        if let Some(address) = address {
            return Ok(Forward {
                address: address.to_owned(),
                _kubectl: kubectl,
                _output: output,
            });
        }
    }
    let mut complaint = String::new();
    if let Some(errors) = kubectl.stderr.take() {
        errors
            .take(MAX_COMPLAINT_BYTES)
            .read_to_string(&mut complaint)
            .await
            .ok();
    }
    Err(io::Error::other(format!("kubectl port-forward: {}", complaint.trim())))
}
