//! The four events that streams are made of, and why a stream ended. Source: pipyjs/model.md 1.1.
//! Heads stay native until a script looks at them (js/head.rs makes the object then).

use crate::data::Data;
use crate::value::Saved;
use ballast_codec::http1::{Headers, RequestHead, ResponseHead};
use ballast_codec::websocket;
use std::cell::{Ref, RefCell};
use std::rc::Rc;

/// One event of a stream.
#[derive(Clone, Debug)]
pub enum Event {
    /// Beginning of a message.
    MessageStart(MessageStart),
    /// Bytes, of a message's body or outside of any message; empty: a flush.
    Data(Data),
    /// End of a message.
    MessageEnd(MessageEnd),
    /// End of the stream, with its reason. Nothing follows it.
    StreamEnd(Reason),
}

impl Event {
    /// An empty Data: nothing new, but make progress.
    pub fn flush() -> Self {
        Event::Data(Data::new())
    }

    /// A clean end.
    pub fn end() -> Self {
        Event::StreamEnd(Reason::Clean)
    }

    /// The name that scripts see as `event.type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Event::MessageStart(_) => "MessageStart",
            Event::Data(_) => "Data",
            Event::MessageEnd(_) => "MessageEnd",
            Event::StreamEnd(_) => "StreamEnd",
        }
    }

    /// Bytes that the event holds in memory as payload.
    pub fn len(&self) -> usize {
        match self {
            Event::Data(data) => data.len(),
            _ => 0,
        }
    }

    /// True when the event holds no payload bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Beginning of a message; `head` None is `null` for scripts.
#[derive(Clone, Debug, Default)]
pub struct MessageStart {
    /// The head, shared by reference as scripts expect: a change in place is seen downstream.
    pub head: Option<Rc<Head>>,
}

impl MessageStart {
    /// A message start with this head.
    pub fn new(head: HeadKind) -> Self {
        Self {
            head: Some(Rc::new(Head::new(head))),
        }
    }
}

/// End of a message.
#[derive(Clone, Debug, Default)]
pub struct MessageEnd {
    /// What a decoder measured, or what a script gave.
    pub tail: Option<Tail>,
    /// Any value, for codecs whose message is a value rather than bytes.
    pub payload: Option<Saved>,
}

/// A message's tail.
#[derive(Clone, Debug)]
pub enum Tail {
    /// Made by the HTTP/1 decoder: bytes of head and body.
    Sizes {
        /// Bytes of the head as received.
        head: usize,
        /// Bytes of the body as delivered.
        body: usize,
    },
    /// Made by the HTTP/2 decoder of a message with trailers.
    Trailers {
        /// The trailers.
        headers: Rc<Headers>,
        /// Bytes of the body.
        body: usize,
    },
    /// Made by a script.
    Js(Saved),
}

/// A head, native or made by a script; changes from the former to the latter when a script first looks at it.
#[derive(Debug)]
pub struct Head(pub(crate) RefCell<HeadKind>, RefCell<Option<Box<Original>>>);

/// A head as it came, for when scripts leave it so.
#[derive(Debug)]
pub(crate) struct Original {
    /// The head.
    pub native: HeadKind,
    /// The object that scripts see, with the values that it was made of.
    pub record: Saved,
    /// The function that compares the two (js/template.rs).
    pub diff: Saved,
}

/// See [`Head`].
#[derive(Debug)]
pub enum HeadKind {
    /// A decoded HTTP/1 request head.
    Request(RequestHead),
    /// A decoded HTTP/1 response head.
    Response(ResponseHead),
    /// A decoded head of a WebSocket message.
    WebSocket(websocket::Head),
    /// A JavaScript value, usually a plain object.
    Js(Saved),
}

impl Head {
    /// Wraps a head.
    pub fn new(kind: HeadKind) -> Self {
        Head(RefCell::new(kind), RefCell::default())
    }

    /// A script looks at it: `object` is the truth from now on.
    pub(crate) fn show(&self, object: Saved, made: Option<(Saved, Saved)>) {
        let native = self.0.replace(HeadKind::Js(object));
        let original = made.map(|(record, diff)| Box::new(Original { native, record, diff }));
        *self.1.borrow_mut() = original;
    }

    /// What it was before, if that is known.
    pub(crate) fn original(&self) -> Ref<'_, Option<Box<Original>>> {
        self.1.borrow()
    }
}

/// Why a stream ended.
#[derive(Clone, Debug, Default)]
pub enum Reason {
    /// Without an error.
    #[default]
    Clean,
    /// With one of the named errors.
    Named(StreamError),
    /// With a value of a script, often an `Error`; its internal code is RuntimeError.
    Value(Saved),
}

impl Reason {
    /// True for an end without error.
    pub fn is_clean(&self) -> bool {
        matches!(self, Reason::Clean)
    }

    /// The error's code; None for a clean end.
    pub fn code(&self) -> Option<StreamError> {
        match self {
            Reason::Clean => None,
            Reason::Named(name) => Some(*name),
            Reason::Value(_) => Some(StreamError::RuntimeError),
        }
    }
}

impl From<StreamError> for Event {
    fn from(error: StreamError) -> Self {
        Event::StreamEnd(Reason::Named(error))
    }
}

macro_rules! stream_errors {
    ($($name:ident),*) => {
        /// The named errors of a StreamEnd, spelled as scripts see them (pipyjs/model.md 1.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum StreamError {
            $(#[doc = stringify!($name)] $name),*
        }

        impl StreamError {
            /// All of them.
            pub const ALL: &'static [StreamError] = &[$(StreamError::$name),*];
            /// The name that scripts see.
            pub fn name(self) -> &'static str {
                match self { $(StreamError::$name => stringify!($name)),* }
            }
            /// The error of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(StreamError::$name),)* _ => None }
            }
        }
    };
}
stream_errors!(
    Replay,
    RuntimeError,
    ReadError,
    WriteError,
    CannotResolve,
    ConnectionAborted,
    ConnectionReset,
    ConnectionRefused,
    ConnectionTimeout,
    ReadTimeout,
    WriteTimeout,
    IdleTimeout,
    BufferOverflow,
    ProtocolError,
    Unauthorized
);
