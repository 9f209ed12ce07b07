//! The languages in which customers are spoken and written to.

/// A language of prompts and notices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// English, also for who asked for none.
    En,
    /// Spanish.
    Es,
    /// Russian.
    Ru,
    /// Vietnamese.
    Vi,
    /// Italian.
    It,
    /// Dutch.
    Nl,
}

// === impl Language ===

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::En, Self::Es, Self::Ru, Self::Vi, Self::It, Self::Nl];

    /// The codes of all, in the same order.
    pub const CODES: [&'static str; Self::ALL.len()] = {
        let mut codes = [""; Self::ALL.len()];
        let mut n = 0;
        while n < codes.len() {
            codes[n] = Self::ALL[n].code();
            n += 1;
        }
        codes
    };

    /// ISO 639, as accounts name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
            Self::Ru => "ru",
            Self::Vi => "vi",
            Self::It => "it",
            Self::Nl => "nl",
        }
    }

    /// By its code, as `es`; English where there is none, or another one.
    pub fn of(code: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|language| Some(language.code()) == code).unwrap_or(Self::En)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_code() {
        assert_eq!(Language::CODES, ["en", "es", "ru", "vi", "it", "nl"]);
        for language in Language::ALL {
            assert_eq!(Language::of(Some(language.code())), language);
        }
        assert_eq!([Language::of(None), Language::of(Some("xx"))], [Language::En; 2]);
    }
}
