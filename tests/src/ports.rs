//! Ports of loopback for servers that can't be told port 0, each for one test only. The kernel's own choice would be taken again
//! by the next who asks, in this process or another, or by a connection that goes out, before the server listens there.
//! Not for: servers that tell which port they took.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Below what Linux takes for connections that go out (32768, ip(7)), and below the node ports of Kubernetes (30000).
const RANGE: Range<u16> = 20_000..30_000;

/// What keeps the ports of this process from others, until it ends.
static TAKEN: Mutex<Vec<UnixDatagram>> = Mutex::new(Vec::new());

/// A TCP port of loopback that nothing listens on, and that no other call gives, in any process, as long as this one lives.
///
/// # Panics
/// When there is none left.
#[track_caller]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(RANGE.end - RANGE.start);
    // Processes begin at places of their own, so that they seldom ask for the same port.
    let begin = std::process::id().wrapping_mul(101);
    let candidates = (0..count).map(|_| {
        let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count;
        RANGE.start + u16::try_from(offset).expect("less than the length of the range")
    });
    for port in candidates {
        if let Some(claim) = claim(port)
            && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        {
            TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(claim);
            return port;
        }
    }
    panic!("no port of {RANGE:?} is free on loopback");
}

/// A name that only one process can have, in the same network namespace as the port, and that goes with the process.
fn claim(port: u16) -> Option<UnixDatagram> {
    let name = SocketAddr::from_abstract_name(format!("ballast-tests-port-{port}")).expect("a short name");
    UnixDatagram::bind_addr(&name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_port_is_given_twice() {
        let ask = || (0..50).map(|_| free_port()).collect::<Vec<u16>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(ask)).collect();
        let all: Vec<u16> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let different: HashSet<u16> = all.iter().copied().collect();
        assert_eq!(different.len(), all.len());
        for port in all {
            assert!(claim(port).is_none(), "another process would get {port} too");
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }

    #[test]
    fn what_another_process_has_claimed_or_listens_on_is_not_given() {
        let next = free_port();
        // The ports that come next here, as far as other threads leave them.
        let following: Vec<u16> = (1..20).map(|n| next + n).filter(|port| RANGE.contains(port)).collect();
        let (claimed, listened) = following.split_at(following.len() / 2);
        let claims: Vec<(u16, UnixDatagram)> = claimed.iter().filter_map(|port| Some((*port, claim(*port)?))).collect();
        let listeners: Vec<(u16, TcpListener)> = listened
            .iter()
            .filter_map(|port| Some((*port, TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).ok()?)))
            .collect();
        for _ in 0..20 {
            let port = free_port();
            let is_taken =
                claims.iter().any(|(taken, _)| *taken == port) || listeners.iter().any(|(taken, _)| *taken == port);
            assert!(!is_taken, "{port}");
        }
    }
}
