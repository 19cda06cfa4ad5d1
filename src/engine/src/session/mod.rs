//! Shared by the mux and demux families: queues, HTTP sessions. See the files.
