//! `pipy.exec(command | argv, options?)`: runs a program and waits for it, blocking the worker; its output as Data.
//! Example: `pipy.exec('git log -1').toString()`. Source: pipyjs/model.md section 3.
//! DEVIATES: upstream waits for ever; here the programs of a call have a time (limits.rs), then they are killed, and it throws.

use crate::data::Data;
use crate::filters::command_words;
use crate::js::{self, JsData, List, Options, throw_error, throw_type, value_to_data};
use crate::limits;
use crate::pipeline::{outbox, realm};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rquickjs::function::Opt;
use rquickjs::{Class, Ctx, Value};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a program that is not there ends with: its process aborts (128 and the signal's number, as shells say it).
const MISSING: i32 = 128 + 6;

/// What a program left behind.
struct Ended {
    code: i32,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// See the module.
pub(super) fn exec<'js>(ctx: Ctx<'js>, command: Value<'js>, options: Opt<Value<'js>>) -> js::Result<Value<'js>> {
    let argv: Vec<String> = if let Some(text) = command.as_string() {
        command_words(&text.to_string()?)
    } else if let Some(array) = command.as_list() {
        let words = array.iter::<Value>();
        words
            .map(|word| Ok(js::value_to_text(&ctx, &word?)))
            .collect::<js::Result<_>>()?
    } else {
        return Err(throw_type(&ctx, "argument 1 expects a string or an array of strings"));
    };
    let Some((program, arguments)) = argv.split_first() else {
        return Err(throw_error(&ctx, "exec: the command is empty"));
    };
    let options = Options::new(&ctx, &options.0.unwrap_or_else(|| Value::new_undefined(ctx.clone())))?;
    let mut env = Vec::new();
    if let Some(given) = options.value("env")? {
        let given = given
            .as_object()
            .ok_or_else(|| throw_type(&ctx, "options.env expects an object"))?;
        for variable in given.props::<String, Value>() {
            let (name, value) = variable?;
            env.push((name, js::value_to_text(&ctx, &value)));
        }
    }
    let stdin = match options.value("stdin")? {
        None => Vec::new(),
        Some(value) => match value_to_data(&ctx, &value) {
            Some(data) => data.to_bytes().to_vec(),
            None => return Err(throw_type(&ctx, "options.stdin expects a Data or a string")),
        },
    };
    let merge = options.boolean("stderr")?.unwrap_or(false);
    let on_exit = options.callback("onExit")?;
    // An environment of one's own has no PATH to search.
    let path = if env.is_empty() || program.contains('/') {
        program.clone()
    } else {
        format!("./{program}")
    };
    let mut command = Command::new(path);
    command.args(arguments);
    if !env.is_empty() {
        command.env_clear().envs(env);
    }
    // What others are to get does not wait for a program.
    outbox::send();
    let (began, clock) = (Instant::now(), realm(&ctx).clock.clone());
    let ended = run(command, &stdin, merge, clock.patience());
    clock.waited(began.elapsed());
    let ended = ended.map_err(|error| throw_error(&ctx, &format!("cannot run {program}: {error}")))?;
    let data = |bytes: Vec<u8>| {
        let data = Data::from(bytes::Bytes::from(bytes));
        JsData::object(&ctx, data).map(Class::into_value)
    };
    if let Some(callback) = on_exit {
        callback.call(&ctx, (ended.code, data(ended.stderr)?))?;
    }
    data(ended.stdout)
}

/// Runs it, for no longer than `patience`.
fn run(mut command: Command, stdin: &[u8], merge: bool, patience: Duration) -> io::Result<Ended> {
    if patience.is_zero() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "no time is left to this call"));
    }
    let end = Instant::now() + patience;
    let (stdout, theirs) = io::pipe()?;
    if merge {
        command.stderr(theirs.try_clone()?);
    } else {
        command.stderr(Stdio::piped());
    }
    let spawned = command.stdin(Stdio::piped()).stdout(theirs).spawn();
    // It holds their end of the pipe.
    drop(command);
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            tracing::error!(target: "pjs", %error, "exec: no such program");
            return Ok(Ended {
                code: MISSING,
                stdout: Vec::new(),
                stderr: Vec::new(),
            });
        }
        Err(error) => return Err(error),
    };
    let input = child.stdin.take().map(OwnedFd::from);
    let errors = child.stderr.take().map(OwnedFd::from);
    let done = talk(input, stdin, [Some(stdout.into()), errors], end)
        .and_then(|outputs| wait(&mut child, end).map(|status| (status, outputs)));
    let (status, [stdout, stderr]) = match done {
        Ok(done) => done,
        Err(error) => {
            // It may have ended by itself meanwhile.
            child.kill().ok();
            child.wait()?;
            return Err(match error.kind() {
                io::ErrorKind::TimedOut => io::Error::new(
                    error.kind(),
                    format!(
                        "it takes more than {}s ({} times --script-time) and was killed",
                        patience.as_secs_f32(),
                        limits::EXEC_FACTOR
                    ),
                ),
                _ => error,
            });
        }
    };
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(Ended {
        code: code.unwrap_or(-1),
        stdout,
        stderr,
    })
}

