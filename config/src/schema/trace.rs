//! `[trace]`: where the SIP messages of calls are kept.

use super::{Kind, Preset, Section, key};

/// `[trace]`.
pub const TRACE: Section = Section {
    name: "trace",
    many: false,
    required: false,
    doc: "SIP messages of calls, kept for people who look for a fault. Credentials, keys and keyed digits are masked wherever they leave the memory.",
    keys: &[
        key(
            "ring_mb",
            Kind::Int(0, 65_536),
            Preset::Int(64),
            "MiB of memory for the last messages of all calls, shared by the shards (each has at least a quarter); 0: none are kept. A reload \
             does not change it.",
        ),
        key(
            "dir",
            Kind::Path,
            Preset::Nothing,
            "Folder for one pcap file a call, made if absent; at most 1,000 files and 256 MiB, the oldest go first. Absent: nothing on disk.",
        ),
        key(
            "share",
            Kind::Part,
            Preset::Nothing,
            "Part of all calls that is written to `dir`, as 0.01; which ones follows from their Call-IDs. Absent: only those of \
             `tollgate calls --trace-next`.",
        ),
        key(
            "hep",
            Kind::Text,
            Preset::Nothing,
            "Where every message is sent as HEP3 for Homer, as `udp:192.0.2.1:9060` or `udp:homer.example.net:9060`; a name is looked up \
             again every minute. Absent: nowhere.",
        ),
    ],
};
