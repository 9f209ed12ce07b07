//! The version of a record, read before the record: what a later Tollgate wrote is passed over where its
//! writer says so, or refused in words.

use serde::Deserialize;
use serde_json::value::RawValue;
use units::{Name, Wall};

use super::{Record, RecordBody, VERSION};

/// How every record of this version begins: nearly all are read without looking twice.
const BEGIN: &[u8] = br#"{"v":1,"#;

/// See [`RecordBody::Newer`].
#[derive(Debug, Clone)]
pub struct Newer {
    /// Version of the record.
    pub version: u8,
    /// The JSON of its body, as it was written.
    pub body: Box<RawValue>,
}

/// What every version of a record has.
#[derive(Deserialize)]
struct AnyVersion<'a> {
    v: u8,
    /// The version that a program must know, if it is not that of the record.
    #[serde(default)]
    needs: Option<u8>,
    at: Wall,
    account: Name,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// A journal entry that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not the JSON of a record.
    #[error("not a journal record")]
    Json(#[from] serde_json::Error),
    /// From a later Tollgate, and the books would not be right without it.
    #[error(
        "written by a newer Tollgate; record version {version}, this program knows {VERSION}: run the version that wrote it, or a later one"
    )]
    Newer {
        /// Of the record.
        version: u8,
    },
}

// === impl Record ===

impl Record {
    /// From the journal. Fields that this program does not know are passed over.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.starts_with(BEGIN) {
            return Ok(serde_json::from_slice(bytes)?);
        }
        let AnyVersion { v: version, needs, at, account, body } = serde_json::from_slice(bytes)?;
        if needs.unwrap_or(version) > VERSION {
            return Err(RecordError::Newer { version });
        }
        let known = serde_json::from_slice::<Self>(bytes);
        match known {
            Ok(record) => Ok(record),
            Err(_) if version > VERSION => {
                let body = RecordBody::Newer(Newer { version, body: body.to_owned() });
                Ok(Self { v: version, at, account, body })
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Record, RecordError> {
        Record::decode(text.as_bytes())
    }

    #[test]
    fn what_a_later_version_wrote_is_kept_or_refused_in_words() {
        // A field that is new, in a record that this program knows.
        let known = r#"{"v":2,"needs":1,"at":7,"account":"@node","body":{"started":{"node":"sw1","version":"9","colour":"red"}},"x":1}"#;
        let record = decode(known).expect("read without what is new");
        assert!(
            matches!(&record.body, RecordBody::Started(started) if &*started.node == "sw1"),
            "{record:?}"
        );
        // A kind that is new: passed over, shown as it is.
        let passed = r#"{"v":2,"needs":1,"at":7,"account":"acme","body":{"weather":{"rain":true}}}"#;
        let record = decode(passed).expect("passed over");
        let RecordBody::Newer(newer) = &record.body else { panic!("{record:?}") };
        assert_eq!(
            (newer.version, newer.body.get(), &*record.account, record.at),
            (2, r#"{"weather":{"rain":true}}"#, "acme", Wall(7))
        );
        assert!(record.transfers().is_empty() && record.cdr().is_none());
        assert!(record.encode().is_err(), "what is not known is not written");
        // One without which the books would be wrong.
        for needed in [passed.replace(r#""needs":1,"#, ""), passed.replace(r#""needs":1"#, r#""needs":2"#)] {
            let error = decode(&needed).expect_err("refused").to_string();
            assert!(
                error.contains("written by a newer Tollgate; record version 2")
                    && error.contains("run the version"),
                "{error}"
            );
        }
        // Of this version a kind that is not known is damage.
        assert!(matches!(
            decode(&passed.replace(r#""v":2,"needs":1"#, r#""v":1"#)),
            Err(RecordError::Json(_))
        ));
        assert!(matches!(decode("{}"), Err(RecordError::Json(_))));
    }
}
