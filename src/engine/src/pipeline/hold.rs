//! Events kept back while a filter waits: bounded in number and bytes (limits.rs).

use crate::budget::Share;
use crate::event::{Event, StreamError};
use crate::limits;
use std::collections::VecDeque;

/// A bounded queue of events.
#[derive(Default, Debug)]
pub(crate) struct Hold {
    events: VecDeque<Event>,
    bytes: usize,
    share: Share,
}

impl Hold {
    /// Keeps an event.
    ///
    /// # Errors  BufferOverflow beyond `limits::HELD_EVENTS` or `limits::HELD_BYTES`, or the worker's budget.
    pub(crate) fn push(&mut self, event: Event) -> Result<(), StreamError> {
        let is_full = self.events.len() >= limits::HELD_EVENTS || self.bytes + event.len() > limits::HELD_BYTES;
        if is_full || !self.share.grow(event.len()) {
            return Err(StreamError::BufferOverflow);
        }
        self.bytes += event.len();
        self.events.push_back(event);
        Ok(())
    }

    /// The oldest event.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.bytes -= event.len();
        self.share.shrink(event.len());
        Some(event)
    }

    /// All of them, oldest first.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Event> + use<> {
        self.bytes = 0;
        self.share.clear();
        std::mem::take(&mut self.events).into_iter()
    }

    /// The events, oldest first, which stay.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// True when nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.events.clear();
        self.bytes = 0;
        self.share.clear();
    }
}
