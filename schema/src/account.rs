//! The tenant: nothing is ever counted across accounts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of an account: 1 to 64 characters out of lower-case letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// The text is no account name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an account name has 1 to 64 characters out of a-z, 0-9, `-` and `_`")]
pub struct InvalidAccount;

impl AccountId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = InvalidAccount;

    fn from_str(name: &str) -> Result<Self, InvalidAccount> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if (1..=64).contains(&name.len()) && name.bytes().all(legal) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidAccount)
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = InvalidAccount;

    fn try_from(name: String) -> Result<Self, InvalidAccount> {
        name.parse()
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
