//! The id of a message in the API: the delivery's key in letters that fit a URL. It is a keyed hash, so it tells nothing of the
//! recipient; and it grants nothing, for it is looked up in the caller's account alone.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// One message to one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageId(u128);

/// A text that is no id of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no message of this id")]
pub struct InvalidMessageId;

impl MessageId {
    /// The id of the delivery with that key.
    pub(crate) const fn of(key: u128) -> Self {
        Self(key)
    }

    /// The delivery's key.
    pub(crate) const fn key(self) -> u128 {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0.to_be_bytes()))
    }
}

impl FromStr for MessageId {
    type Err = InvalidMessageId;

    fn from_str(text: &str) -> Result<Self, InvalidMessageId> {
        // 16 bytes are 22 letters.
        let text = Some(text).filter(|text| text.len() == 22).ok_or(InvalidMessageId)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidMessageId)?;
        bytes.try_into().map(|bytes| Self(u128::from_be_bytes(bytes))).map_err(|_| InvalidMessageId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written_and_nothing_else_is_one() {
        for key in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef << 64] {
            assert_eq!(MessageId(key).to_string().parse(), Ok(MessageId(key)));
        }
        for text in ["", "1", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB", "../../../../../../../x"] {
            assert_eq!(text.parse::<MessageId>(), Err(InvalidMessageId), "{text}");
        }
    }
}
