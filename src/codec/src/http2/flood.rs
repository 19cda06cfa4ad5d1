//! Budgets of frames that cost us something and bring nobody anything.
//!
//! For: telling a flood from a peer that is merely chatty, without a clock. Source: RFC 9113 10.5, and the CVEs named in `Config`.
use super::Config;
use super::error::{ErrorCode, Fault, connection};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noise {
    Ping,
    Settings,
    Priority,
    WindowUpdate,
    Empty,
    Reset,
}

/// A row for each `Noise`: what was spent of it.
#[derive(Debug, Default)]
pub(super) struct Floods {
    spent: [u32; 6],
}

impl Floods {
    /// Counts one.
    /// # Errors
    /// ENHANCE_YOUR_CALM once the budget is used up.
    pub(super) fn spend(&mut self, what: Noise, config: &Config) -> Result<(), Fault> {
        let (budget, why) = match what {
            Noise::Ping => (config.ping_budget, "flood of PING frames"),
            Noise::Settings => (config.settings_budget, "flood of SETTINGS frames"),
            Noise::Priority => (config.priority_budget, "flood of PRIORITY or unknown frames"),
            Noise::WindowUpdate => (config.window_update_budget, "flood of window updates"),
            Noise::Empty => (config.empty_frame_budget, "flood of empty frames"),
            Noise::Reset => (config.reset_budget, "streams are opened only to be reset"),
        };
        let spent = &mut self.spent[what as usize];
        if *spent >= budget {
            return Err(connection(ErrorCode::ENHANCE_YOUR_CALM, why));
        }
        *spent += 1;
        Ok(())
    }

    /// A frame brought something: all but the resets get one back.
    pub(super) fn useful(&mut self) {
        for what in [Noise::Ping, Noise::Settings, Noise::Priority, Noise::Empty] {
            self.give(what, 1);
        }
    }

    /// A DATA frame of ours is proof of work being done, and is answered by window updates: more of them by a peer that reads it in
    /// small pieces.
    pub(super) fn sent(&mut self, bytes: usize) {
        /// A peer that tells of fewer bytes at a time, on the stream or the connection, uses its budget up.
        const TOLD_AT_ONCE: usize = 128;
        self.useful();
        self.give(Noise::WindowUpdate, 8 + (bytes / TOLD_AT_ONCE) as u32);
    }

    /// A new stream: many clients open its window wider by an update.
    pub(super) fn opened(&mut self) {
        self.useful();
        self.give(Noise::WindowUpdate, 2);
    }

    /// Gives some of one budget back.
    pub(super) fn give(&mut self, what: Noise, count: u32) {
        let spent = &mut self.spent[what as usize];
        *spent = spent.saturating_sub(count);
    }

    /// Time has passed: half of what was spent is forgiven.
    pub(super) fn refill(&mut self) {
        self.spent.iter_mut().for_each(|spent| *spent /= 2);
    }
}
