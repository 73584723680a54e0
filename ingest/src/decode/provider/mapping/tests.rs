//! Where campaigns and fields come from.

use super::*;
use crate::accept::{MAX_FIELD_VALUE, MAX_FIELDS};

fn texts(given: &[&'static str]) -> Vec<Cow<'static, str>> {
    given.iter().map(|text| Cow::Borrowed(*text)).collect()
}

fn pairs(given: &[(&'static str, &'static str)]) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    given.iter().map(|(key, value)| (Cow::Borrowed(*key), Cow::Borrowed(*value))).collect()
}

fn campaign(from: CampaignFrom, own: &'static str, tags: &[&'static str]) -> String {
    let mapping = Mapping { campaign: from, ..Mapping::default() };
    let metadata = pairs(&[("list", "patients"), ("empty", "")]);
    mapping.campaign(own.into(), &texts(tags), &metadata).into_owned()
}

#[test]
fn the_campaign_stands_where_the_user_said() {
    let tags = ["reminder", "campaign:autumn", "campaign:winter"];
    for (from, own, given, expected) in [
        (CampaignFrom::Provider, "own", &tags[..], "own"),
        (CampaignFrom::Provider, "", &tags, "reminder"),
        (CampaignFrom::Provider, "", &[], ""),
        (CampaignFrom::FirstTag, "own", &tags, "reminder"),
        (CampaignFrom::FirstTag, "own", &[], ""),
        (CampaignFrom::TagPrefix("campaign:".into()), "own", &tags, "autumn"),
        (CampaignFrom::TagPrefix("other:".into()), "own", &tags, ""),
        (CampaignFrom::Metadata("list".into()), "own", &tags, "patients"),
        (CampaignFrom::Metadata("empty".into()), "own", &tags, ""),
        (CampaignFrom::Metadata("absent".into()), "own", &tags, ""),
        (CampaignFrom::None, "own", &tags, ""),
    ] {
        assert_eq!(campaign(from.clone(), own, given), expected, "{from:?} {own} {given:?}");
    }
}

#[test]
fn each_key_that_can_be_a_fields_name_is_one() {
    let mapping = Mapping::default();
    let given = pairs(&[("b", "2"), ("a b", "x"), ("", "x"), ("ä", "x"), ("a", "1"), ("c", ""), ("a", "later")]);
    assert_eq!(mapping.fields(given), pairs(&[("a", "1"), ("b", "2")]));
    let long = "x".repeat(65);
    assert!(mapping.fields(vec![(Cow::Owned(long), "x".into())]).is_empty());
}

#[test]
fn chosen_keys_become_fields_under_the_chosen_names() {
    let json = r#"{"fields":{"customer id":"customer","other customer":"customer","dept":"department"}}"#;
    let mapping: Mapping = serde_json::from_str(json).expect("a mapping");
    let given =
        pairs(&[("dept", "x"), ("customer id", ""), ("other customer", "second"), ("a", "1"), ("customer id", "3")]);
    assert_eq!(mapping.fields(given), pairs(&[("customer", "second"), ("department", "x")]));
    assert!(serde_json::from_str::<Mapping>(r#"{"fields":{"a":"no name"}}"#).is_err());
}

#[test]
fn no_more_fields_than_an_event_may_have_and_none_too_long() {
    let mapping = Mapping::default();
    let given = (0..40).rev().map(|n| (Cow::Owned(format!("f{n:02}")), Cow::Owned("ä".repeat(200)))).collect();
    let fields = mapping.fields(given);
    assert_eq!(fields.len(), MAX_FIELDS);
    assert_eq!((&*fields[0].0, &*fields[15].0), ("f00", "f15"), "the first by name, whatever the order");
    assert!(fields.iter().all(|(_, value)| value.len() <= MAX_FIELD_VALUE));
}

#[test]
fn a_mapping_reads_as_it_is_written() {
    for json in [
        "{}",
        r#"{"campaign":"first_tag"}"#,
        r#"{"campaign":{"tag_prefix":"campaign:"},"sender":"news@acme.example"}"#,
        r#"{"campaign":{"metadata":"list"},"fields":{"a":"b"}}"#,
        r#"{"campaign":"none"}"#,
    ] {
        let mapping: Mapping = serde_json::from_str(json).expect(json);
        let again = serde_json::to_string(&mapping).expect("plain data");
        assert_eq!(serde_json::from_str::<Mapping>(&again).expect(&again), mapping);
    }
    assert!(serde_json::from_str::<Mapping>(r#"{"campain":"none"}"#).is_err());
}
