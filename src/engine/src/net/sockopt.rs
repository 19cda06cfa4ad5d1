//! Socket options that scripts name by number (`getRawOption`, `setRawOption`). Unsafe code, one of two places (js/borrowed.rs): nix
//! has a safe call for each option that it knows, and none for a number. Source: pipyjs/model.md 1.7; socket(7).
#![allow(unsafe_code, reason = "getsockopt and setsockopt by number have no safe form in nix")]

use super::connection::Connection;
use crate::js::RawSocket;
use nix::libc;
use std::os::fd::{AsRawFd, BorrowedFd};

impl RawSocket for Connection {
    fn bind(&self, _address: &str, _port: Option<u16>) -> Result<(), String> {
        Err("bind: the socket is connected already".to_owned())
    }

    fn get_option(&self, level: i32, option: i32, value: &mut [u8]) -> Option<Result<usize, i32>> {
        self.with_fd(|fd| get(fd, level, option, value))
    }

    fn set_option(&self, level: i32, option: i32, value: &[u8]) -> Option<Result<(), i32>> {
        self.with_fd(|fd| set(fd, level, option, value))
    }
}

/// Fills `value`; the number of bytes that the option has (at most its length), or errno.
pub(super) fn get(fd: BorrowedFd<'_>, level: i32, option: i32, value: &mut [u8]) -> Result<usize, i32> {
    let mut len = libc::socklen_t::try_from(value.len()).map_err(|_| libc::EINVAL)?;
    // SAFETY: `fd` is borrowed and so open; `value` is writable for `len` bytes, which is its length; `len` is a live
    // local. The kernel writes at most `len` bytes and sets it to what it wrote. Some options (SO_ATTACH_FILTER and the
    // like) return pointers' worth of bytes, but only as bytes of ours.
    let status = unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, value.as_mut_ptr().cast(), &raw mut len) };
    match status {
        0 => Ok(usize::try_from(len).unwrap_or_default().min(value.len())),
        _ => Err(errno()),
    }
}

/// Sets an option to `value`; errno where the kernel refuses.
pub(super) fn set(fd: BorrowedFd<'_>, level: i32, option: i32, value: &[u8]) -> Result<(), i32> {
    if is_pointer(level, option) {
        return Err(libc::EPERM);
    }
    let len = libc::socklen_t::try_from(value.len()).map_err(|_| libc::EINVAL)?;
    // SAFETY: `fd` is borrowed and so open; `value` is readable for `len` bytes, which is its length. Options whose value
    // holds an address of this process were refused above.
    let status = unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, value.as_ptr().cast(), len) };
    match status {
        0 => Ok(()),
        _ => Err(errno()),
    }
}

/// Options whose value has a pointer in it: the kernel would read memory of ours that a script names.
fn is_pointer(level: i32, option: i32) -> bool {
    let socket = [libc::SO_ATTACH_FILTER, libc::SO_ATTACH_REUSEPORT_CBPF];
    // TCP_ZEROCOPY_RECEIVE; the tables of netfilter are set through options 64 and above of IP and IPv6.
    (level == libc::SOL_SOCKET && socket.contains(&option))
        || (level == libc::SOL_TCP && option == 35)
        || ([libc::SOL_IP, libc::SOL_IPV6, libc::SOL_RAW].contains(&level) && option >= 64)
}

fn errno() -> i32 {
    nix::errno::Errno::last_raw()
}

#[cfg(test)]
mod tests {
    use super::{get, set};
    use nix::libc;
    use std::os::fd::AsFd;

    #[test]
    fn options_by_number() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let fd = socket.as_fd();
        let mut value = [0; 4];
        assert_eq!(get(fd, libc::SOL_SOCKET, libc::SO_TYPE, &mut value), Ok(4));
        assert_eq!(i32::from_ne_bytes(value), libc::SOCK_DGRAM);
        assert_eq!(
            set(fd, libc::SOL_SOCKET, libc::SO_BROADCAST, &1i32.to_ne_bytes()),
            Ok(())
        );
        assert_eq!(get(fd, libc::SOL_SOCKET, libc::SO_BROADCAST, &mut value), Ok(4));
        assert_eq!(value, 1i32.to_ne_bytes());
        let mut short = [0; 1];
        assert_eq!(get(fd, libc::SOL_SOCKET, libc::SO_TYPE, &mut short), Ok(1));
        assert_eq!(get(fd, 99, 99, &mut value), Err(libc::EOPNOTSUPP));
        assert_eq!(
            set(fd, libc::SOL_SOCKET, libc::SO_TYPE, &[0; 4]),
            Err(libc::ENOPROTOOPT)
        );
        for (level, option) in [(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER), (libc::SOL_IP, 64)] {
            assert_eq!(
                set(fd, level, option, &[0; 16]),
                Err(libc::EPERM),
                "pointers are refused"
            );
        }
    }
}
