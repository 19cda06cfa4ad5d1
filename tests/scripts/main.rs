//! The scripts against the real Eureka: each Pod is a network namespace with a controllable app and a real agent that gets
//! the scripts from a real Repo. Not for: containers (tests/pod), the demo (tests/e2e), the scripts' registry names one by
//! one. What must hold is issue 3, item 6, and design.md sections 3 and 4.
//!
//! Start reading at `pod.rs` (a Pod and what can be done to it) and `registration.rs` (the plainest cases).

#![forbid(unsafe_code)]

mod dialect;
mod eureka;
mod failing;
mod heartbeats;
mod leaving;
mod pod;
mod probes;
mod proxy;
mod readiness;
mod registration;
mod relay;
use ballast_tests::server;
mod stage;

use std::time::Duration;

/// Longest wait for something that must happen soon. The budgets (design.md 8) are a second; a busy machine is slower.
const SOON: Duration = Duration::from_secs(20);
