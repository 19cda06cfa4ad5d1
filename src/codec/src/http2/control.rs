//! Frames about the connection and its streams, without content.
//!
//! For: SETTINGS, PING, GOAWAY, WINDOW_UPDATE, RST_STREAM, PRIORITY (parsed and ignored), PUSH_PROMISE (refused).
//! Source: RFC 9113 6.3 to 6.9.
use super::config::MAX_WINDOW;
use super::connection::{Leaving, SHUTDOWN_PING};
use super::error::{Fault, connection, protocol};
use super::flood::Noise;
use super::frame::{self, FrameHeader, flag, kind};
use super::stream::Ended;
use super::{Connection, ErrorCode, Event, Role};

impl Connection {
    pub(super) fn control_frame(&mut self, header: FrameHeader, payload: &[u8]) -> Result<Option<Event>, Fault> {
        match header.kind {
            kind::SETTINGS => self.settings(header, payload),
            kind::WINDOW_UPDATE => self.window_update(header, payload).map(|()| None),
            kind::PING => self.pinged(header, payload),
            kind::RST_STREAM => self.peer_reset(header, payload),
            kind::GOAWAY => self.goaway(header, payload).map(Some),
            kind::PRIORITY => self.priority(header, payload).map(|()| None),
            kind::PUSH_PROMISE => Err(protocol("push is disabled")),
            _ => Ok(None),
        }
    }

    fn settings(&mut self, header: FrameHeader, payload: &[u8]) -> Result<Option<Event>, Fault> {
        on_connection(header)?;
        self.floods.spend(Noise::Settings, &self.config)?;
        if header.has(flag::ACK) {
            check_len(payload, 0)?;
            self.acknowledged();
            return Ok(None);
        }
        if !payload.len().is_multiple_of(6) {
            return Err(frame_size());
        }
        for (name, value) in frame::settings(payload) {
            self.apply(name, value)?;
        }
        frame::put_header(&mut self.out, 0, kind::SETTINGS, flag::ACK, 0);
        self.control(frame::HEADER_BYTES)?;
        Ok(Some(Event::Settings))
    }

    /// The peer's window for streams is now this: open ones change by the difference, and may get negative ones (RFC 9113 6.9.2).
    pub(super) fn resize_windows(&mut self, window: u32) -> Result<(), Fault> {
        let window = i64::from(window);
        let overflow = connection(ErrorCode::FLOW_CONTROL_ERROR, "window above 2^31-1");
        if window > MAX_WINDOW {
            return Err(overflow);
        }
        let change = window - self.peer.window;
        self.peer.window = window;
        for stream in self.streams.iter_mut() {
            stream.send_window += change;
            if stream.send_window > MAX_WINDOW {
                return Err(overflow);
            }
            if stream.queued > 0 && stream.send_window > 0 && !stream.is_ready {
                stream.is_ready = true;
                self.ready.push_back(stream.id);
            }
        }
        Ok(())
    }

    fn window_update(&mut self, header: FrameHeader, payload: &[u8]) -> Result<(), Fault> {
        check_len(payload, 4)?;
        let increment = frame::read_u31(payload);
        let id = header.stream;
        // Whatever their size and stream: what we send pays for them (`sent_data`).
        self.floods.spend(Noise::WindowUpdate, &self.config)?;
        if id == 0 {
            if increment == 0 {
                return Err(protocol("window update of 0"));
            }
            self.send_window += i64::from(increment);
            if self.send_window > MAX_WINDOW {
                return Err(connection(ErrorCode::FLOW_CONTROL_ERROR, "window above 2^31-1"));
            }
            return Ok(());
        }
        if self.is_idle_stream(id) {
            return Err(protocol("window update of a stream that was not opened"));
        }
        let Some(stream) = self.streams.get_mut(id) else {
            return Ok(());
        };
        if increment == 0 {
            return Err(Fault::Stream(id, ErrorCode::PROTOCOL_ERROR));
        }
        stream.send_window += i64::from(increment);
        if stream.send_window > MAX_WINDOW {
            return Err(Fault::Stream(id, ErrorCode::FLOW_CONTROL_ERROR));
        }
        if stream.queued > 0 && stream.send_window > 0 && !stream.is_ready {
            stream.is_ready = true;
            self.ready.push_back(id);
        }
        Ok(())
    }

