//! Below how many people the reports of each account hide a number: `11` for all accounts, `clinic=11, acme=20` for some.

use std::{fmt, str::FromStr};

use schema::AccountId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What accounts hide, whatever a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suppression {
    /// Of accounts that are not named.
    all: Option<u32>,
    accounts: Vec<(AccountId, u32)>,
}

/// The text is no such setting.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of people from 2 to 100, for some accounts `ACCOUNT=NUMBER`, separated by commas")]
pub(crate) struct InvalidSuppression;

impl Suppression {
    /// Below how many people the reports of an account hide a number.
    pub(crate) fn of(&self, account: &AccountId) -> Option<u32> {
        let own = self.accounts.iter().find(|(named, _)| named == account).map(|(_, least)| *least);
        own.or(self.all)
    }
}

impl FromStr for Suppression {
    type Err = InvalidSuppression;

    fn from_str(text: &str) -> Result<Self, InvalidSuppression> {
        let mut read = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let number = |text: &str| query::suppress_below(text.trim()).map_err(|_| InvalidSuppression);
            match part.split_once('=') {
                None if read.all.is_none() => read.all = Some(number(part)?),
                None => return Err(InvalidSuppression),
                Some((account, least)) => {
                    let account: AccountId = account.trim().parse().map_err(|_| InvalidSuppression)?;
                    if read.accounts.iter().any(|(named, _)| *named == account) {
                        return Err(InvalidSuppression);
                    }
                    read.accounts.push((account, number(least)?));
                }
            }
        }
        Ok(read)
    }
}

impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.all.map(|least| least.to_string());
        let accounts = self.accounts.iter().map(|(account, least)| format!("{}={least}", account.as_str()));
        f.write_str(&all.into_iter().chain(accounts).collect::<Vec<_>>().join(", "))
    }
}

impl<'de> Deserialize<'de> for Suppression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer).map_err(|_| de::Error::custom(InvalidSuppression))?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Suppression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_is_named_has_its_own_number_and_the_others_that_of_all() {
        let of = |text: &str, account: &str| text.parse::<Suppression>().unwrap().of(&account.parse().unwrap());
        assert_eq!(of("", "acme"), None);
        assert_eq!(of("11", "acme"), Some(11));
        assert_eq!(of("clinic=20, 11", "clinic"), Some(20));
        assert_eq!(of("clinic=20", "acme"), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["1", "101", "11, 12", "acme=", "Acme=11", "acme=11, acme=12", "eleven", "acme=11=12"] {
            assert_eq!(text.parse::<Suppression>(), Err(InvalidSuppression), "{text}");
        }
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        let text = "11, acme=20";
        assert_eq!(text.parse::<Suppression>().unwrap().to_string(), text);
    }
}
