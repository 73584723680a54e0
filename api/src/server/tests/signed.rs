//! Signed webhooks over real connections, for the schemes whose keys no other test can have: Postal's, and SNS with an Amazon of the
//! tests' own. ClickHouse is away: a webhook does not need it.

use reqwest::Client;
use schema::Clock as _;
use tokio::{net::TcpListener, task::JoinHandle};

use super::*;
use crate::sources::verify::tests::{
    FIRST, FIRST_PUBLIC, SECOND, SECOND_PUBLIC,
    amazon::{Amazon, CERTIFICATE, ISSUER, Wanted, signed},
    rsa_signature,
};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:mail";
const CONFIRM: &str = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-east-1:123456789012:mail&Token=2336412f37";
/// How long ago something is stale by every scheme, in milliseconds.
const TWO_DAYS: i64 = 2 * 24 * 3_600_000;

/// The service on a port.
struct Listening {
    bench: Bench,
    url: String,
    http: Client,
    source: Value,
    key: Token,
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listening {
    /// With one source.
    async fn with(verifier: Verifier, source: Value) -> Self {
        let bench = Bench::verifying(Admission::new(1 << 30, 8), None, verifier).await;
        let key = bench.key("acme", Role::Admin).await;
        let made = bench.call(&key, Method::POST, "/v1/sources", source).await;
        assert_eq!(made.parts.status, StatusCode::CREATED, "{}", made.json());
        let source = made.json();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = bench.router.clone();
        let task = tokio::spawn(crate::connection::serve(listener, router, std::future::pending(), Duration::ZERO));
        Self { bench, url, http: Client::builder().no_proxy().build().unwrap(), source, key, task }
    }

    /// Posts to the webhook; the status, and the answer.
    async fn post(&self, body: &str, headers: &[(&str, &str)]) -> (u16, Value) {
        let path = self.source["path"].as_str().unwrap();
        let mut request = self.http.post(format!("{}{path}", self.url)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap())
    }

    async fn stats(&self) -> Value {
        let path = format!("/v1/sources/{}/stats", self.source["id"].as_str().unwrap());
        self.bench.get(&self.key, &path).await.json()
    }
}

fn now() -> Millis {
    SystemClock.now()
}

/// What was accepted, and whether the request was taken before.
fn told((status, answer): &(u16, Value)) -> (u16, &Value, &Value) {
    (*status, &answer["accepted"], &answer["repeated"])
}

mod postal {
    use super::*;

    const NAME: &str = "X-Postal-Signature-256";

    /// What Postal posts when a message was sent at that time.
    fn sent(at: Millis, uuid: &str) -> String {
        let text = include_str!("../../../../fixtures/providers/postal/sent.json");
        let mut body: Value = serde_json::from_str(text).unwrap();
        body["timestamp"] = json!(at.0 as f64 / 1_000.0);
        body["uuid"] = json!(uuid);
        body.to_string()
    }

    #[tokio::test]
    async fn what_postal_signed_is_taken_once_and_anything_else_is_not() {
        let verifier = Verifier::with_public_roots(Outgoing::new(Permit::Public).unwrap());
        let verification = json!({"kind": "signature", "keys": [FIRST_PUBLIC]});
        let source = json!({"provider": "postal", "name": "news", "verification": verification});
        let service = Listening::with(verifier, source).await;
        let post = async |body: &str, key| service.post(body, &[(NAME, &rsa_signature(key, body.as_bytes()))]).await;

        let body = sent(now(), "5fcd9e2a-1");

        assert_eq!(told(&post(&body, FIRST).await), (200, &json!(1), &json!(false)));
        assert_eq!(told(&post(&body, FIRST).await), (200, &json!(0), &json!(true)), "replayed");
        assert_eq!(post(&sent(now(), "2"), SECOND).await.0, 401, "another key");
        let signature = rsa_signature(FIRST, body.as_bytes());
        assert_eq!(service.post(&body.replace("autumn", "winter"), &[(NAME, &signature)]).await.0, 401, "changed");
        assert_eq!(service.post(&sent(now(), "3"), &[]).await.0, 401, "unsigned");
        assert_eq!(post(&sent(Millis(now().0 - TWO_DAYS), "4"), FIRST).await.0, 406, "stale");

        let stats = service.stats().await;
        assert_eq!((&stats["accepted"], &stats["repeated_bodies"]), (&json!(1), &json!(1)), "{stats}");
        assert_eq!(stats["refused_by_reason"], json!({"wrong": 2, "missing": 1, "stale": 1}));
    }

