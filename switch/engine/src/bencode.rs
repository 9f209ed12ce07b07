//! Bencode (BEP 3) as ng messages have it: integers, strings of octets, lists, dictionaries. Read without a
//! copy; depth and count are bounded. Keys need no order, since rtpengine keeps none, and of equal ones the
//! first is taken.

/// Deepest nesting that is read.
pub const DEPTH_MAX: usize = 12;
/// Most values of one message.
pub const VALUES_MAX: usize = 16_384;

/// A value, its strings borrowed from the message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// `i42e`.
    Integer(i64),
    /// `4:spam`.
    Octets(&'a [u8]),
    /// `l…e`.
    List(Vec<Value<'a>>),
    /// `d…e`, in the order of the message.
    Dictionary(Vec<(&'a [u8], Value<'a>)>),
}

/// Why a message is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BencodeError {
    /// It ends within a value.
    #[error("it ends within a value")]
    Short,
    /// No value begins with this octet.
    #[error("no value begins with octet {0}")]
    Unknown(u8),
    /// A number with a leading zero, without digits, or too large.
    #[error("a number is malformed or too large")]
    Number,
    /// Deeper than [`DEPTH_MAX`].
    #[error("it is nested too deeply")]
    Deep,
    /// More than [`VALUES_MAX`].
    #[error("it holds too many values")]
    Many,
    /// A key of a dictionary is no string.
    #[error("a key is not a string")]
    Key,
    /// Octets follow its value.
    #[error("octets follow its value")]
    Rest,
}

/// A writer of one dictionary, key by key.
#[derive(Debug)]
pub struct DictionaryWriter(Vec<u8>);

// === impl Value ===

impl<'a> Value<'a> {
    /// Reads one value that is all of `message`.
    pub fn parse(message: &'a [u8]) -> Result<Self, BencodeError> {
        let mut reader = Reader { rest: message, values: 0 };
        let value = reader.value(DEPTH_MAX)?;
        if reader.rest.is_empty() { Ok(value) } else { Err(BencodeError::Rest) }
    }

    /// What a dictionary has by this key; none of any other value.
    pub fn at(&self, key: &str) -> Option<&Self> {
        let Self::Dictionary(pairs) = self else { return None };
        pairs.iter().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value)
    }

    /// The octets of a string.
    pub fn octets(&self) -> Option<&'a [u8]> {
        match self {
            Self::Octets(octets) => Some(octets),
            Self::Integer(_) | Self::List(_) | Self::Dictionary(_) => None,
        }
    }

    /// A string of UTF-8.
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.octets()?).ok()
    }

    /// An integer that counts something.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            Self::Octets(_) | Self::List(_) | Self::Dictionary(_) => None,
        }
    }

    /// The values of a list; nothing of any other value.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Integer(_) | Self::Octets(_) | Self::Dictionary(_) => &[],
        }
    }

    /// Keys and values of a dictionary; nothing of any other value.
    pub fn pairs(&self) -> &[(&'a [u8], Self)] {
        match self {
            Self::Dictionary(pairs) => pairs,
            Self::Integer(_) | Self::Octets(_) | Self::List(_) => &[],
        }
    }
}

// === impl DictionaryWriter ===

impl DictionaryWriter {
    /// Begins after `head`, which is no part of the dictionary.
    pub fn after(head: &[u8]) -> Self {
        let mut out = Vec::with_capacity(head.len() + 512);
        out.extend_from_slice(head);
        out.push(b'd');
        Self(out)
    }

    /// A key with a string.
    pub fn octets(&mut self, key: &str, value: &[u8]) {
        self.string(key.as_bytes());
        self.string(value);
    }

    /// A key with a list of strings.
    pub fn list(&mut self, key: &str, values: &[&str]) {
        self.string(key.as_bytes());
        self.0.push(b'l');
        for value in values {
            self.string(value.as_bytes());
        }
        self.0.push(b'e');
    }

    /// A key with an integer.
    pub fn integer(&mut self, key: &str, value: i64) {
        self.string(key.as_bytes());
        self.0.extend_from_slice(format!("i{value}e").as_bytes());
    }

    /// The whole, with what it began after.
    pub fn end(mut self) -> Vec<u8> {
        self.0.push(b'e');
        self.0
    }

    fn string(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(format!("{}:", octets.len()).as_bytes());
        self.0.extend_from_slice(octets);
    }
}

// === the reader ===

struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, BencodeError> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(BencodeError::Many);
        }
        match self.peek()? {
            b'i' => {
                self.skip();
                let digits = self.until(b'e')?;
                Ok(Value::Integer(integer(digits)?))
            }
            b'0'..=b'9' => Ok(Value::Octets(self.string()?)),
            b'l' => {
                let depth = depth.checked_sub(1).ok_or(BencodeError::Deep)?;
                self.skip();
                let mut items = Vec::new();
                while !self.is_end()? {
                    items.push(self.value(depth)?);
                }
                Ok(Value::List(items))
            }
            b'd' => {
                let depth = depth.checked_sub(1).ok_or(BencodeError::Deep)?;
                self.skip();
                let mut pairs = Vec::new();
                while !self.is_end()? {
                    if !self.peek()?.is_ascii_digit() {
                        return Err(BencodeError::Key);
                    }
                    pairs.push((self.string()?, self.value(depth)?));
                }
                Ok(Value::Dictionary(pairs))
            }
            other => Err(BencodeError::Unknown(other)),
        }
    }

    fn peek(&self) -> Result<u8, BencodeError> {
        self.rest.first().copied().ok_or(BencodeError::Short)
    }

    fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// Takes the end of a list or dictionary, if it is there.
    fn is_end(&mut self) -> Result<bool, BencodeError> {
        let is_end = self.peek()? == b'e';
        if is_end {
            self.skip();
        }
        Ok(is_end)
    }

    /// What stands before `end`, at most the digits of a number.
    fn until(&mut self, end: u8) -> Result<&'a [u8], BencodeError> {
        let window = self.rest.get(..24).unwrap_or(self.rest);
        let at = window.iter().position(|octet| *octet == end);
        let at = at.ok_or(if window.len() < 24 { BencodeError::Short } else { BencodeError::Number })?;
        let (digits, rest) = self.rest.split_at(at);
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(digits)
    }

    fn string(&mut self) -> Result<&'a [u8], BencodeError> {
        let digits = self.until(b':')?;
        let length = integer(digits).ok().and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or(BencodeError::Number)?;
        let (octets, rest) = self.rest.split_at_checked(length).ok_or(BencodeError::Short)?;
        self.rest = rest;
        Ok(octets)
    }
}

/// No leading zero, no `-0`, no plus.
fn integer(digits: &[u8]) -> Result<i64, BencodeError> {
    let unsigned = digits.strip_prefix(b"-").unwrap_or(digits);
    let is_plain = !unsigned.is_empty() && unsigned.iter().all(u8::is_ascii_digit);
    let has_zero = unsigned.first() == Some(&b'0') && (unsigned.len() > 1 || digits.len() > 1);
    if !is_plain || has_zero {
        return Err(BencodeError::Number);
    }
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(BencodeError::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_specification_are_read() {
        // The examples of BEP 3.
        let read = |text: &'static str| Value::parse(text.as_bytes());
        assert_eq!(read("4:spam"), Ok(Value::Octets(b"spam")));
        assert_eq!(read("i3e"), Ok(Value::Integer(3)));
        assert_eq!(read("i-3e"), Ok(Value::Integer(-3)));
        assert_eq!(read("i0e"), Ok(Value::Integer(0)));
        assert_eq!(
            read("l4:spam4:eggse"),
            Ok(Value::List(vec![Value::Octets(b"spam"), Value::Octets(b"eggs")]))
        );
        let pairs = read("d3:cow3:moo4:spam4:eggse").unwrap();
        assert_eq!(pairs.at("spam").and_then(Value::text), Some("eggs"));
        assert_eq!(pairs.at("cat"), None);
    }

    #[test]
    fn what_is_not_bencode_is_refused() {
        for (message, error) in [
            ("", BencodeError::Short),
            ("i-0e", BencodeError::Number),
            ("i03e", BencodeError::Number),
            ("ie", BencodeError::Number),
            ("i9223372036854775808e", BencodeError::Number),
            ("i99999999999999999999999999e", BencodeError::Number),
            ("i3", BencodeError::Short),
            ("4:spa", BencodeError::Short),
            ("04:spam", BencodeError::Number),
            ("99999999999999999999:", BencodeError::Number),
            ("x", BencodeError::Unknown(b'x')),
            ("l4:spam", BencodeError::Short),
            ("di1e4:spame", BencodeError::Key),
            ("d4:spame", BencodeError::Unknown(b'e')),
            ("i1ei2e", BencodeError::Rest),
        ] {
            assert_eq!(Value::parse(message.as_bytes()), Err(error), "{message}");
        }
        let nested = |depth: usize| format!("{}{}", "l".repeat(depth), "e".repeat(depth));
        assert!(Value::parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(Value::parse(nested(DEPTH_MAX + 1).as_bytes()), Err(BencodeError::Deep));
        let many = |count: usize| format!("l{}e", "i1e".repeat(count));
        assert!(Value::parse(many(VALUES_MAX - 1).as_bytes()).is_ok());
        assert_eq!(Value::parse(many(VALUES_MAX).as_bytes()), Err(BencodeError::Many));
    }
}
