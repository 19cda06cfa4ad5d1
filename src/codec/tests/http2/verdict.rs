//! What a connection does about a peer that breaks a rule, as rows: rule, what was sent, who is hit. Every row runs at every cut.
use crate::property::{Seen, User, run, start};
use crate::wire::{DATA, EH, END, GET, HEADERS, POST, RST_STREAM, frame, settings};
use ballast_codec::http2::{Config, ErrorCode, Role};
use ballast_codec::split::split_everywhere;

/// Who is hit, by which code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hit {
    Connection(ErrorCode),
    Stream(u32, ErrorCode),
    Nobody,
}
use Hit::{Connection, Nobody, Stream};

pub(crate) const PROTOCOL: ErrorCode = ErrorCode::PROTOCOL_ERROR;
pub(crate) const SIZE: ErrorCode = ErrorCode::FRAME_SIZE_ERROR;
pub(crate) const CLOSED: ErrorCode = ErrorCode::STREAM_CLOSED;
pub(crate) const FLOW: ErrorCode = ErrorCode::FLOW_CONTROL_ERROR;

/// One rule: its section of RFC 9113 (or another RFC), what is sent, and what follows.
pub(crate) struct Row(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) Vec<Vec<u8>>,
    pub(crate) Hit,
);

#[track_caller]
pub(crate) fn check(role: Role, rows: Vec<Row>) {
    for Row(rule, what, frames, expected) in rows {
        let mut sample = match role {
            Role::Server => start(),
            Role::Client => settings(&[]),
        };
        sample.extend(frames.concat());
        // Long ones are about sizes; their cuts would take minutes.
        let seen: Seen = match sample.len() {
            0..2000 => split_everywhere(&sample, |pieces| run(role, &Config::default(), User::Listens, pieces)),
            _ => run(role, &Config::default(), User::Listens, &[sample.into()]),
        };
        let hit = match (seen.failed, seen.said.first()) {
            (Some(error), _) => Connection(error.code),
            (None, Some(&(stream, code))) => Stream(stream, ErrorCode(code)),
            (None, None) => Nobody,
        };
        assert_eq!(hit, expected, "{rule} {what}: {seen:?}");
        if hit == Nobody {
            assert!(seen.is_whole, "{rule} {what}");
        }
    }
}

pub(crate) fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END | EH, stream, GET)
}

pub(crate) fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, EH, stream, POST)
}

pub(crate) fn data(flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(DATA, flags, stream, payload)
}

pub(crate) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])
}
