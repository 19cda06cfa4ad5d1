//! Events kept back while a filter waits: bounded in number and bytes (limits.rs).

use crate::budget::Share;
use crate::data::Data;
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
        if is_full || !self.share.grow(cost(&event)) {
            return Err(StreamError::BufferOverflow);
        }
        self.bytes += event.len();
        self.events.push_back(alone(event));
        Ok(())
    }

    /// The oldest event.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.bytes -= event.len();
        self.share.shrink(cost(&event));
        Some(event)
    }

    /// All of them, oldest first.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Event> + use<> {
        self.bytes = 0;
        self.share.clear();
        std::mem::take(&mut self.events).into_iter()
    }

    /// Bytes that it takes of the worker's budget.
    pub(crate) fn taken(&self) -> usize {
        self.bytes + self.events.len() * limits::HELD_EVENT_BYTES
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

/// What an event takes of the worker's budget: many without a byte are memory too.
fn cost(event: &Event) -> usize {
    event.len() + limits::HELD_EVENT_BYTES
}

/// Small data as a copy: a few bytes that are held must not keep the block that they were read into.
fn alone(event: Event) -> Event {
    match event {
        Event::Data(data) if !data.is_empty() && data.len() < limits::SMALL_CHUNK_BYTES => {
            Event::Data(Data::from(data.to_vec()))
        }
        event => event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget;
    use crate::event::MessageEnd;
    use bytes::Bytes;

    #[test]
    fn a_few_held_bytes_do_not_keep_the_block_they_came_in() {
        let block = Bytes::from(vec![7; 16 << 10]);
        let mut hold = Hold::default();
        hold.push(Event::Data(block.slice(100..101).into()))
            .expect("there is room");
        assert!(block.is_unique());
        let Some(Event::Data(data)) = hold.pop() else {
            panic!("an event was held")
        };
        assert_eq!(data.to_vec(), [7]);
    }

    #[test]
    fn events_without_bytes_count_for_the_budget() {
        budget::set(2 * limits::HELD_EVENT_BYTES, 0);
        let mut hold = Hold::default();
        let end = || Event::MessageEnd(MessageEnd::default());
        hold.push(end()).expect("the first");
        hold.push(end()).expect("the second");
        assert_eq!(hold.push(end()), Err(StreamError::BufferOverflow));
        hold.pop();
        assert_eq!(hold.push(end()), Ok(()));
        hold.clear();
        hold.push(Event::Data(vec![0; limits::HELD_EVENT_BYTES].into()))
            .expect("all was given back");
    }
}