    fn pinged(&mut self, header: FrameHeader, payload: &[u8]) -> Result<Option<Event>, Fault> {
        on_connection(header)?;
        let Some(&octets) = payload.first_chunk::<8>().filter(|_| payload.len() == 8) else {
            return Err(frame_size());
        };
        if !header.has(flag::ACK) {
            self.floods.spend(Noise::Ping, &self.config)?;
            frame::put_ping(&mut self.out, flag::ACK, octets);
            self.control(frame::HEADER_BYTES + 8)?;
            return Ok(None);
        }
        if octets == SHUTDOWN_PING && self.leaving == Leaving::Announced {
            self.leave();
            return Ok(None);
        }
        if self.pings == 0 {
            // Nobody asked.
            self.floods.spend(Noise::Ping, &self.config)?;
            return Ok(None);
        }
        self.pings -= 1;
        Ok(Some(Event::Pong(octets)))
    }

    fn peer_reset(&mut self, header: FrameHeader, payload: &[u8]) -> Result<Option<Event>, Fault> {
        let id = header.stream;
        check_len(payload, 4)?;
        if id == 0 || self.is_idle_stream(id) {
            return Err(protocol("RST_STREAM for a stream that was not opened"));
        }
        if !self.is_open(id) {
            self.floods.spend(Noise::Empty, &self.config)?;
            return Ok(None);
        }
        self.close(id, Ended::ByPeer);
        self.spend_reset()?;
        Ok(Some(Event::Reset {
            stream: id,
            code: ErrorCode(frame::read_u32(payload)),
            by_peer: true,
        }))
    }

    fn goaway(&mut self, header: FrameHeader, payload: &[u8]) -> Result<Event, Fault> {
        on_connection(header)?;
        let (Some(last), Some(code)) = (payload.get(..4), payload.get(4..8)) else {
            return Err(frame_size());
        };
        self.floods.spend(Noise::Settings, &self.config)?;
        let (said, code) = (frame::read_u31(last), ErrorCode(frame::read_u32(code)));
        // It must not grow (RFC 9113 6.8); if it does, the first word counts.
        let last = self.left.map_or(said, |before| before.min(said));
        self.left = Some(last);
        if self.role == Role::Client {
            let mut refused: Vec<u32> = self
                .streams
                .iter_mut()
                .map(|stream| stream.id)
                .filter(|&id| id > last)
                .collect();
            refused.sort_unstable();
            for stream in refused {
                self.close(stream, Ended::ByUs);
                self.pending.push_back(Event::Reset {
                    stream,
                    code: ErrorCode::REFUSED_STREAM,
                    by_peer: true,
                });
            }
        }
        Ok(Event::Goaway { last, code })
    }

    /// Ignored, but for its form.
    fn priority(&mut self, header: FrameHeader, payload: &[u8]) -> Result<(), Fault> {
        if header.stream == 0 {
            return Err(protocol("PRIORITY on stream 0"));
        }
        self.floods.spend(Noise::Priority, &self.config)?;
        if payload.len() != 5 {
            return Err(self.priority_fault(header, ErrorCode::FRAME_SIZE_ERROR));
        }
        if frame::read_u31(payload) == header.stream {
            return Err(self.priority_fault(header, ErrorCode::PROTOCOL_ERROR));
        }
        Ok(())
    }

    /// A stream that is idle cannot be reset.
    fn priority_fault(&self, header: FrameHeader, code: ErrorCode) -> Fault {
        match self.is_idle_stream(header.stream) {
            true => connection(code, "malformed PRIORITY"),
            false => Fault::Stream(header.stream, code),
        }
    }
}

/// The frame belongs to the connection.
fn on_connection(header: FrameHeader) -> Result<(), Fault> {
    match header.stream {
        0 => Ok(()),
        _ => Err(protocol("a frame about the connection on a stream")),
    }
}

fn check_len(payload: &[u8], len: usize) -> Result<(), Fault> {
    if payload.len() == len {
        Ok(())
    } else {
        Err(frame_size())
    }
}

fn frame_size() -> Fault {
    connection(ErrorCode::FRAME_SIZE_ERROR, "frame of a wrong size")
}