    #[tokio::test]
    async fn two_keys_are_valid_at_once_until_one_is_retired() {
        let verifier = Verifier::with_public_roots(Outgoing::new(Permit::Public).unwrap());
        let verification = json!({"kind": "signature", "keys": [FIRST_PUBLIC, SECOND_PUBLIC]});
        let source = json!({"provider": "postal", "name": "news", "verification": verification});
        let service = Listening::with(verifier, source).await;
        let post = async |body: &str, key| service.post(body, &[(NAME, &rsa_signature(key, body.as_bytes()))]).await.0;
        assert_eq!((post(&sent(now(), "1"), FIRST).await, post(&sent(now(), "2"), SECOND).await), (200, 200));

        let path = format!("/v1/sources/{}", service.source["id"].as_str().unwrap());
        let only = json!({"verification": {"kind": "signature", "keys": [SECOND_PUBLIC]}});
        let changed = service.bench.call(&service.key, Method::PATCH, &path, only).await;
        assert_eq!(changed.parts.status, StatusCode::OK, "{}", changed.json());
        assert_eq!((post(&sent(now(), "3"), FIRST).await, post(&sent(now(), "4"), SECOND).await), (401, 200));
    }
}

mod sns {
    use super::*;

    /// A delivery, as SES has SNS tell it.
    fn delivery(id: &str, topic: &str, at: Millis) -> Value {
        json!({
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": topic,
            "Message": include_str!("../../../../fixtures/providers/ses/delivery.json"),
            "Timestamp": crate::routes::rfc3339(at),
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE,
        })
    }

    fn confirmation(topic: &str) -> Value {
        json!({
            "Type": "SubscriptionConfirmation",
            "MessageId": "165545c9",
            "Token": "2336412f37",
            "TopicArn": topic,
            "Message": "You have chosen to subscribe",
            "SubscribeURL": CONFIRM,
            "Timestamp": crate::routes::rfc3339(now()),
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE,
        })
    }

    /// The service, and the Amazon that it asks.
    async fn service() -> (Listening, Amazon) {
        let amazon = Amazon::new().await;
        let certificate = amazon.certificate(&Wanted { years: (2020, 2120), ..Wanted::default() }, FIRST);
        amazon.put(CERTIFICATE, certificate);
        amazon.put(CONFIRM, "<ConfirmSubscriptionResponse/>");
        let verifier = Verifier::new(amazon.outgoing(), amazon.roots());
        let source = json!({"provider": "ses", "name": "news", "verification": {"kind": "sns", "topics": [TOPIC]}});
        (Listening::with(verifier, source).await, amazon)
    }

    #[tokio::test]
    async fn what_sns_signed_is_taken_once_and_anything_else_is_not() {
        let (service, amazon) = service().await;
        let post = async |body: String| service.post(&body, &[]).await;

        let body = signed(delivery("1", TOPIC, now()), FIRST);
        let first = post(body.clone()).await;
        let accepted = first.1["accepted"].as_u64().unwrap();
        assert!(first.0 == 200 && accepted > 0, "{first:?}");
        assert_eq!(told(&post(body.clone()).await), (200, &json!(0), &json!(true)), "replayed");
        assert_eq!(post(signed(delivery("2", TOPIC, now()), SECOND)).await.0, 401, "another key");
        assert_eq!(post(body.replace("Your visit", "Your visits")).await.0, 401, "changed");
        assert_eq!(post(delivery("3", TOPIC, now()).to_string()).await.0, 401, "unsigned");
        let other = "arn:aws:sns:us-east-1:123456789012:other";
        assert_eq!(post(signed(delivery("4", other, now()), FIRST)).await.0, 401, "of a topic that is not pinned");
        let old = Millis(now().0 - TWO_DAYS);
        assert_eq!(post(signed(delivery("5", TOPIC, old), FIRST)).await.0, 406, "stale");
        assert_eq!(amazon.asked(), [CERTIFICATE, ISSUER], "both are fetched once");

        let stats = service.stats().await;
        assert_eq!((&stats["accepted"], &stats["repeated_bodies"]), (&json!(accepted), &json!(1)), "{stats}");
        assert_eq!(stats["refused_bodies"], 5, "{stats}");
    }

    #[tokio::test]
    async fn a_subscription_is_confirmed_for_a_pinned_topic_alone() {
        let (service, amazon) = service().await;
        let other = "arn:aws:sns:us-east-1:123456789012:other";
        assert_eq!(service.post(&signed(confirmation(other), FIRST), &[]).await.0, 401);
        assert!(!amazon.asked().contains(&CONFIRM.to_owned()));
        let (status, answer) = service.post(&signed(confirmation(TOPIC), FIRST), &[]).await;
        assert_eq!((status, &answer["ignored"]), (200, &json!(1)));
        assert!(amazon.asked().contains(&CONFIRM.to_owned()));
        assert_eq!(service.stats().await["ignored_by_type"], json!({"SubscriptionConfirmation": 1}));
    }
}
