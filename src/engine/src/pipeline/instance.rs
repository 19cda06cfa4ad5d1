//! Running pipelines: who owns them, where their output goes, how they start and end. Source: pipyjs/model.md 1.2.

use super::{Cx, Filter, Layout, Realm, Tap, Task, Wake, Work};
use crate::event::Event;
use crate::js::{Context, Inbound};
use crate::message::Whole;
use crate::value::Saved;
use rquickjs::Value;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

/// A running instance of a layout with one context.
pub(crate) struct Instance {
    /// What it is an instance of.
    pub layout: Rc<Layout>,
    /// Its variables.
    pub context: Rc<Context>,
    pub(super) realm: Rc<Realm>,
    pub(super) filters: RefCell<Vec<Option<Box<dyn Filter>>>>,
    pub(super) len: usize,
    pub(super) state: Cell<State>,
    /// Input while `onStart` waits.
    pub(super) held: RefCell<Option<Box<super::Hold>>>,
    pub(super) output: Output,
    /// Per filter, and last for the output.
    pub(super) doors: Doors,
    pub(super) chain: Option<Rc<Chain>>,
    pub(super) depth: usize,
    /// What feeds it, for a spawned one.
    pub(super) feeding: RefCell<Option<Task>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Takes input.
    Running,
    /// Waits for the promise of `onStart`; input is held.
    Starting,
    /// Ended; whatever still comes is dropped.
    Ended,
}

/// What still reaches a filter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Everything.
    Open,
    /// No input, for a StreamEnd has come in.
    Closed,
    /// Nothing: it has ended its stream by itself.
    Over,
}

/// The doors of a pipeline. Most have a few filters: no allocation for those.
pub(super) enum Doors {
    Few([Cell<Door>; 8]),
    Many(Box<[Cell<Door>]>),
}

impl Doors {
    fn new(count: usize) -> Self {
        match count {
            0..=8 => Doors::Few([const { Cell::new(Door::Open) }; 8]),
            _ => Doors::Many(vec![Cell::new(Door::Open); count].into_boxed_slice()),
        }
    }

    fn get(&self, index: usize) -> Option<&Cell<Door>> {
        match self {
            Doors::Few(doors) => doors.get(index),
            Doors::Many(doors) => doors.get(index),
        }
    }
}

/// Where a pipeline's output goes.
pub(crate) enum Output {
    /// To the filter that owns it.
    Filter {
        /// The owner's pipeline.
        parent: Weak<Instance>,
        /// The owner's index in it.
        index: usize,
        /// The owner's name for this child.
        key: u64,
    },
    /// Out of the pipelines, for example into a socket.
    Sink(Rc<dyn Sink>),
}

/// Takes the output of a top level pipeline.
pub(crate) trait Sink {
    /// An event; after a StreamEnd nothing comes.
    fn event(&self, cx: &mut Cx<'_>, event: Event);

    /// The pipeline has ended; `result` is what `onEnd` returned, or undefined.
    fn ended<'js>(&self, cx: &mut Cx<'js>, result: Value<'js>) {
        let _ = (cx, result);
    }

    /// The socket (net/connection.rs) that it sends all data to as they are, and that alone gives the pipeline its input.
    fn socket(&self) -> Option<Rc<dyn Any>> {
        None
    }
}

/// Arguments that `onStart` is called with.
pub(crate) enum Args {
    /// None.
    None,
    /// The connection that was accepted.
    Inbound(Rc<Inbound>),
    /// These values.
    Values(Vec<Saved>),
}

impl Args {
    /// One value, or none.
    pub(crate) fn of(value: Option<&Saved>) -> Self {
        value.map_or(Args::None, |value| Args::Values(vec![value.clone()]))
    }
}

/// The rest of a chain of modules (`chain`, `use` with lists, `pipe` with arrays); travels to sub-pipelines.
pub(crate) struct Chain {
    /// Layouts still to come.
    pub layouts: Vec<Rc<Layout>>,
    /// Index of the next one.
    pub next: usize,
    /// What each of them starts with.
    pub args: Vec<Saved>,
}

impl Instance {
    /// A pipeline that has not been started yet ([`Work::Start`] does).
    pub(crate) fn create(
        realm: &Rc<Realm>,
        layout: &Rc<Layout>,
        context: Rc<Context>,
        output: Output,
        chain: Option<Rc<Chain>>,
        depth: usize,
    ) -> Rc<Self> {
        let filters = layout.instances();
        realm.counters.pipelines.add(1);
        Rc::new(Instance {
            layout: layout.clone(),
            context,
            realm: realm.clone(),
            len: filters.len(),
            doors: Doors::new(filters.len() + 1),
            filters: RefCell::new(filters),
            state: Cell::new(State::Running),
            held: RefCell::default(),
            output,
            chain,
            depth,
            feeding: RefCell::default(),
        })
    }

