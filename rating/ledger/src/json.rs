//! Records as JSON, the same bytes that `serde_json` writes, at a third of its instructions.
//!
//! Names of fields are constants of the program and are copied as they are. A text is looked at eight bytes
//! at a time; without anything to escape it is copied whole. Numbers with a fraction are left to
//! `serde_json`.

mod writer;

use std::fmt::Display;
use std::fmt::Write as _;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use serde_json::Error;
use serde_json::value::{RawValue, to_raw_value};

/// Under this name `serde_json` hands a [`RawValue`] to whoever writes it. A test fails if it is another one.
const RAW: &str = "$serde_json::private::RawValue";

/// `value` as JSON, in a text that has room for `length` bytes at first.
pub fn to_string<T: Serialize + ?Sized>(value: &T, length: usize) -> Result<String, Error> {
    let mut writer = Writer { out: String::with_capacity(length), is_raw: false };
    value.serialize(&mut writer)?;
    Ok(writer.out)
}

/// The same, as a part of a record.
pub fn to_raw<T: Serialize + ?Sized>(value: &T, length: usize) -> Result<Box<RawValue>, Error> {
    to_raw_value(&Fragment(&to_string(value, length)?))
}

/// JSON that this module wrote.
struct Fragment<'a>(&'a str);

/// What was written so far.
struct Writer {
    out: String,
    /// The next text is JSON already.
    is_raw: bool,
}

/// A list or an object. Each of its values is followed by a comma; the last comma becomes its end.
struct Compound<'a> {
    writer: &'a mut Writer,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    List,
    Object,
    /// One of them as the only value of an object, which names the variant.
    ListOfVariant,
    ObjectOfVariant,
    /// A value that is JSON already.
    Raw,
}

/// Whether `text` stands in JSON as it is (RFC 8259 §7).
fn is_plain(text: &[u8]) -> bool {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // The high bit of each byte that is below `n`, as long as no lower byte of the eight is.
    const fn below(eight: u64, n: u8) -> u64 {
        eight.wrapping_sub(LOW * n as u64) & !eight
    }
    let eight_are = |eight: [u8; 8]| {
        let eight = u64::from_ne_bytes(eight);
        let (quote, backslash) = (eight ^ (LOW * b'"' as u64), eight ^ (LOW * b'\\' as u64));
        (below(eight, b' ') | below(quote, 1) | below(backslash, 1)) & HIGH == 0
    };
    match text.last_chunk() {
        None => !text.iter().any(|byte| must_be_escaped(*byte)),
        Some(last) => text.as_chunks().0.iter().all(|eight| eight_are(*eight)) && eight_are(*last),
    }
}

const fn must_be_escaped(byte: u8) -> bool {
    matches!(byte, 0..b' ' | b'"' | b'\\')
}

// === impl Fragment ===

impl Serialize for Fragment<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut raw = s.serialize_struct(RAW, 1)?;
        raw.serialize_field(RAW, self.0)?;
        raw.end()
    }
}

// === impl Writer ===

impl Writer {
    fn text(&mut self, text: &str) {
        if self.is_raw {
            return self.out.push_str(text);
        }
        self.out.reserve(text.len() + 3);
        self.out.push('"');
        if is_plain(text.as_bytes()) {
            self.out.push_str(text);
        } else {
            self.escaped(text);
        }
        self.out.push('"');
    }

    #[cold]
    fn escaped(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{C}' => self.out.push_str("\\f"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\0'..' ' => {
                    const HEX: [char; 16] =
                        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
                    let code = letter as usize;
                    self.out.push_str("\\u00");
                    self.out.extend([HEX[code >> 4], HEX[code & 15]]);
                }
                _ => self.out.push(letter),
            }
        }
    }

    /// A name that the program has for a field or a variant.
    #[inline(never)]
    fn name(&mut self, name: &'static str) {
        debug_assert!(is_plain(name.as_bytes()), "{name}");
        self.out.reserve(name.len() + 3);
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    fn number(&mut self, mut number: u64) {
        let (mut digits, mut start) = ([b'0'; 20], 20);
        while number > 0 || start == digits.len() {
            start -= 1;
            digits[start] += (number % 10) as u8;
            number /= 10;
        }
        self.out.push_str(std::str::from_utf8(&digits[start..]).unwrap_or_default());
    }

    fn open(&mut self, form: Form) -> Compound<'_> {
        match form {
            Form::List | Form::ListOfVariant => self.out.push('['),
            Form::Object | Form::ObjectOfVariant => self.out.push('{'),
            Form::Raw => self.is_raw = true,
        }
        Compound { writer: self, form }
    }

    /// An object whose only value is still to come.
    fn open_variant(&mut self, variant: &'static str) {
        self.out.push('{');
        self.name(variant);
    }

    fn by_display(&mut self, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{value}");
    }
}

// === impl Compound ===

impl Compound<'_> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.writer)?;
        self.writer.out.push(',');
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        if self.form == Form::Raw {
            return value.serialize(&mut *self.writer);
        }
        self.writer.name(name);
        self.value(value)
    }

    fn close(self) {
        let out = &mut self.writer.out;
        if self.form != Form::Raw && out.ends_with(',') {
            out.pop();
        }
        match self.form {
            Form::List => out.push(']'),
            Form::Object => out.push('}'),
            Form::ListOfVariant => out.push_str("]}"),
            Form::ObjectOfVariant => out.push_str("}}"),
            Form::Raw => self.writer.is_raw = false,
        }
    }
}
