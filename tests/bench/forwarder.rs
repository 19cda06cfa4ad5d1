//! The least that a proxy can do: one epoll, a connection upstream for each one that is accepted, read here and write
//! there. No HTTP, no timeouts, no care: the floor that the system calls set, as a peer of the benchmark.

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const EVENTS: usize = 512;
const LISTENER: u64 = u64::MAX;

/// Forwards connections to `port` to `upstream` until it is killed.
pub(crate) fn run(port: u16, upstream: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET | EpollFlags::EPOLLRDHUP;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    // Streams in pairs: what comes from 2n goes to 2n + 1, and back.
    let mut streams: Vec<Option<TcpStream>> = Vec::new();
    let mut events = vec![EpollEvent::empty(); EVENTS];
    let mut buffer = vec![0; 16 << 10];
    loop {
        let ready = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..ready] {
            if event.data() == LISTENER {
                for stream in [listener.accept()?.0, TcpStream::connect(("127.0.0.1", upstream))?] {
                    stream.set_nodelay(true)?;
                    epoll.add(&stream, EpollEvent::new(flags, streams.len() as u64))?;
                    streams.push(Some(stream));
                }
                continue;
            }
            let from = event.data() as usize;
            let got = streams[from].as_mut().map_or(Ok(0), |stream| stream.read(&mut buffer));
            match got {
                Ok(size @ 1..) => {
                    if let Some(stream) = &mut streams[from ^ 1] {
                        stream.write_all(&buffer[..size])?;
                    }
                }
                _ => {
                    streams[from] = None;
                    streams[from ^ 1] = None;
                }
            }
        }
    }
}
