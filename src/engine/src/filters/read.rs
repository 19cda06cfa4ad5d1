//! `read(path | fn, { seek = 0, size = -1 })`: streams a file of the operating system, from the first input on.
//! Example: `.read('/etc/hosts')`. Source: pipyjs/filters.md section 9.

use super::pour::{Blocks, pour, put};
use crate::event::{Event, StreamError};
use crate::js;
use crate::pipeline::{Build, Cx, Filter, Given, Make, Out, Spec, Subs, Task, spawn};
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::rc::Rc;
use tokio::net::unix::pipe::Receiver;

pub(super) static READ: Spec = Spec {
    name: "read",
    args: "(path | fn, { seek, size })",
    about: "streams a file",
    subs: Subs::None,
    build: make,
};

#[derive(Clone, Copy)]
struct Range {
    seek: u64,
    size: u64,
}

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let first = build.arg(0);
    if !first.is_string() && !first.is_function() {
        return Err(build.expects(0, "a string or a function"));
    }
    let path = Given::argument(build, 0);
    let options = build.options(1)?;
    let size = options.number("size")?.filter(|size| *size >= 0.0);
    let range = Range {
        seek: options.number("seek")?.unwrap_or(0.0).max(0.0) as u64,
        size: size.map_or(u64::MAX, |size| size as u64),
    };
    Ok(Rc::new(move || {
        Box::new(Read {
            path: path.clone(),
            range,
            started: false,
            task: None,
        })
    }))
}

struct Read {
    path: Given,
    range: Range,
    started: bool,
    task: Option<Task>,
}

enum Source {
    Blocks(Blocks),
    Pipe(Receiver),
}

/// Never waits: a pipe without a writer is not waited for here.
fn open(path: &str, seek: u64) -> io::Result<Source> {
    let mut file: File = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if kind.is_fifo() {
        return Ok(Source::Pipe(Receiver::from_file_unchecked(file)?));
    }
    if seek > 0 {
        file.seek(SeekFrom::Start(seek))?;
    }
    Ok(Source::Blocks(Blocks(file)))
}

impl Filter for Read {
    fn process(&mut self, cx: &mut Cx<'_>, _event: Event, out: &mut Out<'_>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let path = match self.path.text(cx, out) {
            Ok(path) => path.unwrap_or_default(),
            Err(reason) => return out.end(reason),
        };
        let source = match open(&path, self.range.seek) {
            Ok(source) => source,
            Err(error) => return cx.fail(out, &format!("cannot open file: {path}: {error}")),
        };
        let (port, realm, size) = (out.port(), Rc::downgrade(&cx.realm), self.range.size);
        self.task = Some(spawn(async move {
            // The turn of the first event goes on first.
            tokio::task::yield_now().await;
            let done = match source {
                Source::Blocks(blocks) => pour(blocks, size, &port, &realm).await,
                Source::Pipe(pipe) => pour(pipe, size, &port, &realm).await,
            };
            let end = match done {
                Ok(()) => Event::end(),
                Err(error) => {
                    tracing::warn!(target: "user", path, %error, "cannot read a file to its end");
                    StreamError::ReadError.into()
                }
            };
            put(end, &port, &realm);
        }));
    }

    fn reset(&mut self) {
        self.started = false;
        self.task = None;
    }
}
