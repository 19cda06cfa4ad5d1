//! A whole message, and building one from events. Source: pipyjs/model.md 1.1 (last paragraphs).

use crate::budget::Share;
use crate::data::Data;
use crate::event::{Event, Head, MessageEnd, MessageStart, Tail};
use crate::value::Saved;
use std::rc::Rc;

/// Head, body, tail and payload of one message.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// See [`MessageStart::head`].
    pub head: Option<Rc<Head>>,
    /// None is `null` for scripts; a message built from events always has one.
    pub body: Option<Data>,
    /// See [`MessageEnd::tail`].
    pub tail: Option<Tail>,
    /// See [`MessageEnd::payload`].
    pub payload: Option<Saved>,
}

impl Message {
    /// The events that the message stands for: MessageStart, Data when there is a non-empty body, MessageEnd.
    pub fn into_events(self) -> impl Iterator<Item = Event> {
        let body = self.body.filter(|body| !body.is_empty()).map(Event::Data);
        std::iter::once(Event::MessageStart(MessageStart { head: self.head }))
            .chain(body)
            .chain(std::iter::once(Event::MessageEnd(MessageEnd {
                tail: self.tail,
                payload: self.payload,
            })))
    }
}

/// A message that a decoder has found whole: its events have all come, so that they can go a step at once ([`crate::pipeline::Filter::message`]).
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    /// Its head.
    pub head: Rc<Head>,
    /// Its body, as one event or, when empty, none.
    pub body: Data,
    /// What was measured.
    pub tail: Tail,
}

impl Whole {
    /// The events that it stands for.
    pub(crate) fn into_events(self) -> impl DoubleEndedIterator<Item = Event> {
        let start = MessageStart { head: Some(self.head) };
        let end = MessageEnd {
            tail: Some(self.tail),
            payload: None,
        };
        let body = Some(self.body).filter(|body| !body.is_empty()).map(Event::Data);
        let ends = [Some(Event::MessageStart(start)), body, Some(Event::MessageEnd(end))];
        ends.into_iter().flatten()
    }
}

/// Collects the events of one message after another.
#[derive(Debug)]
pub(crate) struct MessageBuilder {
    current: Option<Message>,
    limit: usize,
    share: Share,
    /// The worker's budget did not allow for all of the body.
    is_over: bool,
}

impl Default for MessageBuilder {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl MessageBuilder {
    /// `limit`: bytes of the body that are kept; what is beyond is left out of the message.
    pub(crate) fn new(limit: usize) -> Self {
        MessageBuilder {
            current: None,
            limit,
            share: Share::default(),
            is_over: false,
        }
    }

    /// Takes an event in. The first MessageStart wins until the message ends; Data before it is not part of it;
    /// MessageEnd or StreamEnd completes it.
    pub(crate) fn push(&mut self, event: &Event) -> Option<Message> {
        match event {
            Event::MessageStart(start) => {
                if self.current.is_none() {
                    let head = start.head.clone();
                    self.current = Some(Message {
                        head,
                        body: Some(Data::new()),
                        ..Message::default()
                    });
                }
                None
            }
            Event::Data(data) => {
                if let Some(body) = self.current.as_mut().and_then(|message| message.body.as_mut()) {
                    let room = self.limit.saturating_sub(body.len()).min(data.len());
                    if self.is_over || !self.share.grow(room) {
                        self.is_over = true;
                    } else if data.len() == room {
                        body.append(data.clone());
                    } else {
                        body.append(data.clone().shift(room));
                    }
                }
                None
            }
            Event::MessageEnd(end) => {
                self.release();
                let mut message = self.current.take()?;
                message.tail = end.tail.clone();
                message.payload = end.payload.clone();
                Some(message)
            }
            Event::StreamEnd(_) => {
                self.release();
                self.current.take()
            }
        }
    }

    /// True between a MessageStart and its end.
    pub(crate) fn is_open(&self) -> bool {
        self.current.is_some()
    }

    /// Bytes of body held; more than any bound when the worker's budget (budget.rs) was used up.
    pub(crate) fn held_bytes(&self) -> usize {
        if self.is_over {
            return usize::MAX;
        }
        self.current
            .as_ref()
            .and_then(|message| message.body.as_ref())
            .map_or(0, Data::len)
    }

    /// Forgets an unfinished message.
    pub(crate) fn reset(&mut self) {
        self.release();
        self.current = None;
    }

    fn release(&mut self) {
        self.share.clear();
        self.is_over = false;
    }
}
