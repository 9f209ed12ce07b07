//! Opaque cursors of the lists: a letter for the list and the last key in hexadecimal. Invariant: a cursor of another list,
//! or one that was changed into something unreadable, is refused with 400, never guessed.

/// Longest key that a cursor carries, in bytes: the balances of an account with all the pockets that it may have.
const KEY_BYTES_MAX: usize = 16_384;

/// Writes the cursor of the page after the text key `key`.
pub fn of_text(list: char, key: &str) -> String {
    let mut out = String::with_capacity(1 + key.len() * 2);
    out.push(list);
    for byte in key.bytes() {
        out.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    out
}

/// Reads what [`of_text`] wrote.
pub fn to_text(list: char, cursor: &str) -> Option<String> {
    let hex = cursor.strip_prefix(list)?.as_bytes();
    if hex.is_empty() || hex.len() % 2 != 0 || hex.len() > KEY_BYTES_MAX * 2 {
        return None;
    }
    let nibble = |b: &u8| char::from(*b).to_digit(16).filter(|_| !b.is_ascii_uppercase()).and_then(|d| u8::try_from(d).ok());
    let bytes = hex.chunks_exact(2).map(|pair| Some(nibble(pair.first()?)? << 4 | nibble(pair.last()?)?)).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
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
