//! What the user sees: one line a step with the seconds since the start, and commands whose progress stays visible.
//! Not for: decisions; a command's failure is an error here, never an exit.

use std::io::Write;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ballast_tests::Process;

/// How often a quiet command says that it still runs.
const STILL_HERE: Duration = Duration::from_secs(15);

/// Prints a line as it is.
pub(crate) fn plain(text: &str) {
    // A closed pipe (`| head`) is no reason to fail a step.
    let _unseen = writeln!(std::io::stdout(), "{text}");
}

/// Prints a line of progress: `[  12.3s] text`.
pub(crate) fn say(text: &str) {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed().as_secs_f64();
    plain(&format!("[{elapsed:6.1}s] {text}"));
}

/// Runs a command whose own output is its progress.
///
/// # Errors
/// It can't be started, or its exit code is not 0.
pub(crate) fn show(what: &str, command: &mut Command) -> anyhow::Result<()> {
    say(what);
    let status = command
        .status()
        .with_context(|| format!("start {:?} for: {what}", command.get_program()))?;
    if !status.success() {
        bail!("{what}: {status}");
    }
    Ok(())
}

/// Runs a command whose output matters only when it fails, and gives that output; every 15 s a line says how long it has
/// been running.
///
/// # Errors
/// It can't be started, fails, or runs longer than `deadline`; the error holds the end of what it said.
pub(crate) fn quiet(what: &str, command: &mut Command, deadline: Duration) -> anyhow::Result<String> {
    let start = Instant::now();
    let mut process = Process::spawn(what, command)?;
    loop {
        if let Some(status) = process.wait(STILL_HERE.min(deadline)) {
            process.drain_output();
            let output = process.output();
            if !status.success() {
                bail!("{what}: {status}; it said:\n{}", tail(&output));
            }
            return Ok(output);
        }
        if start.elapsed() >= deadline {
            bail!(
                "{what}: still running after {deadline:?}; it said:\n{}",
                tail(&process.output())
            );
        }
        say(&format!("{what}: still running ({} s)", start.elapsed().as_secs()));
    }
}

/// As [`quiet`], tried up to three times: for commands that download.
///
/// # Errors
/// That of the last try.
pub(crate) fn quiet_with_retries(
    what: &str,
    mut make: impl FnMut() -> Command,
    deadline: Duration,
) -> anyhow::Result<String> {
    const TRIES: u32 = 3;
    for attempt in 1..TRIES {
        match quiet(what, &mut make(), deadline) {
            Ok(output) => return Ok(output),
            Err(error) => say(&format!("{what}: attempt {attempt} of {TRIES} failed: {error:#}")),
        }
    }
    quiet(what, &mut make(), deadline)
}

fn tail(output: &str) -> String {
    const LINES: usize = 60;
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
