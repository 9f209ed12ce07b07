//! Packed encoding rules, aligned (ITU-T X.691): what H.225.0 and H.245 use of them. Lengths of 16384 and
//! more (fragments) are refused; nothing in these protocols needs them.
//!
//! Invariants: no input panics; reading ends after a bounded number of steps and holds bounded memory, by
//! [`MAX_DEPTH`], [`MAX_ELEMENTS`] and the bits that are left.

mod limits;
mod oid;
mod reader;
mod writer;

pub use limits::{BitString, MAX_DEPTH, MAX_ELEMENTS, MAX_LENGTH, PerError};
pub use oid::Oid;
pub use reader::{Additions, Outer, Reader};
pub use writer::{Open, Writer};

/// What can be read and written in packed encoding.
pub trait Per: Sized {
    /// Reads one value.
    fn read(r: &mut Reader<'_>) -> Result<Self, PerError>;
    /// Writes one value; a value that breaks its constraint makes [`Writer::finish`] fail.
    fn write(&self, w: &mut Writer);
}

impl<T: Per> Per for Box<T> {
    fn read(r: &mut Reader<'_>) -> Result<Self, PerError> {
        T::read(r).map(Box::new)
    }

    fn write(&self, w: &mut Writer) {
        T::write(self, w);
    }
}

/// Reads one message; bytes behind it are ignored, as peers pad.
pub fn decode<T: Per>(bytes: &[u8]) -> Result<T, PerError> {
    T::read(&mut Reader::new(bytes))
}

/// Writes one message.
pub fn encode<T: Per>(value: &T) -> Result<Vec<u8>, PerError> {
    let mut writer = Writer::default();
    value.write(&mut writer);
    writer.finish()
}
