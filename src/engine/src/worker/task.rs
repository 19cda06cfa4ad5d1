//! Pipelines that the worker itself starts: tasks, watches, `exit`. One at a time each; ended when it outputs StreamEnd.

use crate::event::Event;
use crate::pipeline::{Args, Child, Cx, Instance, Layout, Output, Realm, Sink, Work};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::sync::Notify;

/// Runs one layout again and again.
pub(super) struct Runner {
    realm: Rc<Realm>,
    layout: Rc<Layout>,
    running: RefCell<Option<Child>>,
    /// Start once more when the one that runs has ended (a watched file changed meanwhile).
    again: Cell<bool>,
    ended: Notify,
}

/// The output of a runner's pipeline: only its end matters.
struct End(std::rc::Weak<Runner>);

impl Sink for End {
    fn event(&self, cx: &mut Cx<'_>, event: Event) {
        let (Event::StreamEnd(_), Some(runner)) = (event, self.0.upgrade()) else {
            return;
        };
        drop(runner.running.take());
        runner.ended.notify_waiters();
        if runner.again.replace(false) {
            let work = runner.begin();
            cx.realm.defer(work);
        }
    }
}

impl Runner {
    /// A runner that runs nothing yet.
    pub(super) fn new(realm: &Rc<Realm>, layout: &Rc<Layout>) -> Rc<Self> {
        Rc::new(Runner {
            realm: realm.clone(),
            layout: layout.clone(),
            running: RefCell::default(),
            again: Cell::new(false),
            ended: Notify::new(),
        })
    }

    /// Starts the pipeline, unless the previous one has not ended; `again`: then once more after it.
    pub(super) fn start(self: &Rc<Self>, again: bool) {
        if self.is_running() {
            self.again.set(self.again.get() || again);
            return;
        }
        let work = self.begin();
        self.realm.turn(None, |_, list| list.push(work));
    }

    fn begin(self: &Rc<Self>) -> Work {
        let context = self.realm.scope.context(None);
        let output = Output::Sink(Rc::new(End(Rc::downgrade(self))));
        let instance = Instance::create(&self.realm, &self.layout, context, output, None, 0);
        *self.running.borrow_mut() = Some(Child::new(instance.clone()));
        Work::Start(instance, Args::None)
    }

    /// True while a pipeline runs.
    pub(super) fn is_running(&self) -> bool {
        self.running.borrow().is_some()
    }

    /// Returns when no pipeline runs.
    pub(super) async fn done(&self) {
        while self.is_running() {
            self.ended.notified().await;
        }
    }

    /// Drops the pipeline.
    pub(super) fn stop(&self) {
        self.again.set(false);
        let running = self.running.take();
        if running.is_some() {
            drop(running);
            self.realm.turn(None, |_, _| {});
        }
    }
}
