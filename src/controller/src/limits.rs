//! Every bound of the controller, with its unit.

use std::time::Duration;

/// Features with a watch of their own: one bit each in a Pod's entry.
pub(crate) const MAX_FEATURES: usize = 32;

/// Pods that are published at once. More does not make a Repo faster, which writes one change after the other.
pub(crate) const CONCURRENT_PUBLISHES: usize = 32;

/// Pause after the first failure of a Pod's publish, and of a Repo that does not answer; it doubles with each further one.
pub(crate) const FIRST_RETRY: Duration = Duration::from_millis(250);

/// Longest pause between two tries of what the Repo refuses for one Pod.
pub(crate) const MAX_RETRY: Duration = Duration::from_secs(30);

/// Longest pause between two tries to reach a Repo: one that is back is noticed within this.
pub(crate) const MAX_REPO_PAUSE: Duration = Duration::from_secs(5);

/// Longest publish of one Pod, answers of the Repo included.
pub(crate) const PUBLISH_TIMEOUT: Duration = Duration::from_secs(15);

/// The names in the Repo are compared with the Pods that are known this often: an emptied Repo fills again, and what went
/// while nobody watched is taken away.
pub(crate) const SWEEP: Duration = Duration::from_secs(30);

/// Each codebase is compared with what it should be this often unless told (`--resync`), whatever was seen: a Repo restored
/// from a backup heals. Seconds.
pub(crate) const RESYNC_SECONDS: u64 = 600;

/// Length of one watch request; the next one goes on where it ended. A connection that broke without a word is noticed 5 s
/// after this.
pub(crate) const WATCH_SECONDS: u32 = 60;

/// First and longest pause before a watch that failed is tried again.
pub(crate) const WATCH_RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long a lease counts that is not renewed: so long nobody acts when a leader dies.
pub(crate) const LEASE_SECONDS: i32 = 10;

/// A leader that could not renew for this long stops acting. Well below [`LEASE_SECONDS`], for its last request may be on
/// its way still.
pub(crate) const RENEW_DEADLINE: Duration = Duration::from_secs(6);

/// Pause between two renewals, and between two looks of one who waits.
pub(crate) const RENEW: Duration = Duration::from_secs(2);

/// Longest request about the lease.
pub(crate) const LEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest answer of the API server about one Pod.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// A Secret that a configuration names is read again this often: it is not watched, so that no more than `get` is needed.
pub(crate) const SECRET_RECHECK: Duration = Duration::from_secs(60);

/// First pause before a Secret that could not be read is tried again; it doubles up to [`SECRET_RECHECK`].
pub(crate) const SECRET_RETRY: Duration = Duration::from_secs(1);

/// The numbers in the status of configurations follow Pods after this.
pub(crate) const STATUS_PAUSE: Duration = Duration::from_secs(2);

/// Configurations of a namespace that are followed, the oldest ones: each Pod is compared with all of them.
pub(crate) const CONFIGURATIONS_PER_NAMESPACE: usize = 32;

/// Configurations that are known, the oldest ones: with their Secrets and statuses each costs requests.
pub(crate) const MAX_CONFIGURATIONS: usize = 4096;

/// Pods that are looked at in one step after a change of configurations; between two steps others have their turn.
pub(crate) const PODS_PER_STEP: usize = 256;

/// Requests about configurations that are under way: Secrets and statuses.
pub(crate) const CONCURRENT_CHORES: usize = 4;

/// How long the Repo is asked to wait for news of registrations.
pub(crate) const NEWS_WAIT: Duration = Duration::from_secs(60);

/// Pods whose registrations are looked for, and that wait for it; of more the leases run out.
pub(crate) const MAX_LEFTOVERS: usize = 10_000;
/// Looks at registries that are under way.
pub(crate) const CONCURRENT_LEAVES: usize = 4;
/// After the end of a Pod: its agent has left by itself by then, if it could.
pub(crate) const LEAVE_AFTER_END: Duration = Duration::from_secs(5);
/// After the end of a Pod's grace period, where its object stays: its node does not answer.
pub(crate) const LEAVE_AFTER_GRACE: Duration = Duration::from_secs(30);
/// Longest answer of a registry, tries, and the pause between them.
pub(crate) const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);
/// See [`LEAVE_TIMEOUT`].
pub(crate) const LEAVE_TRIES: u32 = 3;
/// See [`LEAVE_TIMEOUT`].
pub(crate) const LEAVE_PAUSE: Duration = Duration::from_secs(5);

/// Events that may be made at once after a quiet time, and a second after that; those beyond are only logged.
pub(crate) const EVENT_BURST: f64 = 50.0;
/// See [`EVENT_BURST`].
pub(crate) const EVENTS_PER_SECOND: f64 = 5.0;

/// Events that are under way; those beyond are only logged.
pub(crate) const CONCURRENT_EVENTS: usize = 8;

/// Connections to `--listen` at a time; one more ends the one that has been idle longest.
pub(crate) const ADMIN_CONNECTIONS: usize = 64;
/// Time for a request to arrive there; its answer has as much again.
pub(crate) const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept (no file descriptors left).
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections to the webhook at a time; one more ends the one that has been idle longest. An API server needs one for each
/// review that is under way, so this is more than a few of them create at a time.
pub(crate) const WEBHOOK_CONNECTIONS: usize = 512;
/// Bytes that a connection may have sent and nobody taken yet, its head included. Source: hyper takes 8 KiB at least.
pub(crate) const CONNECTION_BYTES: usize = 32 << 10;
/// Long reviews that are read at a time; more wait within [`REVIEW_TIMEOUT`], so that all of them together fit into the memory.
pub(crate) const LONG_REVIEWS: usize = 16;
/// A review beyond this is a long one, bytes. Those of most Pods are some 10 KiB.
pub(crate) const LONG_REVIEW_BYTES: usize = 64 << 10;
/// How long reviews are answered after TERM: the Service leads here until every node knows otherwise.
pub(crate) const WEBHOOK_STOP: Duration = Duration::from_secs(10);
/// How long one may be idle: longer than API servers keep theirs (90 s), so that they close first and no review is lost.
pub(crate) const WEBHOOK_IDLE: Duration = Duration::from_secs(180);
/// Time for a handshake, and for a review to arrive.
pub(crate) const REVIEW_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest review. An object of the API server has at most 1.5 MiB (etcd's limit), and its review little more.
pub(crate) const REVIEW_BYTES: usize = 2 << 20;
/// Warnings in an answer, and letters of each. Source: Kubernetes, admission webhooks, "warnings".
pub(crate) const WARNINGS: usize = 10;
/// See [`WARNINGS`].
pub(crate) const WARNING_CHARS: usize = 200;
/// Pause between two looks for a certificate while there is none.
pub(crate) const CERTIFICATE_LOOK: Duration = Duration::from_millis(500);
/// Authorities of the webhook that count at a time: two, and more only where somebody shortened their lives.
pub(crate) const AUTHORITIES: usize = 4;
/// Longest pause between two looks at the webhook's certificate: one that another one wrote is served within this.
pub(crate) const CERTIFICATE_CHECK: Duration = Duration::from_secs(5);
/// Pause between a change of authority or certificate and the next look at them.
pub(crate) const AUTHORITY_PAUSE: Duration = Duration::from_secs(1);
