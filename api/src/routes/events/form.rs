//! What a body of events is, told by the parameter `format` and the header `Content-Type`.

use axum::http::{HeaderMap, HeaderValue, header};
use ingest::{BodyFormat, Packing, Provider};

use crate::{
    extract::media_type,
    problem::{Kind, Problem},
};

/// A feedback report, for the specification.
pub(super) const REPORT: &str = concat!(
    "From: fbl@mailbox.example\n",
    "Date: Fri, 20 Nov 2026 15:19:58 +0100\n",
    "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n",
    "--b\nContent-Type: message/feedback-report\n\n",
    "Feedback-Type: abuse\nOriginal-Rcpt-To: <pat@example.com>\n\n",
    "--b\nContent-Type: message/rfc822\n\n",
    "From: news@acme.org\nSubject: Your visit\nMessage-ID: <a1@acme.org>\n\n--b--\n"
);

/// A mailbox with one delivery status notification, for the specification.
pub(super) const MAILBOX: &str = concat!(
    "From MAILER-DAEMON Fri Nov 20 14:05:00 2026\n",
    "From: mailer-daemon@acme.org\n",
    "Date: Fri, 20 Nov 2026 14:05:00 +0000\n",
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n",
    "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.acme.org\n\n",
    "Final-Recipient: rfc822; sam@example.net\nAction: failed\nStatus: 5.1.1\n",
    "Diagnostic-Code: smtp; 550 5.1.1 user unknown\n\n",
    "--b\nContent-Type: text/rfc822-headers\n\n",
    "From: news@acme.org\nSubject: Your visit\nMessage-ID: <a1@acme.org>\n--b--\n"
);

/// How a body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Events.
    Events(BodyFormat),
    /// What a provider writes.
    Provider(Provider, Packing),
}

impl Form {
    /// The form of a body of this format, with these headers.
    pub(super) fn of(format: Option<Provider>, headers: &HeaderMap) -> Result<Self, Problem> {
        let media_type = media_type(headers);
        let lines = matches!(media_type.as_deref(), Some("application/x-ndjson" | "application/ndjson"));
        match (format, media_type.as_deref()) {
            (None, _) if lines => Ok(Self::Events(BodyFormat::Ndjson)),
            (None, Some("application/json")) => Ok(Self::Events(BodyFormat::Json)),
            (None, _) => Err(unsupported(
                "send `Content-Type: application/x-ndjson` (one event a line) or `application/json` (an array, or one event)",
                JSON,
            )),
            (Some(mail), Some("message/rfc822")) if mail.is_mail() => Ok(Self::Provider(mail, Packing::Whole)),
            (Some(mail), Some("application/mbox")) if mail.is_mail() => Ok(Self::Provider(mail, Packing::Mbox)),
            (Some(mail), _) if mail.is_mail() => Err(unsupported(
                "send `Content-Type: message/rfc822` (one message) or `application/mbox` (a mailbox)",
                MAIL,
            )),
            (Some(provider), _) if lines => Ok(Self::Provider(provider, Packing::Lines)),
            (Some(provider), Some("application/json")) => Ok(Self::Provider(provider, Packing::Whole)),
            (Some(_), _) => Err(unsupported(
                "send `Content-Type: application/json` (a body as the provider posts it) or `application/x-ndjson` (one a line)",
                JSON,
            )),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/x-ndjson, application/json");
const MAIL: HeaderValue = HeaderValue::from_static("message/rfc822, application/mbox");

fn unsupported(detail: &str, accepted: HeaderValue) -> Problem {
    Problem::new(Kind::UnsupportedMediaType, detail).header(header::ACCEPT, accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(format: Option<Provider>, media_type: &str) -> Option<Form> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(media_type).unwrap());
        Form::of(format, &headers).ok()
    }

    #[test]
    fn json_is_json_and_mail_is_mail() {
        let (json, mail) = (Provider::SendGrid, Provider::Arf);
        assert_eq!(form(None, "application/json; charset=utf-8"), Some(Form::Events(BodyFormat::Json)));
        assert_eq!(form(Some(json), "application/json"), Some(Form::Provider(json, Packing::Whole)));
        assert_eq!(form(Some(json), "application/x-ndjson"), Some(Form::Provider(json, Packing::Lines)));
        assert_eq!(form(Some(mail), "Message/RFC822"), Some(Form::Provider(mail, Packing::Whole)));
        assert_eq!(form(Some(mail), "application/mbox"), Some(Form::Provider(mail, Packing::Mbox)));
        for (format, media_type) in
            [(None, "message/rfc822"), (Some(json), "application/mbox"), (Some(mail), "application/json")]
        {
            assert_eq!(form(format, media_type), None, "{media_type}");
        }
    }
}
