//! A way from the machine's loopback into a network namespace, for clients that can't enter it: each connection to a port here
//! becomes one to a port of loopback there. Not for: speed; two threads a connection.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};

use crate::Netns;

/// A listening way; on drop it takes no more connections. Those that are open end with one of their sides.
pub struct Forward {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forward {
    /// From `127.0.0.1:port` here (0: any) to `127.0.0.1:target` there.
    ///
    /// # Errors
    /// The port is taken, or the namespace gone.
    pub fn start(netns: &Netns, port: u16, target: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let namespace = File::open(netns.path())?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            // The listener stays where it was made; sockets that this thread makes from here on are inside.
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may enter a network namespace that it made");
            for here in listener.incoming().flatten() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                // Nobody listens: the client sees its connection close.
                if let Ok(there) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) {
                    join(&here, &there);
                }
            }
        });
        Ok(Self {
            address,
            is_over,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Wakes it, so that it looks.
        let _gone_already = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _its_panic_was_printed = thread.join();
        }
    }
}

fn join(here: &TcpStream, there: &TcpStream) {
    for (from, to) in [(here, there), (there, here)] {
        if let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) {
            std::thread::spawn(move || {
                let _either_side_ended = io::copy(&mut from, &mut to);
                let _gone_already = to.shutdown(Shutdown::Write);
                let _gone_already = from.shutdown(Shutdown::Read);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn bytes_go_both_ways_and_the_end_is_told() {
        let netns = Netns::new().unwrap();
        let server = netns.run(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let forward = Forward::start(&netns, 0, server.local_addr().unwrap().port()).unwrap();
        let address = forward.address();
        let client = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"question").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        let (mut stream, _) = server.accept().unwrap();
        let mut question = String::new();
        stream.read_to_string(&mut question).unwrap();
        stream.write_all(b"answer").unwrap();
        drop(stream);
        assert_eq!(
            (question.as_str(), client.join().unwrap().as_str()),
            ("question", "answer")
        );
        drop(forward);
        TcpStream::connect(address).unwrap_err();
    }
}
