//! The four events that streams are made of, and why a stream ended. Source: pipyjs/model.md 1.1.
//! Heads stay native until a script looks at them (js/head.rs makes the object then).

use crate::budget::Share;
use crate::data::Data;
use crate::value::Saved;
use ballast_codec::http1::{Headers, RequestHead, ResponseHead};
use ballast_codec::websocket;
use std::cell::{Cell, RefCell};
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

/// A head, native or an object of a script; changes from the former to the latter when a script first looks at it.
#[derive(Debug)]
pub struct Head(pub(crate) RefCell<HeadKind>, RefCell<Option<Rc<Shown>>>);

/// A native head behind the object that scripts see of it (js/head_object.rs). It is the truth until a script does with
/// the object what only a plain one can do.
#[derive(Default)]
pub(crate) struct Shown {
    /// The head, with what scripts wrote; None while it is being shown.
    pub native: RefCell<Option<HeadKind>>,
    /// The lines that it came with, once some of them are gone; before, the first `came_with` of the head's lines are.
    pub lines: RefCell<Option<Headers>>,
    /// See `lines`.
    pub came_with: Cell<usize>,
    /// Scripts have plain objects of it, or of a part: these are the truth.
    pub is_plain: Cell<bool>,
    /// What it takes of the scripts' budget: they may keep it, and it is not in their heap.
    pub share: Cell<Option<Share>>,
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

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown")
    }
}

impl Head {
    /// Wraps a head.
    pub fn new(kind: HeadKind) -> Self {
        Head(RefCell::new(kind), RefCell::default())
    }

    /// The head that an object of a script means, with what is behind the object, if it is one of ours.
    pub(crate) fn of_object(object: Saved, shown: Option<Rc<Shown>>) -> Self {
        Head(RefCell::new(HeadKind::Js(object)), RefCell::new(shown))
    }

    /// A script looks at it: it sees `object`, and behind that is `shown`, which gets the native head.
    pub(crate) fn show(&self, object: Saved, shown: Option<Rc<Shown>>) {
        let native = self.0.replace(HeadKind::Js(object));
        if let Some(shown) = &shown {
            let lines = match &native {
                HeadKind::Request(request) => request.headers.len(),
                HeadKind::Response(response) => response.headers.len(),
                HeadKind::WebSocket(_) | HeadKind::Js(_) => 0,
            };
            shown.came_with.set(lines);
            *shown.native.borrow_mut() = Some(native);
        }
        *self.1.borrow_mut() = shown;
    }

    /// What is behind the object that scripts see.
    pub(crate) fn shown(&self) -> Option<Rc<Shown>> {
        self.1.borrow().clone()
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
