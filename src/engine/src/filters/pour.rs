//! Streams what a reader gives as output of a filter: block by block, a turn each, and only while those downstream take
//! more. For `read`, `exec`, `depositMessage`. Source: pipyjs/http.md section 7.

use crate::event::Event;
use crate::limits;
use crate::pipeline::{Port, Realm, Tap};
use bytes::BytesMut;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// A file of a disk. Blocks are small, so that other streams go on between them; a block is waited for.
pub(super) struct Blocks(pub File);

impl AsyncRead for Blocks {
    fn poll_read(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = self.0.read(buffer.initialize_unfilled())?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

/// Until the reader's end, `limit` bytes, an error, or the end of the pipeline.
///
/// # Errors  What reading said.
pub(super) async fn pour(
    mut reader: impl AsyncRead + Unpin,
    mut limit: u64,
    port: &Port,
    realm: &Weak<Realm>,
) -> io::Result<()> {
    let tap = Rc::<Tap>::default();
    let mut block = BytesMut::new();
    while limit > 0 {
        poll_fn(|context| tap.poll_open(context)).await;
        block.reserve(limits::READ_BYTES);
        let mut bounded = (&mut reader).take(limit);
        if bounded.read_buf(&mut block).await? == 0 {
            break;
        }
        let bytes = block.split().freeze();
        limit = limit.saturating_sub(bytes.len() as u64);
        let (Some(realm), Some(work)) = (realm.upgrade(), port.output(Event::Data(bytes.into()))) else {
            break;
        };
        realm.turn(Some(&tap), |_, list| list.push(work));
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Outputs one event in a turn of its own.
pub(super) fn put(event: Event, port: &Port, realm: &Weak<Realm>) {
    if let (Some(realm), Some(work)) = (realm.upgrade(), port.output(event)) {
        realm.turn(None, |_, list| list.push(work));
    }
}
