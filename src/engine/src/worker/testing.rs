//! For tests of scripts against a whole engine on loopback: `serve`, `exchange`, tables of rows. In scripts `PORT` and
//! `OTHER_PORT` stand for free ports.

use super::{Engine, Options};
use crate::codebase::Codebase;
use crate::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing that a test waits for takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Ports that are tried when others take them.
const TRIES: usize = 20;

/// A codebase of these files; the first one is the main script.
pub(crate) fn codebase(version: &str, files: &[(&str, &str)]) -> Arc<Codebase> {
    Arc::new(Codebase {
        version: version.to_owned(),
        main: files.first().map_or("/main.js", |(path, _)| path).to_owned(),
        files: files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned().into()))
            .collect(),
    })
}

/// A port of loopback that nothing listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    socket.local_addr().expect("a bound socket has an address").port()
}

/// An engine that runs until this is dropped.
pub(crate) struct Served {
    /// What `PORT` stands for.
    pub port: u16,
    /// What `OTHER_PORT` stands for.
    pub other: u16,
    /// The engine itself.
    pub engine: Engine,
}

/// Starts an engine with these files, the main script first.
///
/// # Errors  What loading says.
pub(crate) async fn try_serve(files: &[(&str, &str)]) -> Result<Served, Error> {
    // Another process, or a connection of this one, may take a free port before it is ours.
    for _ in 0..TRIES {
        let result = try_serve_at(files, free_port(), free_port()).await;
        match result {
            Err(error) if error.to_string().contains("in use") => {}
            result => return result,
        }
    }
    try_serve_at(files, free_port(), free_port()).await
}

async fn try_serve_at(files: &[(&str, &str)], port: u16, other: u16) -> Result<Served, Error> {
    let texts: Vec<(&str, String)> = files
        .iter()
        .map(|(path, text)| {
            let text = text.replace("OTHER_PORT", &other.to_string());
            (*path, text.replace("PORT", &port.to_string()))
        })
        .collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let engine = Engine::start(codebase("1", &files), Options::default()).await?;
    Ok(Served { port, other, engine })
}

/// Starts an engine with one script.
pub(crate) async fn serve(script: &str) -> Served {
    match try_serve(&[("/main.js", script)]).await {
        Ok(served) => served,
        Err(error) => panic!("{error}\n{script}"),
    }
}

/// Sends `input`, half-closes, and returns all that comes back until the other side closes.
pub(crate) async fn exchange(port: u16, input: &[u8]) -> Vec<u8> {
    let talk = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(input).await?;
        stream.shutdown().await?;
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await?;
        Ok::<_, std::io::Error>(got)
    };
    match tokio::time::timeout(DEADLINE, talk).await {
        Ok(Ok(got)) => got,
        Ok(Err(error)) => panic!("port {port}: {error}"),
        Err(_) => panic!("port {port}: no end of the answer within {DEADLINE:?}"),
    }
}

/// One script, one connection: what goes in and what must come out.
pub(crate) async fn check(name: &str, files: &[(&str, &str)], input: &str, output: &str) {
    let served = match try_serve(files).await {
        Ok(served) => served,
        Err(error) => panic!("{name}: {error}"),
    };
    let got = exchange(served.port, input.as_bytes()).await;
    assert_eq!(String::from_utf8_lossy(&got), output, "{name}");
}

/// Values of expressions, as text, in one engine: what each must be, or `throws MESSAGE`. In strings no backslash.
#[track_caller]
pub(crate) fn check_values<'a>(rows: &'a [(&'a str, &'a str)]) -> impl Future<Output = ()> + 'a {
    let place = std::panic::Location::caller();
    async move {
        let wrapped = rows
            .iter()
            .map(|(value, _)| format!("invoke(() => '' + ({value}), message => 'throws ' + message)"));
        let script = format!(
            "pipy().listen(PORT).replaceData(() => new Data([{}].join('\\n')))",
            wrapped.collect::<Vec<_>>().join(",\n")
        );
        let served = match try_serve(&[("/main.js", &script)]).await {
            Ok(served) => served,
            Err(error) => panic!("{place}: {error}"),
        };
        let got = exchange(served.port, b"x").await;
        let got = String::from_utf8_lossy(&got);
        let lines: Vec<&str> = got.split('\n').collect();
        assert_eq!(lines.len(), rows.len(), "{place}: {got}");
        for ((value, expected), got) in rows.iter().zip(lines) {
            assert_eq!(got, *expected, "{place}: {value}");
        }
    }
}

/// Files that must not load, with a part of what is said.
pub(crate) async fn check_refused(name: &str, files: &[(&str, &str)], message: &str) {
    match try_serve(files).await {
        Ok(_) => panic!("{name}: loads, but must fail with: {message}"),
        Err(error) => assert!(error.to_string().contains(message), "{name}: {error}"),
    }
}

/// Waits until `holds`; `what` says what for.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + DEADLINE;
    while !holds() {
        assert!(tokio::time::Instant::now() < end, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
