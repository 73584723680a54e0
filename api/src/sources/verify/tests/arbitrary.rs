//! Whatever comes, nothing panics and nothing is taken.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;

/// One for all cases: making its client takes longer than a case.
static VERIFIER: OnceLock<Verifier> = OnceLock::new();

fn schemes() -> Vec<Scheme> {
    vec![
        Scheme::basic("user", &["password"]).unwrap(),
        Scheme::header("x-secret", &["secret"]).unwrap(),
        Scheme::mailgun(&["key"]).unwrap(),
        Scheme::postal(&[FIRST_PUBLIC]).unwrap(),
        Scheme::sns(&["arn:aws:sns:us-east-1:123456789012:mail"]).unwrap(),
        Scheme::sendgrid(&["MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="]).unwrap(),
    ]
}

/// Bytes that are often nearly what a scheme looks for.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        any::<String>(),
        Just("1700000000".to_owned()),
        Just("Notification".to_owned()),
        Just("arn:aws:sns:us-east-1:123456789012:mail".to_owned()),
        Just("2023-11-14T22:13:20.000Z".to_owned()),
        "https://sns\\.[a-z0-9.@:/%-]{0,40}\\.pem",
        "[0-9a-f]{64}",
    ];
    let key = prop::sample::select(vec![
        "signature",
        "timestamp",
        "token",
        "Type",
        "Message",
        "MessageId",
        "Timestamp",
        "TopicArn",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
        "SubscribeURL",
        "Token",
        "Subject",
    ]);
    let flat = prop::collection::btree_map(key, word, 0..14);
    let nested = flat.prop_map(|fields| serde_json::json!({ "signature": fields }).to_string().into_bytes());
    let key = prop::sample::select(vec!["Type", "Message", "MessageId", "Timestamp", "TopicArn", "Signature"]);
    let envelope =
        prop::collection::btree_map(key, any::<String>(), 0..6).prop_map(|fields| serde_json::to_vec(&fields).unwrap());
    prop_oneof![prop::collection::vec(any::<u8>(), 0..512), nested, envelope]
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(0x20_u8..0x7f, 0..200),
        prop::collection::vec(0x80_u8..=0xff, 0..40),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| STANDARD.encode(bytes).into_bytes()),
        prop::collection::vec(any::<u8>(), 0..300)
            .prop_map(|bytes| format!("Basic {}", STANDARD.encode(bytes)).into_bytes()),
        (1_699_990_000_i64..1_700_010_000).prop_map(|seconds| seconds.to_string().into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_requests_are_refused(body in bytes(), first in header(), second in header(), now in any::<i64>()) {
        let request = Request::new(body)
            .with("authorization", &first)
            .with("x-secret", &first)
            .with("x-twilio-email-event-webhook-signature", &first)
            .with("x-twilio-email-event-webhook-timestamp", &second)
            .with("x-postal-signature-256", &first);
        let verifier = VERIFIER.get_or_init(verifier);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for scheme in schemes() {
            for now in [NOW, Millis(now)] {
                prop_assert!(runtime.block_on(verifier.verify("source", &scheme, &request.at(now))).is_err());
            }
        }
    }

    #[test]
    fn arbitrary_texts_make_a_scheme_or_an_error(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let packed = STANDARD.encode(&bytes);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{packed}\n-----END PUBLIC KEY-----\n");
        for text in [&text, &packed, &pem] {
            let _ = Scheme::postal(&[text]);
            let _ = Scheme::sendgrid(&[text]);
            let _ = Scheme::sns(&[text]);
            let _ = Scheme::header(text, &[text]);
            let _ = Scheme::basic(text, &[text]);
        }
    }
}
