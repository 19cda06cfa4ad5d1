//! The table of global objects and functions that scripts see. One file a name (or a family); each sets what it names.
//! Source: pipyjs/globals.md.

mod console;
mod events;
mod pipy;
mod prelude;
mod timeout;

use crate::js;
use rquickjs::Ctx;

/// A row of the table.
pub(crate) struct Global {
    /// The name in scripts.
    pub name: &'static str,
    /// One line: what it is.
    pub about: &'static str,
    init: fn(&Ctx<'_>) -> js::Result<()>,
}

/// All globals, sorted by name.
pub(crate) static GLOBALS: &[Global] = &[
    Global {
        name: "Data",
        about: "bytes; class of events and of message bodies",
        init: events::data,
    },
    Global {
        name: "Message",
        about: "head, body, tail and payload of one message",
        init: events::message,
    },
    Global {
        name: "MessageEnd",
        about: "event: the end of a message",
        init: events::message_end,
    },
    Global {
        name: "MessageStart",
        about: "event: the beginning of a message",
        init: events::message_start,
    },
    Global {
        name: "StreamEnd",
        about: "event: the end of a stream",
        init: events::stream_end,
    },
    Global {
        name: "Timeout",
        about: "a timer: wait, cancel, restart",
        init: timeout::init,
    },
    Global {
        name: "console",
        about: "log lines: log, info, warn, error, debug",
        init: console::init,
    },
    Global {
        name: "pipy",
        about: "makes configurations; the codebase, the process",
        init: pipy::init,
    },
];

/// Sets all globals in a new realm, after the prelude (prelude.js).
///
/// # Errors  When the script engine runs out of memory.
pub(crate) fn install(ctx: &Ctx<'_>) -> js::Result<()> {
    prelude::init(ctx)?;
    GLOBALS.iter().try_for_each(|global| (global.init)(ctx))
}

#[cfg(test)]
mod tests {
    use super::GLOBALS;

    #[test]
    fn the_table_is_sorted_and_documented() {
        for pair in GLOBALS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
        assert!(GLOBALS.iter().all(|global| !global.about.is_empty()));
    }
}
