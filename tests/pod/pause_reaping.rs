//! PID 1 reaps whatever the processes of its namespace leave behind, and stays as small as it was.

use std::time::Duration;

use ballast_tests::poll;
use ballast_tests::process::descendants;
use ballast_tests::sandbox::Sandbox;

use crate::{SOON, agent_after, anonymous_kib, field, lives, spec};

/// Children of PID 1 that nobody has reaped.
fn zombies(sandbox: &Sandbox) -> usize {
    let is_zombie = |id: &u32| field(*id, "State").starts_with('Z');
    descendants(sandbox.init()).iter().filter(|id| is_zombie(id)).count()
}

#[test]
fn ten_thousand_orphans_at_once_leave_no_zombie_and_no_memory() {
    let mut sandbox = spec("storm 10000").cpu_shares(1024).start();
    let storm = agent_after(&sandbox, None);
    let before = anonymous_kib(&sandbox);
    // The second agent comes when the first one has ended, and all its zombies with it.
    let agent = poll(Duration::from_secs(120), || lives(&sandbox).get(1).copied());
    assert!(agent.is_some(), "the storm did not end");
    agent_after(&sandbox, Some(storm));
    let cleared = poll(SOON, || (zombies(&sandbox) == 0).then_some(()));
    assert!(cleared.is_some(), "{} zombies are left", zombies(&sandbox));
    assert_eq!(sandbox.status(), None);
    let after = anonymous_kib(&sandbox);
    assert!(after <= before + 4, "{before} KiB before, {after} after");
}
