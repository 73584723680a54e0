//! Postal, signed with keys of the tests' own.

use super::*;

const NAME: &str = "X-Postal-Signature-256";

fn body(seconds: i64) -> String {
    format!("{{\"event\":\"MessageSent\",\"timestamp\":{seconds}.25,\"payload\":{{}},\"uuid\":\"5fcd9e2a\"}}")
}

fn signed(key: &str, body: &str) -> Request {
    Request::new(body).with(NAME, rsa_signature(key, body.as_bytes()))
}

fn scheme() -> Scheme {
    Scheme::postal(&[FIRST_PUBLIC]).unwrap()
}

#[tokio::test]
async fn either_key_signs_and_no_other() {
    let both = Scheme::postal(&[FIRST_PUBLIC, SECOND_PUBLIC]).unwrap();
    let request = signed(SECOND, &body(SECONDS));
    assert_eq!(request.alone(&both).await, Ok(Kind::Payload));
    assert_eq!(signed(FIRST, &body(SECONDS)).alone(&both).await, Ok(Kind::Payload));
    assert_eq!(request.alone(&scheme()).await, Err(Refusal::Wrong));
}

#[tokio::test]
async fn a_changed_body_or_a_garbled_signature_is_wrong() {
    let tag = rsa_signature(FIRST, body(SECONDS).as_bytes());
    let changed = Request::new(body(SECONDS).replace("Sent", "Held")).with(NAME, &tag);
    assert_eq!(changed.alone(&scheme()).await, Err(Refusal::Wrong));
    for text in garbled(&tag) {
        let request = Request::new(body(SECONDS)).with(NAME, &text);
        assert_eq!(request.alone(&scheme()).await, Err(Refusal::Wrong), "{text}");
    }
    let twice = signed(FIRST, &body(SECONDS)).with(NAME, &tag);
    assert_eq!(twice.alone(&scheme()).await, Err(Refusal::Wrong));
}

#[tokio::test]
async fn the_older_header_is_not_looked_at() {
    let tag = rsa_signature(FIRST, body(SECONDS).as_bytes());
    let request = Request::new(body(SECONDS)).with("X-Postal-Signature", tag);
    assert_eq!(request.alone(&scheme()).await, Err(Refusal::Missing));
}

#[tokio::test]
async fn a_short_key_of_a_dkim_record_verifies_what_openssl_signed() {
    let record = "v=DKIM1; t=s; h=sha256; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC9DV+ddAjxwxdgntlRh/IypAnwctLS/AAhKws7\
                  Kif4rpBGy/Rcrm5br/C3yOIyxfe3eJflT/vGyfA7KuORBe5E1IeOnlzWhJMv3JDGzrjDS0HQHjdS1OWQ+NndgmGO1gfaQSTZvCMDjr3neI\
                  XxROWtiuOYbEgNsieOf7YMKOA/dwIDAQAB;";
    let request = Request::new(
        "{\"event\":\"MessageSent\",\"timestamp\":1700000000.5,\"payload\":{},\"uuid\":\"5fcd9e2a\"}",
    )
    .with(
        NAME,
        "qxEbBTADxWuoG80WW+eFyY8MAKdUsNxL97nv0Eb2I7TmQI1hB/5SyCQ5azuTJEuD6/Bv1Bzy3FHqYVdpQNYeCag2stn9LmqKaJ7+r5qZ2dVVQ2\
         VvpeeXgy9nsR+uZdSo6uxwi3aexRvzHuPFdov9j3e4+UuNALl9DBg62FifAN4=",
    );
    assert_eq!(request.alone(&Scheme::postal(&[record]).unwrap()).await, Ok(Kind::Payload));
}

#[tokio::test]
async fn the_signed_time_says_how_old_a_request_is() {
    let request = signed(FIRST, &body(SECONDS));
    assert_eq!(request.alone_at(&scheme(), Millis(NOW.0 + 24 * HOUR)).await, Ok(Kind::Payload));
    assert_eq!(request.alone_at(&scheme(), Millis(NOW.0 + 26 * HOUR)).await, Err(Refusal::Stale));
    assert_eq!(signed(FIRST, "{\"timestamp\":1e300}").alone(&scheme()).await, Err(Refusal::Stale));
}

#[tokio::test]
async fn what_was_taken_is_refused_and_what_tells_no_time_is_for_the_decoder() {
    let verifier = verifier();
    let request = signed(FIRST, &body(SECONDS));
    verifier.verify("source", &scheme(), &request.at(NOW)).await.unwrap().remember();
    assert_eq!(verifier.verify("source", &scheme(), &request.at(NOW)).await.unwrap_err(), Refusal::Replayed);
    for odd in ["not json", "{\"timestamp\":\"today\"}", ""] {
        assert_eq!(signed(FIRST, odd).alone(&scheme()).await, Ok(Kind::Payload), "{odd}");
    }
}
