//! A store that ends with the process: for development and tests, and for a Repo whose writers publish everything again.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;

use super::Store;
use crate::change::Batch;
use crate::error::Error;
use crate::model::State;

/// Contents by key.
#[derive(Default)]
pub(crate) struct Memory(RwLock<HashMap<u64, Bytes>>);

impl Store for Memory {
    fn load(&self) -> Result<State, Error> {
        Ok(State::default())
    }

    fn read(&self, blob: u64) -> Result<Option<Bytes>, Error> {
        Ok(self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&blob)
            .cloned())
    }

    fn apply(&self, batch: &Batch) -> Result<(), Error> {
        let mut blobs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        blobs.extend(batch.added.iter().cloned());
        for blob in &batch.removed {
            blobs.remove(blob);
        }
        Ok(())
    }
}
