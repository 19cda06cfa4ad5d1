//! `pipy.exec(command | argv, options?)`: runs a program and waits for it, blocking the worker; its output as Data.
//! Example: `pipy.exec('git log -1').toString()`. Source: pipyjs/model.md section 3.

use crate::data::Data;
use crate::filters::command_words;
use crate::js::{self, JsData, Options, throw_error, throw_type, value_to_data};
use crate::limits;
use crate::pipeline::realm;
use rquickjs::function::Opt;
use rquickjs::{Class, Ctx, Value};
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;

/// Stack of a thread that only reads or writes, bytes.
const STACK_BYTES: usize = 64 << 10;
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
    } else if let Some(array) = command.as_array() {
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
    let ended = run(command, &stdin, merge);
    // The time was the program's, not the script's.
    realm(&ctx).clock.pardon();
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

fn run(mut command: Command, stdin: &[u8], merge: bool) -> io::Result<Ended> {
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
    let (input, errors) = (child.stdin.take(), child.stderr.take());
    let builder = |name: &str| thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    let output = thread::scope(|scope| -> io::Result<(Vec<u8>, Vec<u8>)> {
        builder("exec-stdin").spawn_scoped(scope, move || {
            // A program may end without having read it all.
            input.map(|mut input| input.write_all(stdin))
        })?;
        let reading = builder("exec-stderr").spawn_scoped(scope, move || match errors {
            Some(errors) => read(errors),
            None => Ok(Vec::new()),
        })?;
        let stdout = read(stdout);
        if stdout.is_err() {
            child.kill().ok();
        }
        let stderr = reading.join().unwrap_or_else(|_| Ok(Vec::new()));
        Ok((stdout?, stderr?))
    });
    if output.is_err() {
        child.kill().ok();
    }
    let status = child.wait()?;
    let (stdout, stderr) = output?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(Ended {
        code: code.unwrap_or(-1),
        stdout,
        stderr,
    })
}

fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limits::HELD_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limits::HELD_BYTES {
        return Err(io::Error::other(format!(
            "it prints more than {} bytes",
            limits::HELD_BYTES
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::check;

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
