//! Which prompts there are.

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
