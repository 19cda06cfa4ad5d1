//! Where the state and the contents are kept: one trait, a store a file. A store takes batches whole and durably or not at
//! all; it knows nothing of what they mean.

mod disk;
mod memory;

use bytes::Bytes;

use crate::change::Batch;
use crate::error::Error;
use crate::model::State;

pub(crate) use disk::Disk;
pub(crate) use memory::Memory;

/// Keeps what the Repo knows.
pub(crate) trait Store: Send + Sync {
    /// Everything but contents, as of the last batch.
    fn load(&self) -> Result<State, Error>;
    /// One content; `None`: there is none.
    fn read(&self, blob: u64) -> Result<Option<Bytes>, Error>;
    /// Takes a batch. When this returns Ok, the batch survives a kill. When it returns Err, nothing of it is to be relied on;
    /// where the disk failed at its very end, a later load may find it.
    fn apply(&self, batch: &Batch) -> Result<(), Error>;
}
