//! Which events of a stream a filter is about: shared by the families that differ in nothing else (`handle*`,
//! `replace*`). Source: pipyjs/filters.md sections 1 and 2.

use crate::event::Event;

/// A kind of moment in a stream.
#[derive(Clone, Copy)]
pub(crate) enum Which {
    /// Each event.
    Any,
    /// Each Data, flushes included.
    Data,
    /// Each MessageStart.
    MessageStart,
    /// Each MessageEnd.
    MessageEnd,
    /// The first event, whatever it is.
    StreamStart,
    /// The StreamEnd.
    StreamEnd,
}

/// Picks the events out of one stream.
pub(crate) struct Pick {
    which: Which,
    started: bool,
}

impl Pick {
    /// Nothing of the stream has been seen.
    pub(crate) fn new(which: Which) -> Self {
        Pick { which, started: false }
    }

    /// Whether `event`, the next of the stream, is one.
    pub(crate) fn wants(&mut self, event: &Event) -> bool {
        let first = !std::mem::replace(&mut self.started, true);
        match self.which {
            Which::Any => true,
            Which::StreamStart => first,
            Which::Data => matches!(event, Event::Data(_)),
            Which::MessageStart => matches!(event, Event::MessageStart(_)),
            Which::MessageEnd => matches!(event, Event::MessageEnd(_)),
            Which::StreamEnd => matches!(event, Event::StreamEnd(_)),
        }
    }

    /// Whether each MessageStart is one, and nothing else.
    pub(crate) fn is_message_start(&self) -> bool {
        matches!(self.which, Which::MessageStart)
    }

    /// A new stream begins.
    pub(crate) fn reset(&mut self) {
        self.started = false;
    }
}
