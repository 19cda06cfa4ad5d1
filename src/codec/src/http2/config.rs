//! What a connection may use, and what it lets a peer do.
//!
//! Every bound that a peer can reach is here, with the name of the attack that it is against. Source: RFC 9113 6.5.2, 10.5;
//! pipyjs/http.md section 4 for the windows.

/// Largest payload of a frame that is accepted: the protocol's default, which is announced to nobody.
pub const MAX_FRAME_BYTES: usize = 16_384;

/// Size of the table of each direction of header compression, the protocol's default. A peer can make our encoder use less, not more.
pub const HEADER_TABLE_BYTES: usize = 4096;

/// Which side of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Answers requests.
    Server,
    /// Sends requests. Push is switched off.
    Client,
}

/// Settings and bounds of one connection.
///
/// The budgets count events, for the codec has no clock. Each useful frame (a request, data either way) gives one back, and whoever has
/// a clock may call `Connection::refill`. An empty budget is a connection error ENHANCE_YOUR_CALM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Bytes of one stream that may be on their way to the user and not yet released (`streamWindowSize`).
    pub stream_window: u32,
    /// The same for all streams together (`connectionWindowSize`); never less than the protocol's 65535.
    pub connection_window: u32,
    /// Server: streams that a client may have open at once; more are refused with REFUSED_STREAM.
    pub max_concurrent_streams: u32,
    /// Largest list of headers, counted as RFC 9113 10.5.1 does (32 bytes extra for each). Against HPACK bombs, in which a few bytes
    /// stand for a lot. A server answers 431, a client resets the stream.
    pub max_header_list_bytes: usize,
    /// Longest header, name and value together (`maxHeaderSize`); answered as above.
    pub max_field_bytes: usize,
    /// Most headers of one list; answered as above.
    pub max_headers: usize,
    /// Most bytes of one compressed header block. Against the CONTINUATION flood (CVE-2024-27316): connection error.
    pub max_header_block_bytes: usize,
    /// Most CONTINUATION frames after one HEADERS. Against the CONTINUATION flood with empty frames: connection error.
    pub max_continuations: u32,
    /// Bytes that one stream holds for sending before `send_data` says that it is full.
    pub send_buffer_bytes: usize,
    /// Most bytes of answers to control frames (acknowledgements, resets, window updates) that wait to be taken from the output.
    /// Against peers that ask and do not read (CVE-2019-9512, CVE-2019-9515, CVE-2019-9517): connection error.
    pub max_control_bytes: usize,
    /// Bytes of streams whose readers are slow (`Connection::keep`) that do not count for the connection's window.
    pub max_kept_bytes: usize,
    /// Server: streams that are reset before their response is complete, by the peer or for its fault, and those refused. Against rapid
    /// reset (CVE-2023-44487) and "made you reset" (CVE-2025-8671). Each completed stream gives one back.
    pub reset_budget: u32,
    /// PING frames. Against the PING flood (CVE-2019-9512).
    pub ping_budget: u32,
    /// SETTINGS frames. Against the SETTINGS flood (CVE-2019-9515).
    pub settings_budget: u32,
    /// PRIORITY and unknown frames. Against the priority flood (CVE-2019-9513).
    pub priority_budget: u32,
    /// WINDOW_UPDATE frames. Against window updates byte by byte (CVE-2019-9511, CVE-2019-9517), and those that open windows for nothing.
    /// Each request gives two back, each DATA frame sent eight, and one more for each 128 bytes of it.
    pub window_update_budget: u32,
    /// Frames without content: DATA, HEADERS and CONTINUATION of no bytes that end nothing. Against the empty frames flood
    /// (CVE-2019-9518).
    pub empty_frame_budget: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            stream_window: 1 << 20,
            connection_window: 1 << 20,
            max_concurrent_streams: 128,
            max_header_list_bytes: 64 << 10,
            max_field_bytes: 16 << 10,
            max_headers: 100,
            max_header_block_bytes: 64 << 10,
            max_continuations: 32,
            send_buffer_bytes: 256 << 10,
            max_control_bytes: 64 << 10,
            max_kept_bytes: 8 << 20,
            reset_budget: 200,
            ping_budget: 200,
            settings_budget: 50,
            priority_budget: 500,
            window_update_budget: 2000,
            empty_frame_budget: 200,
        }
    }
}

/// Largest window of RFC 9113 6.9.1.
pub(super) const MAX_WINDOW: i64 = (1 << 31) - 1;

/// Every window before settings say otherwise (RFC 9113 6.9.2).
pub(super) const DEFAULT_WINDOW: u32 = 65_535;

impl Config {
    /// Brought into the range that the protocol and 32-bit positions allow.
    pub(super) fn clamped(mut self) -> Self {
        self.stream_window = self.stream_window.clamp(1, MAX_WINDOW as u32);
        self.connection_window = self.connection_window.clamp(DEFAULT_WINDOW, MAX_WINDOW as u32);
        self.max_header_list_bytes = self.max_header_list_bytes.clamp(256, 16 << 20);
        self.max_header_block_bytes = self.max_header_block_bytes.clamp(256, 16 << 20);
        self.send_buffer_bytes = self.send_buffer_bytes.max(1);
        self
    }
}
