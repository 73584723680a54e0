//! Secrets that are shown as they are.

use super::*;

fn basic(text: &str) -> Request {
    Request::new("{}").with("Authorization", format!("Basic {}", STANDARD.encode(text)))
}

#[tokio::test]
async fn without_a_scheme_everything_is_a_payload() {
    assert_eq!(Request::new("anything").alone(&Scheme::None).await, Ok(Kind::Payload));
}

#[tokio::test]
async fn basic_takes_the_user_with_one_of_two_passwords() {
    let scheme = Scheme::basic("postmark", &["old", "new:with colon"]).unwrap();
    for right in ["postmark:old", "postmark:new:with colon"] {
        assert_eq!(basic(right).alone(&scheme).await, Ok(Kind::Payload), "{right}");
    }
    for wrong in ["postmark:ol", "postmark:oldd", "Postmark:old", "postmark:", ":old", "old", "", "other:old"] {
        assert_eq!(basic(wrong).alone(&scheme).await, Err(Refusal::Wrong), "{wrong}");
    }
}

#[tokio::test]
async fn basic_is_told_by_one_header_of_that_form() {
    let scheme = Scheme::basic("user", &["password"]).unwrap();
    let code = STANDARD.encode("user:password");
    let with = |value: &str| Request::new("{}").with("aUTHORIZATION", value);
    assert_eq!(with(&format!("bAsIc  {code}")).alone(&scheme).await, Ok(Kind::Payload));
    assert_eq!(Request::new("{}").alone(&scheme).await, Err(Refusal::Missing));
    for (value, refusal) in [
        (format!("Bearer {code}"), Refusal::Missing),
        (code.clone(), Refusal::Missing),
        (format!("Basic {}", &code[..code.len() - 2]), Refusal::Wrong),
        ("Basic %%%".to_owned(), Refusal::Wrong),
        (format!("Basic {}", "A".repeat(10_000)), Refusal::Wrong),
    ] {
        assert_eq!(with(&value).alone(&scheme).await, Err(refusal), "{value}");
    }
    let twice = with(&format!("Basic {code}")).with("authorization", format!("Basic {code}"));
    assert_eq!(twice.alone(&scheme).await, Err(Refusal::Wrong));
}

#[tokio::test]
async fn a_header_bears_one_of_two_secrets_once() {
    let scheme = Scheme::header("X-Hook-Secret", &["old secret", "new"]).unwrap();
    let with = |value: &str| Request::new("{}").with("x-hOOK-secret", value);
    assert_eq!(with("old secret").alone(&scheme).await, Ok(Kind::Payload));
    assert_eq!(with("new").alone(&scheme).await, Ok(Kind::Payload));
    for wrong in ["", "ne", "neww", "NEW", "old", &"x".repeat(5_000)] {
        assert_eq!(with(wrong).alone(&scheme).await, Err(Refusal::Wrong), "{wrong}");
    }
    assert_eq!(Request::new("{}").with("x-other", "new").alone(&scheme).await, Err(Refusal::Missing));
    assert_eq!(with("new").with("x-hook-secret", "new").alone(&scheme).await, Err(Refusal::Wrong));
    assert_eq!(Request::new("{}").with("x-hook-secret", [0xff]).alone(&scheme).await, Err(Refusal::Wrong));
}

#[test]
fn no_secret_is_printed() {
    let schemes = [
        Scheme::basic("user", &["hunter2"]).unwrap(),
        Scheme::header("x-secret", &["hunter2"]).unwrap(),
        Scheme::mailgun(&["hunter2"]).unwrap(),
    ];
    let printed = format!("{schemes:?}");
    let bytes = format!("{:?}", b"hunter2");
    assert!(!printed.contains("hunter2") && !printed.contains(&bytes), "{printed}");
}
