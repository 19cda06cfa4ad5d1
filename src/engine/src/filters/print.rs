//! `print()`: writes each Data to standard output as text. Source: pipyjs/filters.md section 1.

use crate::event::Event;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use std::io::Write;
use std::rc::Rc;

pub(super) static PRINT: Spec = Spec {
    name: "print",
    args: "()",
    about: "writes each Data to standard output",
    subs: Subs::None,
    build: |_| Ok(Rc::new(|| Box::new(Print))),
};

struct Print;

impl Filter for Print {
    fn process(&mut self, _cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let Event::Data(data) = &event {
            let mut stdout = std::io::stdout().lock();
            let written = stdout.write_all(&data.to_bytes()).and_then(|()| stdout.flush());
            if let Err(error) = written {
                tracing::debug!(target: "user", "cannot print to standard output: {error}");
            }
        }
        out.emit(event);
    }

    fn reset(&mut self) {}
}
