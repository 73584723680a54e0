//! What SNS wraps around what SES tells. Whether it is signed is the webhook's matter; an archive bears it unverified.

use std::borrow::Cow;

use serde::Deserialize;

/// The parts of an envelope that say what is in it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'b> {
    #[serde(borrow)]
    r#type: Cow<'b, str>,
    #[serde(borrow)]
    message: Cow<'b, str>,
}

/// What the decoder reads: the message of a notification, or the body as it is when there is no such envelope. `None`: a notice in words, such
/// as the one that SES may publish to a topic.
pub(in super::super) fn payload(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    match serde_json::from_slice::<Envelope<'_>>(body) {
        Ok(Envelope { r#type, message }) if r#type == "Notification" => {
            let is_json = message.trim_start().starts_with(['{', '[']);
            is_json.then(|| match message {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            })
        }
        _ => Some(Cow::Borrowed(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> Option<String> {
        payload(body.as_bytes()).map(|payload| String::from_utf8(payload.into_owned()).expect("a text"))
    }

    #[test]
    fn what_sns_wraps_is_unwrapped() {
        let wrapped = r#"{"Type":"Notification","Message":"{\"eventType\":\"Send\"}"}"#;
        assert_eq!(text(wrapped).as_deref(), Some(r#"{"eventType":"Send"}"#));
        let plain = r#"{"eventType":"Send"}"#;
        assert_eq!(text(plain).as_deref(), Some(plain));
        assert_eq!(text("no JSON").as_deref(), Some("no JSON"));
    }

    #[test]
    fn a_notice_in_words_is_nothing_to_decode_and_a_wish_for_confirmation_is_left_to_people() {
        assert_eq!(text(r#"{"Type":"Notification","Message":"Successfully validated SNS topic"}"#), None);
        let wish = r#"{"Type":"SubscriptionConfirmation","Message":"You have chosen to subscribe"}"#;
        assert_eq!(text(wish).as_deref(), Some(wish));
    }
}