    /// The pipeline that has this one as a sub-pipeline.
    pub(super) fn parent(&self) -> Option<Rc<Instance>> {
        match &self.output {
            Output::Filter { parent, .. } => parent.upgrade(),
            Output::Sink(_) => None,
        }
    }

    /// The rest of the module chain that the pipeline runs in.
    pub(crate) fn chain(&self) -> Option<&Rc<Chain>> {
        self.chain.as_ref()
    }

    /// Whether `event` may enter filter `index`: nothing follows a StreamEnd, whichever filter behaves badly.
    pub(super) fn admits(&self, index: usize, event: &Event) -> bool {
        let Some(door) = self.doors.get(index.min(self.len)) else {
            return false;
        };
        let open = door.get() == Door::Open;
        if open && matches!(event, Event::StreamEnd(_)) {
            door.set(Door::Closed);
        }
        open
    }

    /// Whether all events of a message may enter filter `index`, and nothing makes them wait.
    pub(super) fn admits_message(&self, index: usize) -> bool {
        let door = self.doors.get(index.min(self.len));
        self.state.get() == State::Running && door.is_some_and(|door| door.get() == Door::Open)
    }

    /// Filter `index` has ended its stream by itself: it gets nothing more.
    pub(super) fn finish(&self, index: usize) {
        if let Some(door) = self.doors.get(index) {
            door.set(Door::Over);
        }
    }

    /// See [`Instance::finish`].
    pub(super) fn is_over(&self, index: usize) -> bool {
        self.doors.get(index).is_some_and(|door| door.get() == Door::Over)
    }

    /// Nothing enters its first filter any more.
    pub(super) fn close_input(&self) {
        if let Some(first) = self.doors.get(0).filter(|_| self.len > 0) {
            first.set(Door::Closed);
        }
    }

    /// True once it has been told to end.
    pub(crate) fn is_ended(&self) -> bool {
        self.state.get() == State::Ended
    }

    /// Keeps what feeds it until it ends.
    pub(crate) fn feed(&self, task: Task) {
        *self.feeding.borrow_mut() = Some(task);
    }

    /// Ends it: `onEnd`, then reset, at the end of the turn.
    pub(crate) fn end(self: &Rc<Self>) {
        if self.state.replace(State::Ended) != State::Ended {
            self.realm.ended(self.clone());
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.realm.counters.pipelines.add(-1);
    }
}

/// The owner's handle of a pipeline: dropping it ends the pipeline.
pub(crate) struct Child(Rc<Instance>);

impl Child {
    /// Takes a pipeline over.
    pub(crate) fn new(instance: Rc<Instance>) -> Self {
        Child(instance)
    }

    /// The pipeline.
    pub(crate) fn instance(&self) -> &Rc<Instance> {
        &self.0
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A filter of a pipeline as tasks hold it: does not keep the pipeline alive.
#[derive(Clone)]
pub(crate) struct Port {
    pub(super) instance: Weak<Instance>,
    pub(super) index: usize,
}

impl Port {
    /// In a turn of its own: wakes the filter.
    pub(crate) fn wake(&self, realm: &Rc<Realm>, wake: Wake) {
        self.wake_from(realm, None, wake);
    }

    /// As `wake`; `tap` is closed by whoever cannot take more of what the filter then outputs.
    pub(crate) fn wake_from(&self, realm: &Rc<Realm>, tap: Option<&Rc<Tap>>, wake: Wake) {
        let Some(instance) = self.instance.upgrade() else {
            return;
        };
        realm.turn(tap, |_, work| work.push(Work::Wake(instance, self.index, wake)));
    }

    /// In the current turn: wakes the filter. For functions that scripts call.
    pub(crate) fn wake_soon(&self, realm: &Rc<Realm>, wake: Wake) {
        if let Some(instance) = self.instance.upgrade() {
            realm.defer(Work::Wake(instance, self.index, wake));
        }
    }

    /// The work of outputting an event from the filter; None when the pipeline is gone.
    pub(crate) fn output(&self, event: Event) -> Option<Work> {
        let instance = self.instance.upgrade()?;
        Some(Work::Input(instance, self.index + 1, event))
    }

    /// The work of outputting a message from the filter at once; None when the pipeline is gone.
    pub(crate) fn output_message(&self, message: Whole) -> Option<Work> {
        let instance = self.instance.upgrade()?;
        Some(Work::Message(instance, self.index + 1, message))
    }

    /// The work of waking the filter; None when the pipeline is gone.
    pub(crate) fn waking(&self, wake: Wake) -> Option<Work> {
        let instance = self.instance.upgrade()?;
        Some(Work::Wake(instance, self.index, wake))
    }
}
