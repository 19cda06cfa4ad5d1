//! `pipy.read(path, builder | template, arg?)`: streams a file of the operating system through a new pipeline; a promise of
//! what its `onEnd` returns, rejected when the file cannot be opened. Source: pipyjs/model.md 1.3 and section 3.

use super::pipeline::layout_of;
use crate::event::{Event, Reason, StreamError};
use crate::js::{self, Deferred, throw_error};
use crate::limits;
use crate::pipeline::{Feed, Instance, Realm, Tap, Work, realm, spawn, spawn_pipeline};
use bytes::Bytes;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use rquickjs::function::{Function, Opt};
use rquickjs::{Ctx, JsLifetime, Object, Promise, Value};
use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::rc::Rc;
use tokio::sync::mpsc;

/// Stack of a thread that only reads, bytes.
const STACK_BYTES: usize = 64 << 10;
/// Blocks between the thread that reads and the worker.
const QUEUE: usize = 2;

/// Number of files that the scripts of a realm read.
#[derive(Clone, Default, JsLifetime)]
struct Reads(Rc<Cell<usize>>);

/// One of them.
struct Reading(Rc<Cell<usize>>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

pub(super) fn init<'js>(ctx: &Ctx<'js>, pipy: &Object<'js>) -> js::Result<()> {
    let stored = ctx.store_userdata(Reads::default());
    debug_assert!(stored.is_ok(), "user data is not borrowed while a realm is set up");
    pipy.set("read", Function::new(ctx.clone(), read)?)
}

fn read<'js>(ctx: Ctx<'js>, path: String, target: Value<'js>, arg: Opt<Value<'js>>) -> js::Result<Promise<'js>> {
    let layout = layout_of(&ctx, &target, 1)?;
    let count = ctx.userdata::<Reads>().map(|reads| reads.0.clone()).unwrap_or_default();
    if count.get() >= limits::SCRIPT_READS {
        let most = limits::SCRIPT_READS;
        return Err(throw_error(
            &ctx,
            &format!("cannot read {path}: {most} files are being read already"),
        ));
    }
    let blocks = match open(&path).and_then(pump) {
        Ok(blocks) => blocks,
        Err(error) => {
            let (promise, deferred) = Deferred::new(&ctx)?;
            let error = js::error_value(&ctx, &format!("cannot open {path}: {error}"))?;
            deferred.settle(&ctx, Err(error));
            return Ok(promise);
        }
    };
    count.set(count.get() + 1);
    let reading = Reading(count);
    let feed = Feed::Source(Box::new(move |realm, instance| {
        instance.feed(spawn(feed(
            Rc::downgrade(realm),
            Rc::downgrade(instance),
            blocks,
            reading,
        )));
    }));
    spawn_pipeline(&ctx, &realm(&ctx), layout, arg.0.into_iter().collect(), feed)
}

/// Opens a file; never waits, as a pipe without a writer would make us.
fn open(path: &str) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(file)
}

/// Reads on a thread of its own, a few blocks ahead.
fn pump(mut file: File) -> io::Result<mpsc::Receiver<io::Result<Bytes>>> {
    let (send, receive) = mpsc::channel(QUEUE);
    std::thread::Builder::new()
        .name("read".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let mut block = vec![0; limits::FILE_READ_BYTES];
            loop {
                let read = match file.read(&mut block) {
                    Ok(0) => break,
                    Ok(read) => Ok(Bytes::copy_from_slice(&block[..read])),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let is_last = read.is_err();
                // The pipeline has gone when nobody receives.
                if send.blocking_send(read).is_err() || is_last {
                    break;
                }
            }
        })?;
    Ok(receive)
}

/// Inputs the blocks, no faster than the pipeline's output is taken, then the end of the stream; that ends it.
async fn feed(
    realm: std::rc::Weak<Realm>,
    instance: std::rc::Weak<Instance>,
    mut blocks: mpsc::Receiver<io::Result<Bytes>>,
    _reading: Reading,
) {
    let tap = Rc::<Tap>::default();
    loop {
        poll_fn(|cx| tap.poll_open(cx)).await;
        let block = blocks.recv().await;
        let (Some(realm), Some(instance)) = (realm.upgrade(), instance.upgrade()) else {
            return;
        };
        let (event, is_last) = match block {
            Some(Ok(bytes)) => (Event::Data(bytes.into()), false),
            Some(Err(_)) => (Event::StreamEnd(Reason::Named(StreamError::ReadError)), true),
            None => (Event::end(), true),
        };
        realm.turn(Some(&tap), |_, work| {
            work.push(Work::Input(instance.clone(), 0, event));
            if is_last {
                let instance = instance.clone();
                work.push(Work::Run(Box::new(move |_, _| instance.end())));
            }
        });
        if is_last {
            return;
        }
    }
}
