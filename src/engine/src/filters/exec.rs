//! `exec(command | argv | fn, { env, stderr, pty, onStart, onExit })`: a process between input and output.
//! Example: `.exec('wc -l', { onExit: code => [new Data(code), new StreamEnd] })`. Source: pipyjs/filters.md section 9.
//! DEVIATES: upstream leaves alone what ignores SIGTERM; here SIGKILL follows (limits.rs), for nobody else would end it.

use super::pour::pour;
use super::process::{self, Command, Process, Stderr};
use crate::data::Data;
use crate::event::{Event, Reason, StreamError};
use crate::js::{self, Callback, JsData, List};
use crate::limits;
use crate::pipeline::{Build, Closed, Cx, Filter, Given, Make, Out, Port, Realm, Spec, Subs, Task, Wake, spawn};
use bytes::Bytes;
use rquickjs::Value;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::{Notify, oneshot};

pub(super) static EXEC: Spec = Spec {
    name: "exec",
    args: "(command | argv | fn, { env, stderr, pty, onStart, onExit })",
    about: "passes the stream through a process",
    subs: Subs::None,
    build: make,
};

struct Settings {
    command: Given,
    env: Option<Given>,
    stderr: Stderr,
    pty: bool,
    on_start: Option<Callback>,
    on_exit: Option<Callback>,
}

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let first = build.arg(0);
    if !first.is_string() && !first.is_array() && !first.is_function() {
        return Err(build.expects(0, "a string, an array or a function"));
    }
    let options = build.options(1)?;
    let on_exit = options.callback("onExit")?;
    let stderr = match options.boolean("stderr")?.unwrap_or(false) {
        true => Stderr::Merge,
        false if on_exit.is_some() => Stderr::Collect,
        false => Stderr::Drop,
    };
    let env = options.value("env")?;
    if env.as_ref().is_some_and(|env| env.as_object().is_none()) {
        return Err(js::throw_type(build.ctx, "options.env expects an object or a function"));
    }
    let settings = Rc::new(Settings {
        command: Given::argument(build, 0),
        env: env.map(|env| Given::value(build.ctx, env)),
        stderr,
        pty: options.boolean("pty")?.unwrap_or(false),
        on_start: options.callback("onStart")?,
        on_exit,
    });
    Ok(Rc::new(move || {
        Box::new(Exec {
            settings: settings.clone(),
            started: false,
            running: None,
        })
    }))
}

struct Exec {
    settings: Rc<Settings>,
    started: bool,
    running: Option<Running>,
}

struct Running {
    process: Process,
    stdin: Rc<Stdin>,
    #[expect(dead_code, reason = "dropping them ends the tasks")]
    tasks: [Task; 3],
}

/// What the process has still to read.
#[derive(Default)]
struct Stdin {
    pending: RefCell<Data>,
    /// Sources that are not read while too much is pending.
    blocked: RefCell<Vec<Closed>>,
    /// The process takes no more.
    closed: Cell<bool>,
    changed: Notify,
}

/// The process has ended and its output is read: exit code and standard error.
struct Ended(i32, Data);

