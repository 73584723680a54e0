//! SendGrid's events, and what they are here.

use super::{
    super::{
        Provider::SendGrid,
        testing::{DEFAULT, event, fixtures, identity, item, items, shown},
    },
    *,
};

fn body(fields: &str) -> String {
    format!(r#"[{{{fields},"email":"a@b.example","timestamp":1795183387,"sg_message_id":"m.filter"}}]"#)
}

#[test]
fn every_type_of_event_is_read() {
    insta::assert_snapshot!(shown(SendGrid));
}

#[test]
fn the_body_that_sendgrid_published_with_its_signature_is_read() {
    #[derive(Deserialize)]
    struct Signed {
        body: String,
    }
    let vector = include_str!("../../../../../fixtures/providers/sendgrid/signed.json");
    let Signed { body } = serde_json::from_str(vector).expect("the vector");
    let event = event(SendGrid, &body);
    assert_eq!((&*event.event, &*event.message_id, &*event.class), ("failed", "LRzXl_NHStOGhQ4kofSm_A", "suppressed"));
}

#[test]
fn an_event_that_comes_again_with_another_id_is_the_same_event() {
    for (name, body) in fixtures(SendGrid) {
        let text = String::from_utf8(body).expect("a fixture is text");
        let again = text.replace("\"sg_event_id\": \"", "\"sg_event_id\": \"again-");
        assert_ne!(text, again, "{name}");
        let identities = |body: &str| -> Vec<_> {
            let items = items(SendGrid, body.as_bytes(), &DEFAULT).expect("a body of SendGrid").into_iter();
            items.map(|item| if let Item::Event(event) = item { Some(identity(&event)) } else { None }).collect()
        };
        assert_eq!(identities(&text), identities(&again), "{name}");
        let distinct: std::collections::BTreeSet<_> = identities(&text).into_iter().flatten().collect();
        assert_eq!(distinct.len(), identities(&text).iter().flatten().count(), "{name}");
    }
}

#[test]
fn a_message_is_named_alike_by_both_of_its_ids() {
    let named = |ids: &str| {
        let body = format!(r#"[{{"event":"open","email":"a@b.example","timestamp":1795183387,{ids}}}]"#);
        event(SendGrid, &body).message_id.0.into_owned()
    };
    assert_eq!(named(r#""sg_message_id":"14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0""#), "14c5d75ce93");
    assert_eq!(named(r#""smtp-id":"<14c5d75ce93.dfd.64b469@ismtpd-555>""#), "14c5d75ce93");
    assert_eq!(named(r#""sg_message_id":null,"smtp-id":" \u003cabc@geopod-ismtpd-1.sendgrid.net>""#), "abc");
    assert_eq!(named(r#""smtp-id":"<x.1@clinic.example>""#), "<x.1@clinic.example>");
    assert_eq!(named(r#""sg_message_id":"only""#), "only");
}

#[test]
fn a_bounce_is_classed_by_its_type_and_then_by_its_status() {
    for (fields, class) in [
        (r#""event":"bounce","type":"blocked","status":"5.1.1""#, "block"),
        (r#""event":"bounce","type":"bounce","status":"5.1.1""#, "hard"),
        (r#""event":"bounce","status":"5.7.1""#, "block"),
        (r#""event":"bounce","status":"4.2.2""#, "soft"),
        (r#""event":"bounce","status":"5.0.0""#, "hard"),
        (r#""event":"bounce","status":"","reason":"552 quota""#, "soft"),
        (r#""event":"bounce","reason":"550 5.7.1 no""#, "block"),
        (r#""event":"bounce""#, "other"),
        (r#""event":"dropped","status":"5.1.1""#, "suppressed"),
    ] {
        assert_eq!(&*event(SendGrid, &body(fields)).class, class, "{fields}");
    }
}

#[test]
fn what_sendgrid_does_not_know_was_sent_as_an_argument() {
    let body = body(
        r#""event":"open","ip":"192.0.2.1","useragent":"x","plan":"gold","age":7,"vip":true,"nested":{"a":1},"list":[1],
        "nothing":null,"a b":"no name","attempt":"1","category":"only","subject":"Hello","from":"News <news@acme.example>""#,
    );
    let event = event(SendGrid, &body);
    let fields = [("age", "7"), ("plan", "gold"), ("vip", "true")].map(|(name, value)| (name.into(), value.into()));
    assert_eq!(event.fields.0, fields);
    assert_eq!((&*event.campaign, &*event.subject, &*event.sender), ("only", "Hello", "news@acme.example"));
}

#[test]
fn a_type_that_is_not_known_is_ignored_by_its_name() {
    assert!(matches!(item(SendGrid, &body(r#""event":"teleported""#)), Item::Ignored(name) if name == "teleported"));
}

#[test]
fn an_event_that_lacks_something_leaves_its_neighbours_alone() {
    let body = "[{\"event\":\"open\",\"email\":\"a@b.example\",\"sg_message_id\":\"m\"},\r\n{},\r\n7,\r\n\
        {\"event\":\"open\",\"email\":\"a@b.example\",\"sg_message_id\":\"m\",\"timestamp\":\"1795183387\"}]\r\n";
    let items = items(SendGrid, body.as_bytes(), &DEFAULT).expect("a body of SendGrid");
    let [Item::Wrong(first), Item::Wrong(second), Item::Wrong(third), Item::Event(_)] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(first.field.as_deref(), Some("timestamp"));
    assert_eq!((second.code, third.code), ("invalid_event", "invalid_event"));
}

#[test]
fn what_another_system_sends_is_not_decoded() {
    for body in [r#"[{"msys":{"message_event":{"rcpt_to":"a@b.example"}}}]"#, "{}", "null", "[", "[[\"a@b.example\"]]"]
    {
        let error = items(SendGrid, body.as_bytes(), &DEFAULT).expect_err(body);
        assert!(!error.to_string().contains("example"), "{error}");
    }
}
