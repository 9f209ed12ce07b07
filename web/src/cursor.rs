//! Opaque cursors of the lists: a letter for the list and the last key in hexadecimal. Invariant: a cursor of
//! another list, or one that was changed into something unreadable, is refused with 400, never guessed.

/// Longest key that a cursor carries, in bytes: the balances of an account with all the buckets that it may
/// have.
const KEY_BYTES_MAX: usize = 16_384;

/// Writes the cursor of the page after the text key `key`.
pub fn of_text(list: char, key: &str) -> String {
    format!("{list}{}", hex::encode(key))
}

/// Reads what [`of_text`] wrote.
pub fn to_text(list: char, cursor: &str) -> Option<String> {
    let digits = cursor.strip_prefix(list)?;
    // Written in lower case only: one key has one cursor.
    if digits.is_empty() || digits.len() > KEY_BYTES_MAX * 2 || digits.bytes().any(|b| b.is_ascii_uppercase())
    {
        return None;
    }
    String::from_utf8(hex::decode(digits).ok()?).ok()
}

/// Writes the cursor of the page after the journal position `key`.
pub fn of_position(list: char, key: u64) -> String {
    format!("{list}{key:x}")
}

/// Reads what [`of_position`] wrote.
pub fn to_position(list: char, cursor: &str) -> Option<u64> {
    let hex = cursor.strip_prefix(list)?;
    if hex.is_empty() || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    u64::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_went() {
        assert_eq!(to_text('a', &of_text('a', "acme-ñ")), Some("acme-ñ".to_owned()));
        assert_eq!(to_position('c', &of_position('c', u64::MAX)), Some(u64::MAX));
    }

    #[test]
    fn refuses_what_it_did_not_write() {
        for bad in ["", "a", "a4", "azz", "b61", "a+1", "aff", "A61", "aé"] {
            assert_eq!(to_text('a', bad), None, "{bad}");
        }
        for bad in ["", "c", "c-1", "c+1", "c1ffffffffffffffff", "d1", "c 1", "cF"] {
            assert_eq!(to_position('c', bad), None, "{bad}");
        }
    }
}
