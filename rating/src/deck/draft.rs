//! A deck's file before it is one: what loads, and what is wrong with the rest. For looking at, not for
//! calls.

use super::{Deck, DeckError, Warning};

/// A file read as far as it is right. A deck for calls comes of [`Deck::load`], which takes all rows or none.
#[derive(Debug)]
pub struct Draft {
    /// The right rows.
    pub deck: Deck,
    /// The line of each row, in the order of [`Deck::rows`].
    pub lines: Vec<u64>,
    /// Every wrong row, in the order of the file.
    pub errors: Vec<DeckError>,
    /// What was put right.
    pub warnings: Vec<Warning>,
}

// === impl Draft ===

impl Draft {
    /// A deck that is right and came from no file: its rows have no lines.
    pub const fn whole(deck: Deck) -> Self {
        Self { deck, lines: Vec::new(), errors: Vec::new(), warnings: Vec::new() }
    }

    /// The deck if every row was right.
    ///
    /// # Errors
    /// Every wrong row, in the order of the file.
    pub fn finish(self) -> Result<(Deck, Vec<Warning>), Vec<DeckError>> {
        if self.errors.is_empty() { Ok((self.deck, self.warnings)) } else { Err(self.errors) }
    }
}

#[cfg(test)]
mod tests {
    use units::Currency;

    use super::*;
    use crate::deck::Rules;

    #[test]
    fn right_rows_are_kept_with_their_lines() {
        let csv = "prefix,destination,rate,initial,increment\n35,Portugal,0.2,1,1\n34,Spain,NaN,1,1\n\n33,France,0.3,1,1\n+35,Again,0.1,1,1\n";
        let draft = Draft::read("retail", Currency::EUR, &Rules::default(), csv.as_bytes());
        let rows: Vec<_> =
            draft.deck.rows().map(|row| row.prefix.to_string()).zip(draft.lines.clone()).collect();
        assert_eq!(rows, [("33".to_owned(), 5), ("35".to_owned(), 2)]);
        let errors: Vec<_> = draft.errors.iter().map(|error| error.line).collect();
        assert_eq!(errors, [3, 6], "{:?}", draft.errors);
        assert_eq!(draft.finish().expect_err("two rows are wrong").len(), 2);
    }

    #[test]
    fn what_is_no_deck_at_all_is_an_empty_one() {
        for text in ["", "34,Spain\n", "\u{0}"] {
            let draft = Draft::read("retail", Currency::EUR, &Rules::default(), text.as_bytes());
            assert!(draft.deck.is_empty() && !draft.errors.is_empty(), "{text:?}");
        }
    }
}
