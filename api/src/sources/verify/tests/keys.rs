//! What a scheme can be made of, and what is said where it cannot.

use super::*;

const P384: &str = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEpMdf1eXuPOkC8hp+OtNLz9vcf+I2+6LacAKBToKTcB/xtSa5whhlBjSDzKlyu4ymI9qBZ+UT4FZ+\
                    dZoP55lXLfacpwuzVrjo0xHVE/mdNIygOob95qYLmCBw8p7btTIx";
const RSA_512: &str = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAOCMskZDk4GNPU2fo+Fo40F/cWncB2MYbE1fjQQrlDhBrNHlsI5TUleXUG/6Z3DcTzVIEYvy/bmG\
                       e5TkEqapxIECAwEAAQ==";

/// No text at all.
const NOBODY: [&str; 0] = [];

fn said(scheme: Result<Scheme, KeyError>) -> String {
    scheme.unwrap_err().to_string()
}

#[test]
fn one_key_or_two_and_none_of_them_empty() {
    assert_eq!(said(Scheme::mailgun(&NOBODY)), "at least one key is needed");
    assert!(said(Scheme::mailgun(&["a", "b", "c"])).contains("at most two keys"));
    for text in ["", "  ", "ключ", "line\nend", &"x".repeat(5_000)] {
        assert!(said(Scheme::mailgun(&[text])).contains("a key is empty"), "{text}");
    }
    assert!(said(Scheme::basic("", &["x"])).contains("colon"));
    assert!(said(Scheme::basic("a:b", &["x"])).contains("colon"));
    assert!(Scheme::basic("user", &["pässword"]).is_ok());
}

#[test]
fn a_header_that_every_request_has_bears_no_secret() {
    for name in ["", "two words", "Host", "content-type", "User-Agent"] {
        assert!(said(Scheme::header(name, &["secret"])).contains("no name of a header"), "{name}");
    }
    assert!(Scheme::header("Authorization", &["Bearer secret"]).is_ok());
}

#[test]
fn a_public_key_is_taken_as_people_paste_it() {
    let packed: String = FIRST_PUBLIC.lines().filter(|line| !line.contains('-') && !line.contains(' ')).collect();
    let folded = packed.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>();
    for text in [
        FIRST_PUBLIC.to_owned(),
        packed.clone(),
        packed.trim_end_matches('=').to_owned(),
        folded.join("\r\n"),
        format!("  {packed}\n"),
        format!("v=DKIM1; k=rsa; p={packed}"),
        format!("\"v=DKIM1; t=s; \" \"p={}\" \"{}\"", &packed[..100], &packed[100..]),
    ] {
        assert!(Scheme::postal(&[&text]).is_ok(), "{text}");
    }
}

#[test]
fn a_wrong_key_is_named_for_what_is_wrong_with_it() {
    for text in ["x", "%%%%", "AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA", FIRST, "v=DKIM1; p="] {
        assert_eq!(Scheme::postal(&[text]).unwrap_err(), KeyError::Form, "{text}");
        assert_eq!(Scheme::sendgrid(&[text]).unwrap_err(), KeyError::Form, "{text}");
    }
    assert_eq!(Scheme::postal(&[P384]).unwrap_err(), KeyError::Algorithm);
    assert_eq!(Scheme::postal(&[RSA_512]).unwrap_err(), KeyError::Size(512));
    assert_eq!(Scheme::sendgrid(&[P384]).unwrap_err(), KeyError::Curve);
    assert_eq!(Scheme::sendgrid(&[FIRST_PUBLIC]).unwrap_err(), KeyError::Curve);
}

#[test]
fn topics_are_pinned_by_their_whole_name() {
    for topic in [
        "arn:aws:sns:us-east-1:123456789012:mail",
        "arn:aws-cn:sns:cn-north-1:123456789012:mail_1",
        "arn:aws-us-gov:sns:us-gov-west-1:123456789012:mail.fifo",
    ] {
        assert!(Scheme::sns(&[topic]).is_ok(), "{topic}");
    }
    for topic in [
        "",
        "mail",
        "arn:aws:sns:us-east-1:123456789012:",
        "arn:aws:sns:us-east-1:123456789012:*",
        "arn:aws:sqs:us-east-1:123456789012:mail",
        "arn:aws:sns:us-east-1:123456789012:mail:0f5a",
        "arn:aws:sns:evil.example:123456789012:mail",
        "arn:aws:sns:us-east-1:acme:mail",
    ] {
        assert!(said(Scheme::sns(&[topic])).contains("no ARN"), "{topic}");
    }
    assert_eq!(Scheme::sns(&NOBODY).unwrap_err(), KeyError::Topics);
    assert_eq!(Scheme::sns(&vec!["arn:aws:sns:us-east-1:123456789012:mail"; 33]).unwrap_err(), KeyError::Topics);
}
