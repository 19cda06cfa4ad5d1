//! `tee(path | fn, { append, shared, maxFileSize, maxFileCount, rotateInterval })`: also writes each Data to a file; `'-'`
//! is standard output. Example: `.tee('/var/log/bytes', { append: true })`. Source: pipyjs/filters.md section 9.

use super::append_file::{AppendFile, FileOptions};
use crate::data::Data;
use crate::event::{Event, Reason};
use crate::js;
use crate::limits;
use crate::pipeline::{Build, Cx, Filter, Given, Make, Out, Spec, Subs};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;

pub(super) static TEE: Spec = Spec {
    name: "tee",
    args: "(path | fn, { append, shared, maxFileSize, maxFileCount, rotateInterval })",
    about: "copies the bytes of the stream to a file",
    subs: Subs::None,
    build: make,
};

/// Files that pipelines share, by path.
type Shared = Rc<RefCell<HashMap<String, Rc<AppendFile>>>>;

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let first = build.arg(0);
    if !first.is_string() && !first.is_function() {
        return Err(build.expects(0, "a string or a function"));
    }
    let path = Given::argument(build, 0);
    let options = build.options(1)?;
    let file = FileOptions::parse(&options)?;
    let shared = options.boolean("shared")?.unwrap_or(false).then(Shared::default);
    Ok(Rc::new(move || {
        Box::new(Tee {
            path: path.clone(),
            options: file.clone(),
            shared: shared.clone(),
            target: None,
        })
    }))
}

struct Tee {
    path: Given,
    options: FileOptions,
    shared: Option<Shared>,
    target: Option<Target>,
}

enum Target {
    File(String, Rc<AppendFile>),
    Stdout,
    /// It could not be opened, or written: what is to be observed goes on.
    Nowhere,
}

impl Tee {
    fn open(&self, cx: &mut Cx<'_>, out: &Out<'_>) -> Result<Target, Reason> {
        let Some(path) = self.path.text(cx, out)? else {
            return Ok(Target::Nowhere);
        };
        if path == "-" {
            return Ok(Target::Stdout);
        }
        let known = self
            .shared
            .as_ref()
            .and_then(|shared| shared.borrow().get(&path).cloned());
        if let Some(file) = known {
            return Ok(Target::File(path, file));
        }
        match AppendFile::open(Path::new(&path), self.options.clone()) {
            Ok(file) => {
                let file = Rc::new(file);
                if let Some(shared) = &self.shared {
                    let mut shared = shared.borrow_mut();
                    if shared.len() >= limits::SHARED_FILES {
                        shared.retain(|_, file| Rc::strong_count(file) > 1);
                    }
                    shared.insert(path.clone(), file.clone());
                }
                Ok(Target::File(path, file))
            }
            Err(error) => {
                tracing::error!(target: "user", filter = out.place(), path, %error, "cannot open a file to write");
                Ok(Target::Nowhere)
            }
        }
    }

    fn write(&mut self, data: &Data, out: &Out<'_>) {
        let (path, written) = match &self.target {
            Some(Target::File(path, file)) => (path.as_str(), file.write(data)),
            Some(Target::Stdout) => ("-", print(data)),
            Some(Target::Nowhere) | None => return,
        };
        if let Err(error) = written {
            tracing::error!(target: "user", filter = out.place(), path, %error, "cannot write to a file");
            self.target = Some(Target::Nowhere);
        }
    }
}

fn print(data: &Data) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    data.chunks().try_for_each(|chunk| stdout.write_all(chunk))?;
    stdout.flush()
}

impl Filter for Tee {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.target.is_none() {
            match self.open(cx, out) {
                Ok(target) => self.target = Some(target),
                Err(reason) => return out.end(reason),
            }
        }
        if let Event::Data(data) = &event {
            self.write(data, out);
        }
        out.emit(event);
    }

    fn reset(&mut self) {
        self.target = None;
    }
}
