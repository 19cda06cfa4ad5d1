//! `tee(path | fn, { append, shared, maxFileSize, maxFileCount, rotateInterval })`: also writes each Data to a file; `'-'`
//! is standard output. Example: `.tee('/var/log/bytes', { append: true })`. Source: pipyjs/filters.md section 9.

use super::append_file::{AppendFile, Rotation};
use crate::data::Data;
use crate::event::{Event, Reason};
use crate::js;
use crate::limits;
use crate::pipeline::{Build, Cx, Filter, Given, Make, Out, Spec, Subs};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Write};
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
    let rotation = Rotation::parse(&options, false)?;
    let shared = options.boolean("shared")?.unwrap_or(false).then(Shared::default);
    Ok(Rc::new(move || {
        Box::new(Tee {
            path: path.clone(),
            rotation: rotation.clone(),
            shared: shared.clone(),
            target: None,
        })
    }))
}

struct Tee {
    path: Given,
    rotation: Rotation,
    shared: Option<Shared>,
    target: Option<Target>,
}

enum Target {
    File(Rc<AppendFile>),
    Stdout,
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
        let open = || Rc::new(AppendFile::new(&path, self.rotation.clone()));
        let Some(shared) = &self.shared else {
            return Ok(Target::File(open()));
        };
        let mut shared = shared.borrow_mut();
        if shared.len() >= limits::SHARED_FILES && !shared.contains_key(&path) {
            shared.retain(|_, file| Rc::strong_count(file) > 1);
        }
        let file = shared.entry(path.clone()).or_insert_with(open).clone();
        Ok(Target::File(file))
    }

    fn write(&self, data: &Data) {
        match &self.target {
            Some(Target::File(file)) => file.write(&data.to_bytes()),
            Some(Target::Stdout) => {
                if let Err(error) = print(data) {
                    tracing::debug!(target: "user", "cannot print to standard output: {error}");
                }
            }
            Some(Target::Nowhere) | None => {}
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
            self.write(data);
        }
        out.emit(event);
    }

    fn reset(&mut self) {
        self.target = None;
    }
}
