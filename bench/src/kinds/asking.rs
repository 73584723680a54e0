//! Asks a service a question again and again, with names that it knows.

use std::time::{Duration, Instant};

use chrono::SecondsFormat;
use postlens_tests::harness::{Client, Reply, Service};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Range,
    questions::{Question, SEGMENT},
};
use crate::{reports::Times, traffic};

/// Runs of each question at most, after one that warms up.
const RUNS: usize = 20;
/// Runs of each question at least.
const FEWEST: usize = 2;
/// No further run of a question begins when so long was spent on it, the first run included.
const BUDGET: Duration = Duration::from_secs(20);

/// The word that stands for a range.
const RANGE: &str = "$range";

/// Somebody with a key, who knows some names.
pub(super) struct Asker {
    client: Client,
    /// What words in questions stand for, beside those of the range.
    words: Vec<(&'static str, String)>,
}

impl Asker {
    /// Looks for names in the service's own answers, and saves the segment.
    pub(super) fn new(service: &Service) -> Self {
        let mut asker = Self { client: service.bootstrap(), words: Vec::new() };
        let of_day = |asker: &Self, get: &str| asker.document(get, Range::Day);
        let campaigns = of_day(&asker, "reports/split?by=campaign&filter=campaign:is_not:(none)&limit=1&$range");
        asker.learn("$campaign", &campaigns["rows"][0]["key"]["campaign"]);
        let messages = of_day(&asker, "messages?campaign=$campaign&$range&limit=1");
        asker.learn("$recipient", &messages["messages"][0]["recipient"]);
        asker.learn("$message", &messages["messages"][0]["id"]);
        let page = asker.document("reports/split?by=recipient_domain&limit=50&$range", Range::Span);
        asker.learn("$cursor", &page["next"]);
        let segment = json!({"filter": serde_json::from_str::<Value>(SEGMENT).expect("a filter is JSON")});
        let saved = asker.client.request(Method::PUT, "/v1/segments/bench").json(&segment);
        let saved = Client::send(saved).expect("the service answers");
        assert!(matches!(saved.status, 200 | 201 | 204), "{}", saved.text());
        asker
    }

    /// How long the answers take, or why there is none.
    pub(super) fn time(&self, question: &Question, range: Range) -> Result<Times, String> {
        let (mut times, mut spent) = (Vec::new(), Duration::ZERO);
        for run in 0..=RUNS {
            if run > FEWEST && spent >= BUDGET {
                break;
            }
            let started = Instant::now();
            let reply = self.ask(question.get, question.filter, range);
            let time = started.elapsed();
            if reply.status != 200 {
                println!("  {}{}: {} {}", question.name, range.suffix(), reply.status, reply.text());
                return Err(format!("{} after {:.0} s", reply.status, time.as_secs_f64()));
            }
            assert!(tells(&reply), "{}: nothing to show measures nothing: {}", question.name, reply.text());
            spent += time;
            times.extend((run > 0).then_some(time));
        }
        let times = Times::of(times);
        println!("  {}{}: {:?}, {:?}", question.name, range.suffix(), times.p50, times.p95);
        Ok(times)
    }

    fn learn(&mut self, word: &'static str, value: &Value) {
        let text = value.as_str().unwrap_or_else(|| panic!("the traffic has something for {word}"));
        self.words.push((word, text.to_owned()));
    }

    fn document(&self, get: &str, range: Range) -> Value {
        self.ask(get, None, range).json()
    }

    fn ask(&self, get: &str, filter: Option<&str>, range: Range) -> Reply {
        let (begin, end) = traffic::span();
        let day = chrono::Duration::days(1);
        let (from, to) = match range {
            Range::Span => (begin, end),
            // A Tuesday, in the midst.
            Range::Day => (begin + day * 9, begin + day * 10),
        };
        let (second, week, last) = (begin + day, begin + day * 7, end - day);
        let moments = [("$from", from), ("$to", to), ("$week", week), ("$second", second), ("$last", last)];
        let moments = moments.map(|(word, time)| (word, time.to_rfc3339_opts(SecondsFormat::Secs, true)));
        let known: Vec<_> = self.words.iter().chain(&moments).collect();
        let filled = |text: &str| known.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value));

        let (path, query) = get.split_once('?').unwrap_or((get, ""));
        let query = query.replace(RANGE, "from=$from&to=$to");
        let pairs: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| (name, filled(value))).collect();
        let path = format!("/v1/{}", filled(path));
        let Some(filter) = filter else { return self.client.get(&path, &pairs) };
        let mut document: Value =
            pairs.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        document["by"] = json!([document["by"]]);
        document["filter"] = serde_json::from_str(filter).expect("a filter is JSON");
        Client::send(self.client.request(Method::POST, &path).json(&document)).expect("the service answers")
    }
}

/// Whether there is anything in an answer, be it a list in a document, lines or a picture.
fn tells(reply: &Reply) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(&reply.body) else { return !reply.body.is_empty() };
    let lists = ["rows", "values", "dimensions", "messages", "events"].map(|name| document[name].as_array());
    lists.into_iter().flatten().all(|list| !list.is_empty())
}
