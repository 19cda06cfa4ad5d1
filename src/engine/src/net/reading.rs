//! The reading side of a connection. Bytes are read into one block a thread and cut off it, so idle connections hold no buffer;
//! what is much and only relayed goes through a pipe (conduit.rs).

use super::conduit::Dry;
use super::connection::Connection;
use crate::limits;
use crate::pipeline::{Tap, outbox};
use bytes::{BufMut, Bytes, BytesMut};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Poll, ready};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

thread_local! {
    static BLOCK: RefCell<Block> = RefCell::default();
}

/// See the module.
struct Block {
    bytes: BytesMut,
    /// Bytes that a read is given room for: grows while peers fill it, shrinks when they don't.
    room: usize,
}

impl Default for Block {
    fn default() -> Self {
        Block {
            bytes: BytesMut::new(),
            room: limits::READ_BYTES,
        }
    }
}

impl Block {
    /// Room for a read.
    fn make_room(&mut self) {
        // Small reads share a block; a large one has it alone, and mostly gets it back whole, since what it held has been sent.
        let least = match self.room {
            limits::READ_BYTES => limits::READ_BYTES / 4,
            room => room / 2,
        };
        if self.bytes.capacity() < least {
            self.bytes.reserve(self.room.max(2 * limits::READ_BYTES));
        }
    }

    /// Cuts off what a read of at most `most` bytes gave.
    fn take(&mut self, most: usize) -> Bytes {
        let got = self.bytes.len();
        if got == most && got >= limits::READ_BYTES {
            self.room = (self.room * 2).min(limits::READ_MOST_BYTES);
        } else if got < limits::READ_BYTES / 2 {
            self.room = limits::READ_BYTES;
        }
        self.bytes.split().freeze()
    }
}

/// Reads for `connection` while its `tap` is open, until it wants no more.
pub(super) async fn read(connection: Weak<Connection>, tap: Rc<Tap>, mut reader: OwnedReadHalf) {
    let (mut is_passing, mut passed) = (false, 0);
    loop {
        poll_fn(|cx| tap.poll_open(cx)).await;
        let got = match is_passing {
            true => pass_on(&connection, &reader).await,
            false => Err(Dry::Read),
        };
        let got = match got {
            Ok(passed) => Ok((passed, None)),
            Err(Dry::Broken(error)) => Err(error),
            Err(_) => read_some(&mut reader).await.map(|bytes| (bytes.len(), Some(bytes))),
        };
        let Some(connection) = connection.upgrade() else { return };
        let bytes = got.as_ref().map_or(0, |(bytes, _)| *bytes);
        if let Some(got) = got.map(|(_, bytes)| bytes).transpose()
            && !connection.take(got)
        {
            return;
        }
        is_passing = connection.passes_on(is_passing, bytes);
        passed += bytes;
        if is_passing && passed >= limits::PASSED_AT_ONCE_BYTES {
            passed = 0;
            drop(connection);
            // No turn ends here, and there may be no rest either.
            outbox::send();
            tokio::task::yield_now().await;
        }
    }
}

/// Waits for what can go to the connection's mate as it is, and passes it on. Gives the number of bytes.
async fn pass_on(connection: &Weak<Connection>, reader: &OwnedReadHalf) -> Result<usize, Dry> {
    poll_fn(|cx| {
        let stream: &TcpStream = reader.as_ref();
        loop {
            ready!(stream.poll_read_ready(cx)).map_err(Dry::Broken)?;
            let passed = connection.upgrade().ok_or(Dry::Read)?.pass(stream);
            if !matches!(passed, Err(Dry::Nothing)) {
                return Poll::Ready(passed);
            }
        }
    })
    .await
}

/// One read into the thread's block; what was read is cut off. Empty at the end of the stream.
///
/// # Errors  Those of the socket.
async fn read_some(reader: &mut OwnedReadHalf) -> io::Result<Bytes> {
    poll_fn(|cx| {
        BLOCK.with_borrow_mut(|block| {
            block.make_room();
            // The block may have been given more than was asked for.
            let most = block.bytes.capacity().min(limits::READ_MOST_BYTES);
            let got = pin!(reader.read_buf(&mut (&mut block.bytes).limit(most))).poll(cx);
            got.map_ok(|_| block.take(most))
        })
    })
    .await
}