/// Writes `input` and reads both outputs to their ends. One thread does: nobody is left behind in a read when the time is over,
/// whoever else holds the other ends.
fn talk(
    input: Option<OwnedFd>,
    mut rest: &[u8],
    outputs: [Option<OwnedFd>; 2],
    end: Instant,
) -> io::Result<[Vec<u8>; 2]> {
    let mut input = input.map(unblocked).transpose()?;
    let [stdout, stderr] = outputs;
    let mut outputs = [stdout.map(unblocked).transpose()?, stderr.map(unblocked).transpose()?];
    let mut read = [Vec::new(), Vec::new()];
    loop {
        if rest.is_empty() {
            input = None;
        }
        if input.is_none() && outputs.iter().all(Option::is_none) {
            return Ok(read);
        }
        ready(input.iter(), outputs.iter().flatten(), end)?;
        if let Some(pipe) = &mut input {
            match pipe.write(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if is_later(&error) => {}
                // A program may end without having read it all.
                Err(_) => rest = &[],
            }
        }
        for (output, read) in outputs.iter_mut().zip(&mut read) {
            let Some(pipe) = output else { continue };
            let mut block = [0; 16 << 10];
            match pipe.read(&mut block) {
                Ok(0) => *output = None,
                Ok(count) => read.extend_from_slice(block.get(..count).unwrap_or_default()),
                Err(error) if is_later(&error) => {}
                Err(error) => return Err(error),
            }
            if read.len() > limits::HELD_BYTES {
                return Err(io::Error::other(format!(
                    "it prints more than {} bytes",
                    limits::HELD_BYTES
                )));
            }
        }
    }
}

/// Waits until one of them can go on.
fn ready<'p>(
    writers: impl Iterator<Item = &'p File>,
    readers: impl Iterator<Item = &'p File>,
    end: Instant,
) -> io::Result<()> {
    let writers = writers.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLOUT));
    let mut pipes: Vec<PollFd> = writers
        .chain(readers.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)))
        .collect();
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    match poll(&mut pipes, timeout) {
        Err(Errno::EINTR) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn unblocked(pipe: OwnedFd) -> io::Result<File> {
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(File::from(pipe))
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Its output is closed: waits until it has ended.
fn wait(child: &mut Child, end: Instant) -> io::Result<ExitStatus> {
    let (mut pause, longest) = limits::EXEC_LOOK;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(pause);
        pause = (pause * 2).min(longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::testing::check;

    /// limits.rs, `EXEC_FACTOR`: whatever keeps a program from its end, the wait for it ends.
    #[test]
    fn what_does_not_end_is_killed() {
        let patience = Duration::from_millis(300);
        for script in [
            "exec sleep 60",
            "cat > /dev/null; exec sleep 60",
            "exec >&- 2>&-; exec sleep 60",
            // It ends, but somebody else holds its output.
            "sleep 5 &",
        ] {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let began = Instant::now();
            let error = run(command, &vec![0; 1 << 20], false, patience).err();
            let error = error.expect(script);
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{script}");
            assert!(error.to_string().starts_with("it takes more than 0.3s"), "{error}");
            assert!(began.elapsed() < Duration::from_secs(5), "{script}");
        }
    }

    #[test]
    fn what_is_written_is_read_after_the_output_was_closed() {
        let path = std::env::temp_dir().join(format!("exec-{}", fastrand::u64(..)));
        let mut command = Command::new("sh");
        command.args(["-c", "exec >&- 2>&-; cat > \"$0\""]).arg(&path);
        let input = vec![b'x'; 1 << 20];
        let ended = run(command, &input, false, Duration::from_secs(30)).expect("it ends");
        let written = std::fs::read(&path).expect("it wrote");
        std::fs::remove_file(path).expect("it is there");
        assert_eq!((ended.code, written == input), (0, true));
    }

    /// pipyjs/model.md section 3, row `exec`.
    #[tokio::test(flavor = "current_thread")]
    async fn programs_run_and_are_waited_for() {
        for (name, expression, expected) in [
            ("a string", "pipy.exec('echo a \"b  c\" d\\\\ e')", "a b  c d e\n"),
            ("an array", "pipy.exec(['printf', '%s', 'a b'])", "a b"),
            ("standard input", "pipy.exec('cat', { stdin: new Data('in') })", "in"),
            (
                "errors are apart",
                "pipy.exec(['sh', '-c', 'echo out; echo err >&2'])",
                "out\n",
            ),
            (
                "errors are merged",
                "pipy.exec(['sh', '-c', 'echo out; echo err >&2'], { stderr: true })",
                "out\nerr\n",
            ),
            (
                "onExit",
                "((said) => (pipy.exec(['sh', '-c', 'echo err >&2; exit 3'], { onExit: (c, e) => said = c + ' ' + e }), said))()",
                "3 err\n",
            ),
            (
                "a signal",
                "((said) => (pipy.exec(['sh', '-c', 'kill -9 $$'], { onExit: c => said = c }), said))()",
                "137",
            ),
            (
                "an environment replaces ours",
                "pipy.exec('/usr/bin/env', { env: { A: 'b' } })",
                "A=b\n",
            ),
            (
                "an environment disables the search",
                "((said) => (pipy.exec('env', { env: { A: 'b' } , onExit: c => said = c }), said))()",
                "134",
            ),
            (
                "an empty environment is none",
                "pipy.exec(['sh', '-c', 'test -n \"$PATH\" && echo ok'], { env: {} })",
                "ok\n",
            ),
            (
                "no such program",
                "((said) => (pipy.exec('/no/such', { onExit: c => said = c }), said))()",
                "134",
            ),
            (
                "nothing",
                "invoke(() => pipy.exec(''), e => e)",
                "exec: the command is empty",
            ),
            (
                "much in both directions",
                "((d) => pipy.exec('cat', { stdin: d }).size === d.size)(new Data('0123456789abcdef'.repeat(20000)))",
                "true",
            ),
        ] {
            let script = format!("pipy().listen('127.0.0.1:PORT').replaceData(() => new Data('' + {expression}))");
            check(name, &[("/main.js", &script)], "x", expected).await;
        }
    }
}
