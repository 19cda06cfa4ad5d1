//! One send of what is pending for a socket. Not for when to send, nor for what follows (connection.rs).

use crate::data::Data;
use crate::limits;
use std::io::{self, IoSlice};
use tokio::net::tcp::OwnedWriteHalf;

/// Sends as much as the system takes at once. Gives the number of bytes.
///
/// # Errors  Those of the socket, `WouldBlock` among them.
pub(super) fn send_some(writer: &OwnedWriteHalf, pending: &Data) -> io::Result<usize> {
    // One chunk is what most have: no slices are set up for it.
    if let Some(chunk) = pending.single() {
        return writer.try_write(chunk);
    }
    let mut slices = [IoSlice::new(&[]); limits::WRITE_SLICES];
    let mut used = 0;
    for (slice, chunk) in slices.iter_mut().zip(pending.chunks()) {
        *slice = IoSlice::new(chunk);
        used += 1;
    }
    writer.try_write_vectored(&slices[..used])
}
