//! `logging`: loggers of scripts, for example `const log = new logging.JSONLogger('access').toStdout().log`.
//! Each item goes to the history that the admin port shows, and to each target in the order in which they were given.
//! Source: pipyjs/globals.md section 9.

use super::embedded::{self, source};
use super::logging_http::HttpTarget;
use super::logging_syslog::{self, Syslog};
use crate::data::Data;
use crate::filters::{AppendFile, Rotation};
use crate::js::{self, Host, host, throw_error, throw_type};
use crate::limits;
use rquickjs::prelude::{Opt, Rest};
use rquickjs::{Ctx, Function, Object, Value};
use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    embedded::define(&ctx.globals(), "logging", source!("logging"), needs)
}

fn needs<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    let needs = embedded::nothing(ctx)?;
    needs.set("open", Function::new(ctx.clone(), open)?)?;
    Ok(needs)
}

/// What items are made of values.
#[derive(Clone, Copy)]
enum Format {
    Text,
    Json,
    Binary,
}

struct Logger {
    name: String,
    format: Format,
    host: Rc<dyn Host>,
    targets: RefCell<Vec<Rc<Target>>>,
}

enum Target {
    Stdout,
    Stderr,
    File(AppendFile),
    Syslog(Syslog),
    Http(Rc<HttpTarget>),
}

/// The functions of a logger; being closures they are bound.
fn open<'js>(ctx: Ctx<'js>, format: String, name: String) -> js::Result<Object<'js>> {
    let logger = Rc::new(Logger {
        name,
        format: match format.as_str() {
            "json" => Format::Json,
            "binary" => Format::Binary,
            _ => Format::Text,
        },
        host: host(&ctx),
        targets: RefCell::default(),
    });
    let object = Object::new(ctx.clone())?;
    let of = logger.clone();
    let log = move |ctx: Ctx<'js>, values: Rest<Value<'js>>| of.log(&ctx, &values.0);
    object.set("log", Function::new(ctx.clone(), log)?)?;
    let of = logger.clone();
    let to = move |ctx: Ctx<'js>| of.add(&ctx, Target::Stdout);
    object.set("toStdout", Function::new(ctx.clone(), to)?)?;
    let of = logger.clone();
    let to = move |ctx: Ctx<'js>| of.add(&ctx, Target::Stderr);
    object.set("toStderr", Function::new(ctx.clone(), to)?)?;
    let of = logger.clone();
    let to = move |ctx: Ctx<'js>, path: String, options: Opt<Value<'js>>| -> js::Result<()> {
        let nothing = Value::new_undefined(ctx.clone());
        let options = js::Options::new(&ctx, &options.0.unwrap_or(nothing))?;
        // DEVIATES: `append` is true by default, so that a reload does not empty the log that goes on.
        let rotation = Rotation::parse(&options, true)?;
        of.add(&ctx, Target::File(AppendFile::new(path, rotation)))
    };
    object.set("toFile", Function::new(ctx.clone(), to)?)?;
    let of = logger.clone();
    let to = move |ctx: Ctx<'js>, priority: Opt<Value<'js>>| -> js::Result<()> {
        let priority = logging_syslog::priority(&ctx, priority.0)?;
        of.add(&ctx, Target::Syslog(Syslog::new(&of.name, priority)))
    };
    object.set("toSyslog", Function::new(ctx.clone(), to)?)?;
    let to = move |ctx: Ctx<'js>, url: String, options: Opt<Value<'js>>| -> js::Result<()> {
        let target = HttpTarget::new(&ctx, &url, options.0)?;
        logger.add(&ctx, Target::Http(target))
    };
    object.set("toHTTP", Function::new(ctx.clone(), to)?)?;
    Ok(object)
}

impl Logger {
    fn add(&self, ctx: &Ctx<'_>, target: Target) -> js::Result<()> {
        let mut targets = self.targets.borrow_mut();
        if targets.len() >= limits::LOG_TARGETS {
            let message = format!("a logger takes no more than {} targets", limits::LOG_TARGETS);
            return Err(throw_error(ctx, &message));
        }
        targets.push(Rc::new(target));
        Ok(())
    }

    fn log<'js>(&self, ctx: &Ctx<'js>, values: &[Value<'js>]) -> js::Result<()> {
        match self.format {
            Format::Text => self.put(js::format_line(ctx, values).into_bytes().into()),
            Format::Json => {
                for value in values {
                    // As JSON.stringify: nothing for undefined and for functions.
                    if let Some(text) = ctx.json_stringify(value.clone())? {
                        self.put(text.to_string()?.into_bytes().into());
                    }
                }
            }
            Format::Binary => {
                for (index, value) in values.iter().enumerate() {
                    let data = js::value_to_data(ctx, value).ok_or_else(|| {
                        throw_type(ctx, &format!("argument {} expects a Data or a string", index + 1))
                    })?;
                    self.put(data);
                }
            }
        }
        Ok(())
    }

    fn put(&self, item: Data) {
        let mut line = item.to_bytes().to_vec();
        line.push(b'\n');
        self.host.log(&self.name, &line);
        let targets = self.targets.borrow().clone();
        for target in &targets {
            match &**target {
                Target::Stdout => write(&mut std::io::stdout().lock(), &line),
                Target::Stderr => write(&mut std::io::stderr().lock(), &line),
                Target::File(file) => file.write(&line),
                Target::Syslog(syslog) => syslog.send(&line),
                Target::Http(http) => http.add(item.clone()),
            }
        }
    }
}

/// A log that cannot be written is no reason to stop: there is nobody to tell.
fn write(to: &mut dyn Write, line: &[u8]) {
    to.write_all(line).and_then(|()| to.flush()).ok();
}
