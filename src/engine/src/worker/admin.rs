//! Pipelines of `.admin(path)`: requests to the owner's admin port that scripts answer. Every thread that has such a pipeline for
//! the path gets the request. Source: pipyjs/model.md 1.3 and section 2, repo.md section 5.

use super::Collector;
use super::thread::Control;
use crate::data::Data;
use crate::event::{Event, HeadKind, MessageStart};
use crate::js;
use crate::limits;
use crate::message::{Message, MessageBuilder};
use crate::pipeline::{Args, Child, Cx, Instance, Layout, Output, Realm, Sink, Task, Work, spawn};
use ballast_codec::http1::{Method, RequestHead};
use bytes::{Bytes, BytesMut};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// A request to the admin port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminRequest {
    /// GET, POST, ...
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Header lines.
    pub headers: Vec<(String, Bytes)>,
    /// The body, whole.
    pub body: Bytes,
}

/// What scripts answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminAnswer {
    /// Of the first thread.
    pub status: u16,
    /// `content-type` of the first thread.
    pub content_type: Option<Bytes>,
    /// The bodies of all threads, one after the other.
    pub body: Bytes,
}

impl Collector {
    /// Asks the `.admin(path)` pipelines of all threads; None: there are none for this path.
    pub async fn admin(&self, request: AdminRequest) -> Option<AdminAnswer> {
        let request = Arc::new(request);
        let mut answers = Vec::new();
        for worker in self.workers().filter_map(mpsc::WeakSender::upgrade) {
            let (reply, answer) = oneshot::channel();
            if worker.send(Control::Admin(request.clone(), reply)).await.is_ok() {
                answers.push(answer);
            }
        }
        let mut all: Option<AdminAnswer> = None;
        for answer in answers {
            // A thread that has ended, or whose pipeline was dropped, has nothing to say.
            let Ok(Some(answer)) = answer.await else { continue };
            all = Some(match all {
                None => answer,
                Some(first) => {
                    let mut body = BytesMut::from(first.body);
                    body.extend_from_slice(&answer.body);
                    AdminAnswer {
                        body: body.freeze(),
                        ..first
                    }
                }
            });
        }
        all
    }
}

/// A request that a pipeline works on. Holds the pipeline, whose output it is.
struct Exchange {
    builder: RefCell<MessageBuilder>,
    reply: Cell<Option<oneshot::Sender<Option<AdminAnswer>>>>,
    child: RefCell<Option<Child>>,
    /// Ends a pipeline that does not answer.
    deadline: RefCell<Option<Task>>,
}

impl Exchange {
    /// Drops the pipeline, and answers.
    fn finish(&self, answer: AdminAnswer) {
        drop(self.child.take());
        if let Some(reply) = self.reply.take() {
            // Who asked may have gone.
            reply.send(Some(answer)).ok();
        }
        drop(self.deadline.take());
    }
}

impl Sink for Exchange {
    fn event(&self, cx: &mut Cx<'_>, event: Event) {
        let is_end = matches!(event, Event::StreamEnd(_));
        let complete = if is_end {
            None
        } else {
            self.builder.borrow_mut().push(&event)
        };
        let answer = match complete {
            Some(message) => answer_of(cx, &message).unwrap_or_else(|error| {
                drop(cx.failed("admin", error));
                failure("the script's answer cannot be sent\n")
            }),
            None if is_end => failure("the script did not answer\n"),
            None if self.builder.borrow().held_bytes() > limits::HELD_BYTES => {
                failure("the script's answer is too long\n")
            }
            None => return,
        };
        self.finish(answer);
    }
}

fn failure(text: &'static str) -> AdminAnswer {
    AdminAnswer {
        status: 500,
        content_type: None,
        body: Bytes::from_static(text.as_bytes()),
    }
}

fn answer_of(cx: &Cx<'_>, message: &Message) -> js::Result<AdminAnswer> {
    let head = js::response_of(&cx.js, message.head.as_ref())?;
    Ok(AdminAnswer {
        status: head.status,
        content_type: head.headers.get("content-type").map(Bytes::copy_from_slice),
        body: message.body.as_ref().map(Data::to_bytes).unwrap_or_default(),
    })
}

/// Gives the request to a pipeline of the layout.
pub(super) fn ask(
    realm: &Rc<Realm>,
    layout: &Rc<Layout>,
    request: &AdminRequest,
    reply: oneshot::Sender<Option<AdminAnswer>>,
) {
    let mut head = RequestHead {
        method: Method::new(request.method.as_bytes()),
        target: Bytes::copy_from_slice(request.path.as_bytes()),
        ..RequestHead::default()
    };
    for (name, value) in &request.headers {
        if let Err(error) = head.headers.push(name.as_bytes(), value) {
            tracing::debug!(target: "listener", name, %error, "a header of a request to the admin port is left out");
        }
    }
    let message = Message {
        head: MessageStart::new(HeadKind::Request(head)).head,
        body: Some(request.body.clone().into()),
        ..Message::default()
    };
    let exchange = Rc::new(Exchange {
        builder: RefCell::default(),
        reply: Cell::new(Some(reply)),
        child: RefCell::default(),
        deadline: RefCell::default(),
    });
    let context = realm.scope.context(None);
    let instance = Instance::create(realm, layout, context, Output::Sink(exchange.clone()), None, 0);
    *exchange.child.borrow_mut() = Some(Child::new(instance.clone()));
    let (late, of) = (Rc::downgrade(&exchange), Rc::downgrade(realm));
    *exchange.deadline.borrow_mut() = Some(spawn(async move {
        tokio::time::sleep(limits::ADMIN_TIME).await;
        if let (Some(exchange), Some(realm)) = (late.upgrade(), of.upgrade()) {
            realm.turn(None, |_, _| {
                exchange.finish(failure("the script did not answer in time\n"))
            });
        }
    }));
    realm.turn(None, |_, work| {
        work.push(Work::Start(instance.clone(), Args::None));
        work.extend(
            message
                .into_events()
                .map(|event| Work::Input(instance.clone(), 0, event)),
        );
    });
}
