//! Which prompts there are, and in which languages.

/// A language that prompts are spoken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// English, where an account names none.
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

/// What is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prompt {
    /// In a call whose money ends soon.
    LowBalance,
    /// Before a call is refused because its account has no money for it.
    NoCredit,
    /// Before a call is refused because nothing leads to its number.
    NotInService,
    /// In a call to the test number.
    TestCall,
}

// === impl Language ===

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::En, Self::Es, Self::Ru, Self::Vi, Self::It, Self::Nl];

    /// As accounts name it, and as its folder is called.
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

    /// The language of an account; English where it names none, or one that is not spoken here.
    pub fn of(code: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|language| Some(language.code()) == code).unwrap_or(Self::En)
    }
}

// === impl Prompt ===

impl Prompt {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::LowBalance, Self::NoCredit, Self::NotInService, Self::TestCall];

    /// The file's name without its folder.
    pub const fn file(self) -> &'static str {
        match self {
            Self::LowBalance => "low-balance.wav",
            Self::NoCredit => "no-credit.wav",
            Self::NotInService => "not-in-service.wav",
            Self::TestCall => "test-call.wav",
        }
    }
}