impl Exec {
    fn start(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(), Reason> {
        let settings = self.settings.clone();
        let value = settings.command.get(cx, (), out)?;
        let argv = argv_of(&value).map_err(|error| cx.failed(&out.place(), error))?;
        if argv.is_empty() {
            cx.fail(out, "exec() with no arguments");
            return Ok(());
        }
        let env = match &settings.env {
            None => None,
            Some(env) => {
                let env = env.get(cx, (), out)?;
                env_of(&env).map_err(|error| cx.failed(&out.place(), error))?
            }
        };
        let command = Command {
            argv,
            env,
            pty: settings.pty,
            stderr: settings.stderr,
        };
        let started = match process::start(&command) {
            Ok(started) => started,
            Err(message) => {
                cx.fail(out, &message);
                return Ok(());
            }
        };
        let pid = started.process.pid();
        let stdin = Rc::<Stdin>::default();
        let (port, realm) = (out.port(), Rc::downgrade(&cx.realm));
        let (tell, errors) = oneshot::channel();
        let stderr = started.stderr;
        let collecting = spawn(async move {
            tell.send(collect(stderr).await).ok();
        });
        let reading = spawn(async move {
            // A terminal ends with an error; whatever ends the output, the exit code says what there is to say.
            pour(started.stdout, u64::MAX, &port, &realm).await.ok();
            let errors = errors.await.unwrap_or_default();
            let code = started.exit.await.unwrap_or(-1);
            wake(Ended(code, errors), &port, &realm);
        });
        let writing = spawn(write(stdin.clone(), started.stdin));
        self.running = Some(Running {
            process: started.process,
            stdin,
            tasks: [collecting, reading, writing],
        });
        if let Some(on_start) = &settings.on_start {
            cx.call(out, on_start, (pid,))?;
        }
        Ok(())
    }

    fn ended(&mut self, cx: &mut Cx<'_>, code: i32, errors: Data, out: &mut Out<'_>) -> Result<(), Reason> {
        self.running = None;
        let Some(on_exit) = self.settings.on_exit.clone() else {
            out.emit(Event::end());
            return Ok(());
        };
        let errors = match self.settings.stderr {
            Stderr::Collect => JsData::object(&cx.js, errors)
                .map_err(|error| cx.failed(&out.place(), error))?
                .into_value(),
            Stderr::Drop | Stderr::Merge => Value::new_undefined(cx.js.clone()),
        };
        let value = cx.call(out, &on_exit, (code, errors))?;
        let mut events = Vec::new();
        match js::events_of(&cx.js, &value, &mut events) {
            true => events.into_iter().for_each(|event| out.emit(event)),
            false => cx.fail(out, "onExit did not return an event or Message or an array of those"),
        }
        Ok(())
    }
}

/// Program and arguments: of an array as they are, of a string its words.
fn argv_of(value: &Value<'_>) -> js::Result<Vec<String>> {
    if let Some(array) = value.as_list() {
        let texts = array
            .iter::<Value>()
            .map(|item| Ok(js::value_to_text(value.ctx(), &item?)));
        return texts.collect();
    }
    Ok(match js::is_nullish(value) {
        true => Vec::new(),
        false => process::words(&js::value_to_text(value.ctx(), value)),
    })
}

/// NAME=value of each property; None when there is none.
fn env_of(value: &Value<'_>) -> js::Result<Option<Vec<String>>> {
    let Some(object) = value.as_object() else {
        return Ok(None);
    };
    let mut all = Vec::new();
    for entry in object.props::<String, Value>() {
        let (name, value) = entry?;
        if !js::is_nullish(&value) {
            all.push(format!("{name}={}", js::value_to_text(value.ctx(), &value)));
        }
    }
    Ok((!all.is_empty()).then_some(all))
}

/// All of standard error; what is beyond the bound is read and left out.
async fn collect(stderr: Option<Receiver>) -> Data {
    let mut all = Vec::new();
    let Some(mut stderr) = stderr else { return Data::new() };
    let mut block = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut block).await {
        let room = limits::PROCESS_STDERR_BYTES.saturating_sub(all.len());
        all.extend_from_slice(block.get(..count.min(room)).unwrap_or_default());
    }
    all.into()
}

/// Writes what is pending until the process takes no more.
async fn write(stdin: Rc<Stdin>, mut pipe: Sender) {
    loop {
        let chunk: Option<Bytes> = stdin.pending.borrow_mut().pop_chunk();
        match chunk {
            None => stdin.changed.notified().await,
            Some(chunk) => {
                if pipe.write_all(&chunk).await.is_err() {
                    break;
                }
                if stdin.pending.borrow().len() < limits::CONGESTION_BYTES {
                    stdin.blocked.borrow_mut().clear();
                }
            }
        }
    }
    stdin.closed.set(true);
    stdin.pending.replace(Data::new());
    stdin.blocked.borrow_mut().clear();
}

fn wake(ended: Ended, port: &Port, realm: &Weak<Realm>) {
    if let Some(realm) = realm.upgrade() {
        port.wake(&realm, Wake::Message(Box::new(ended)));
    }
}

impl Filter for Exec {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if !std::mem::replace(&mut self.started, true)
            && let Err(reason) = self.start(cx, out)
        {
            self.running = None;
            return out.end(reason);
        }
        let Some(running) = &self.running else { return };
        match event {
            Event::Data(data) if !running.stdin.closed.get() => {
                let stdin = &running.stdin;
                stdin.pending.borrow_mut().append(data);
                stdin.changed.notify_one();
                // Only from sources that have no tap.
                if stdin.pending.borrow().len() > limits::HELD_BYTES {
                    self.running = None;
                    return out.end(Reason::Named(StreamError::BufferOverflow));
                }
                if stdin.pending.borrow().len() >= limits::CONGESTION_BYTES
                    && let Some(tap) = &cx.tap
                    && !stdin.blocked.borrow().iter().any(|closed| closed.is_of(tap))
                {
                    stdin.blocked.borrow_mut().push(tap.close());
                }
            }
            Event::StreamEnd(_) => running.process.terminate(),
            Event::Data(_) | Event::MessageStart(_) | Event::MessageEnd(_) => {}
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let Wake::Message(message) = wake else { return };
        if let Ok(ended) = message.downcast::<Ended>() {
            let Ended(code, errors) = *ended;
            if let Err(reason) = self.ended(cx, code, errors, out) {
                out.end(reason);
            }
        }
    }

    fn reset(&mut self) {
        self.started = false;
        self.running = None;
    }
}
