//! Socket options that scripts give to `listen` and `connect`. Source: pipyjs/model.md section 2, http.md section 6.

use crate::js::{self, Options};
use crate::limits;
use rquickjs::Ctx;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::net::TcpStream;

/// What `protocol` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// Streams.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

impl Protocol {
    /// Reads the option; `of`: whose it is, for the message.
    ///
    /// # Errors  Throws for others.
    pub(super) fn parse(ctx: &Ctx<'_>, options: &Options<'_>, of: &str) -> js::Result<Self> {
        match options.string("protocol")?.as_deref() {
            None | Some("tcp") => Ok(Protocol::Tcp),
            Some("udp") => Ok(Protocol::Udp),
            Some("netlink") => Err(js::throw_error(
                ctx,
                &format!(
                    "{of}: protocol 'netlink' is not in this engine; let a program that exec() starts speak netlink"
                ),
            )),
            Some(other) => Err(js::throw_error(
                ctx,
                &format!("{of}: protocol '{other}' is not supported, only 'tcp' and 'udp'"),
            )),
        }
    }
}

/// Options that both directions share (pipyjs/model.md section 2, http.md section 6).
#[derive(Clone, Debug)]
pub(crate) struct SocketOptions {
    /// Pending output above which the source of the data is paused, bytes.
    pub congestion_limit: usize,
    /// Pending output above which the connection fails with BufferOverflow, bytes; None: no limit.
    pub buffer_limit: Option<usize>,
    /// Close when nothing was read for so long.
    pub read_timeout: Option<Duration>,
    /// Close when nothing could be written for so long.
    pub write_timeout: Option<Duration>,
    /// Close when nothing moved for so long.
    pub idle_timeout: Option<Duration>,
    /// SO_KEEPALIVE.
    pub keep_alive: bool,
    /// TCP_NODELAY.
    pub no_delay: bool,
}

impl Default for SocketOptions {
    fn default() -> Self {
        SocketOptions {
            congestion_limit: limits::CONGESTION_BYTES,
            buffer_limit: None,
            read_timeout: None,
            write_timeout: None,
            idle_timeout: Some(Duration::from_secs_f64(limits::IDLE_SECONDS)),
            keep_alive: true,
            no_delay: true,
        }
    }
}

impl SocketOptions {
    /// Reads them from a script's options.
    ///
    /// # Errors  Throws for values of a wrong type.
    pub(crate) fn parse(options: &Options<'_>) -> js::Result<Self> {
        let defaults = SocketOptions::default();
        let timeout = |name: &str, default: Option<Duration>| -> js::Result<Option<Duration>> {
            Ok(match options.seconds(name)? {
                None => default,
                Some(seconds) => Duration::try_from_secs_f64(seconds)
                    .ok()
                    .filter(|timeout| !timeout.is_zero()),
            })
        };
        Ok(SocketOptions {
            congestion_limit: options
                .size("congestionLimit")?
                .unwrap_or(defaults.congestion_limit)
                .max(1),
            buffer_limit: options.size("bufferLimit")?.filter(|limit| *limit > 0),
            read_timeout: timeout("readTimeout", None)?,
            write_timeout: timeout("writeTimeout", None)?,
            idle_timeout: timeout("idleTimeout", defaults.idle_timeout)?,
            keep_alive: options.boolean("keepAlive")?.unwrap_or(true),
            no_delay: options.boolean("noDelay")?.unwrap_or(true),
        })
    }
}

/// Lets a listening socket take connections to addresses that are not ours, and learn their destinations. Failures are
/// ignored: a REDIRECT works without (pipyjs/model.md 1.7).
pub(super) fn set_transparent(socket: &impl AsFd) {
    use nix::sys::socket::{setsockopt, sockopt};
    let set = [
        setsockopt(socket, sockopt::IpTransparent, &true),
        setsockopt(socket, sockopt::Ipv4OrigDstAddr, &true),
    ];
    for error in set.into_iter().filter_map(Result::err) {
        tracing::debug!(target: "listener", %error, "transparent: cannot set a socket option");
    }
}

/// Sets what is set on every connection.
///
/// # Errors  When the socket has been closed meanwhile.
pub(super) fn set_options(stream: &TcpStream, options: &SocketOptions) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt};
    stream.set_nodelay(options.no_delay)?;
    setsockopt(stream, sockopt::KeepAlive, &options.keep_alive)?;
    Ok(())
}
