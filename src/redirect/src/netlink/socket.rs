//! The netlink socket: sends a batch and hears what became of it, or asks and hears the answers.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;

use super::batch::Batch;
use super::reply::{self, Reply};
use crate::error::Error;

/// Room for one datagram of the kernel, bytes.
const DATAGRAM_BYTES: usize = 64 * 1024;
/// Longest silence, seconds: the kernel answers while we send.
const PATIENCE_SECONDS: i64 = 5;

/// See the module.
pub(crate) struct Socket {
    fd: OwnedFd,
    block: Vec<u8>,
}

fn failed(what: &'static str) -> impl Fn(Errno) -> Error {
    move |errno| Error::Socket {
        what,
        source: io::Error::from(errno),
    }
}

impl Socket {
    /// In the network namespace of this thread.
    ///
    /// # Errors  The kernel has no netfilter.
    pub(crate) fn open() -> Result<Self, Error> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let protocol = SockProtocol::NetlinkNetFilter;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol).map_err(failed("open"))?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).map_err(failed("bind"))?;
        let patience = TimeVal::new(PATIENCE_SECONDS, 0);
        setsockopt(&fd, sockopt::ReceiveTimeout, &patience).map_err(failed("set its time-out"))?;
        Ok(Socket {
            fd,
            block: vec![0; DATAGRAM_BYTES],
        })
    }

    /// Does all of it, or nothing.
    ///
    /// # Errors  What the kernel refuses, and why.
    pub(crate) fn commit(&mut self, batch: &Batch) -> Result<(), Error> {
        self.send(batch.as_bytes())?;
        loop {
            for reply in self.receive()? {
                let Reply::Acknowledged(sequence, result) = reply else {
                    continue;
                };
                // Refusals come in the order of the messages, so before the one answer that was asked for.
                let Err(source) = result else {
                    return Ok(());
                };
                if source.kind() == io::ErrorKind::PermissionDenied {
                    return Err(Error::Denied(source));
                }
                let part = usize::try_from(sequence)
                    .ok()
                    .and_then(|n| batch.parts.get(n.checked_sub(1)?));
                let what = part.map_or("the transaction", String::as_str).to_owned();
                let module = if what.contains("redirect") {
                    "nft_redir"
                } else {
                    "nf_tables and nft_chain_nat"
                };
                return Err(Error::Refused { what, source, module });
            }
        }
    }

    /// Sends a question and gives each part of the answer to `take`: its type and attributes.
    ///
    /// # Errors  The kernel's.
    pub(crate) fn ask(&mut self, question: &[u8], mut take: impl FnMut(u16, &[u8])) -> Result<(), Error> {
        self.send(question)?;
        loop {
            for reply in self.receive()? {
                match reply {
                    Reply::Part(kind, value) => take(kind, value),
                    Reply::Done(Ok(())) | Reply::Acknowledged(_, Ok(())) => return Ok(()),
                    Reply::Acknowledged(_, Err(source)) if source.kind() == io::ErrorKind::PermissionDenied => {
                        return Err(Error::Denied(source));
                    }
                    Reply::Done(Err(source)) | Reply::Acknowledged(_, Err(source)) => {
                        return Err(Error::Socket {
                            what: "list rules",
                            source,
                        });
                    }
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        let kernel = NetlinkAddr::new(0, 0);
        let sent = sendto(self.fd.as_raw_fd(), bytes, &kernel, MsgFlags::empty()).map_err(failed("send"))?;
        // A datagram goes whole or not at all.
        debug_assert_eq!(sent, bytes.len());
        Ok(())
    }

    fn receive(&mut self) -> Result<Vec<Reply<'_>>, Error> {
        let length = recv(self.fd.as_raw_fd(), &mut self.block, MsgFlags::empty()).map_err(failed("receive"))?;
        reply::read(self.block.get(..length).unwrap_or_default()).map_err(Error::Answer)
    }
}
