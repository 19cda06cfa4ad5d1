//! The Repo's contract, seen from outside: every row of the Repo protocol's sections 2 to 4 and what design.md 4 adds, on the
//! real binary. Expectations come from those texts.

mod api;
mod auth;
mod disk;
mod limits;
mod publish_pod;
mod read;
mod semantics;
mod wait;
