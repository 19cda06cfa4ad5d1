//! The filters around connections against the programs that people use with them: curl, haproxy, OpenSSL, microsocks, dig.
//! Sources: pipyjs/filters.md section 6, http.md section 6; RFC 1928, the PROXY protocol's specification, RFC 8446.

#![forbid(unsafe_code)]

mod dns;
mod proxy_protocol;
mod socks;
mod support;
mod tls;
