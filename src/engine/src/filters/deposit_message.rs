//! `depositMessage(path | fn, { threshold = 0, keep = false })`: keeps message bodies in a file until they are complete, so
//! that those downstream take them at their own speed. Example: `.depositMessage(() => '/tmp/' + algo.uuid())`.
//! Source: pipyjs/filters.md section 9. Writing goes to the system's cache, on the worker's own thread.

use super::pour::{Blocks, pour};
use crate::data::Data;
use crate::event::{Event, Reason};
use crate::js;
use crate::pipeline::{Build, Closed, Cx, Filter, Given, Hold, Make, Out, Spec, Subs, Task, Wake, spawn};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::rc::Rc;

pub(super) static DEPOSIT_MESSAGE: Spec = Spec {
    name: "depositMessage",
    args: "(path | fn, { threshold, keep })",
    about: "keeps message bodies in a file until they are complete",
    subs: Subs::None,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let first = build.arg(0);
    if !first.is_string() && !first.is_function() {
        return Err(build.expects(0, "a string or a function"));
    }
    let path = Given::argument(build, 0);
    let options = build.options(1)?;
    let threshold = options.size("threshold")?.unwrap_or(0);
    let keep = options.boolean("keep")?.unwrap_or(false);
    Ok(Rc::new(move || {
        Box::new(Deposit {
            path: path.clone(),
            threshold,
            keep,
            left: None,
            file: None,
            end: None,
            held: Hold::default(),
            paused: None,
            task: None,
        })
    }))
}

struct Deposit {
    path: Given,
    threshold: usize,
    keep: bool,
    /// Bytes of the body that still pass; None outside of a message.
    left: Option<usize>,
    file: Option<Kept>,
    /// The message's end, while its body is streamed back.
    end: Option<Event>,
    /// What came in meanwhile.
    held: Hold,
    paused: Option<Closed>,
    task: Option<Task>,
}

/// The file with the rest of a body; removed when it is let go of, unless it is to be kept.
struct Kept {
    file: File,
    path: String,
    keep: bool,
}

impl Kept {
    fn open(path: String, keep: bool) -> Result<Self, String> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path);
        match opened {
            Ok(file) => Ok(Kept { file, path, keep }),
            Err(error) => Err(format!("cannot open file: {path}: {error}")),
        }
    }

    fn write(&mut self, data: &Data) -> io::Result<()> {
        data.chunks().try_for_each(|chunk| self.file.write_all(chunk))
    }

    /// From its beginning.
    fn reader(&self) -> io::Result<Blocks> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(Blocks(file))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(target: "user", path = self.path, %error, "cannot remove a message's file");
        }
    }
}

/// The body has been streamed back.
struct Streamed(io::Result<()>);

impl Deposit {
    fn data(&mut self, cx: &mut Cx<'_>, mut data: Data, out: &mut Out<'_>) -> Result<(), Reason> {
        let Some(left) = &mut self.left else {
            out.emit(Event::Data(data));
            return Ok(());
        };
        if data.len() <= *left {
            *left -= data.len();
            out.emit(Event::Data(data));
            return Ok(());
        }
        let passes = data.shift(std::mem::take(left));
        if !passes.is_empty() {
            out.emit(Event::Data(passes));
        }
        if self.file.is_none() {
            let path = self.path.text(cx, out)?.unwrap_or_default();
            match Kept::open(path, self.keep) {
                Ok(file) => self.file = Some(file),
                Err(message) => {
                    cx.fail(out, &message);
                    return Ok(());
                }
            }
        }
        if let Some(kept) = &mut self.file
            && let Err(error) = kept.write(&data)
        {
            let message = format!("cannot write file: {}: {error}", kept.path);
            self.file = None;
            cx.fail(out, &message);
        }
        Ok(())
    }

    /// The message is complete: its end follows what is in the file.
    fn complete(&mut self, cx: &mut Cx<'_>, end: Event, out: &mut Out<'_>) {
        self.left = None;
        let Some(kept) = &self.file else {
            return out.emit(end);
        };
        let reader = match kept.reader() {
            Ok(reader) => reader,
            Err(error) => {
                let message = format!("cannot read file: {}: {error}", kept.path);
                return cx.fail(out, &message);
            }
        };
        self.end = Some(end);
        let (port, realm) = (out.port(), Rc::downgrade(&cx.realm));
        self.task = Some(spawn(async move {
            tokio::task::yield_now().await;
            let result = pour(reader, u64::MAX, &port, &realm).await;
            if let Some(realm) = realm.upgrade() {
                port.wake(&realm, Wake::Message(Box::new(Streamed(result))));
            }
        }));
    }

    fn input(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::MessageStart(_) => {
                self.left = Some(self.threshold);
                self.file = None;
                out.emit(event);
            }
            Event::Data(data) => {
                if let Err(reason) = self.data(cx, data, out) {
                    out.end(reason);
                }
            }
            Event::MessageEnd(_) => self.complete(cx, event, out),
            Event::StreamEnd(_) => {
                // What is there of an unfinished message is no message.
                self.file = None;
                out.emit(event);
            }
        }
    }
}

impl Filter for Deposit {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.end.is_none() {
            return self.input(cx, event, out);
        }
        if self.paused.is_none() {
            self.paused = cx.tap.as_ref().map(|tap| tap.close());
        }
        out.hold(&mut self.held, event);
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let Wake::Message(message) = wake else { return };
        let Ok(streamed) = message.downcast::<Streamed>() else {
            return;
        };
        self.file = None;
        self.task = None;
        if let Err(error) = streamed.0 {
            return cx.fail(out, &format!("cannot read a message's file: {error}"));
        }
        self.end.take().into_iter().for_each(|end| out.emit(end));
        while self.end.is_none() && !out.is_over() {
            let Some(event) = self.held.pop() else {
                self.paused = None;
                return;
            };
            self.input(cx, event, out);
        }
    }

    fn reset(&mut self) {
        self.left = None;
        self.file = None;
        self.end = None;
        self.held.clear();
        self.paused = None;
        self.task = None;
    }
}
