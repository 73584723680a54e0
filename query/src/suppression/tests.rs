//! Tables out of random messages, and a reader who tries to tell what is hidden of them.

mod reader;

use std::collections::BTreeSet;

use proptest::prelude::*;
use schema::{Measure, Measures};

use self::reader::Reader;
use super::{
    count::Count,
    cover::{Cells, Group, Hidden, Table, cover},
    possible::as_possible,
    set::MeasureSet,
};

use Measure::{
    Clicked, Clicks, Complained, Deferrals, Delivered, Failed, FailedBlock, FailedHard, FailedOther, FailedSoft,
    FailedSuppressed, MachineClicks, MachineOpened, MachineOpens, Opened, Opens, Pending, Queued, Secured, Unsecured,
    Unsubscribed,
};

const OUTCOMES: [(Measure, Option<Measure>); 7] = [
    (Pending, None),
    (Delivered, None),
    (Failed, Some(FailedHard)),
    (Failed, Some(FailedSoft)),
    (Failed, Some(FailedBlock)),
    (Failed, Some(FailedSuppressed)),
    (Failed, Some(FailedOther)),
];

/// A message of a test.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Message {
    group: usize,
    person: u32,
    outcome: usize,
    secured: bool,
    /// Openings, clicks, a machine's, deferrals.
    events: [i64; 5],
    complained: bool,
    unsubscribed: bool,
}

impl Message {
    fn counts(self) -> Measures {
        let mut of = Measures::default();
        let (outcome, class) = OUTCOMES[self.outcome];
        of[Queued] = 1;
        of[outcome] = 1;
        if let Some(class) = class {
            of[class] = 1;
        }
        of[Secured] = self.secured.into();
        of[Deferrals] = self.events[4];
        if outcome == Delivered {
            [of[Opens], of[Clicks], of[MachineOpens], of[MachineClicks]] = self.events[..4].try_into().unwrap();
            of[Unsecured] = (!self.secured).into();
            of[Opened] = (of[Opens] + of[Clicks] > 0).into();
            of[Clicked] = (of[Clicks] > 0).into();
            of[MachineOpened] = (of[Opened] == 0 && of[MachineOpens] + of[MachineClicks] > 0).into();
            of[Complained] = self.complained.into();
            of[Unsubscribed] = self.unsubscribed.into();
        }
        of
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an iterator is read again and again")]
fn cells<'m>(messages: impl Iterator<Item = &'m Message> + Clone) -> Cells {
    let mut counts = Measures::default();
    messages.clone().for_each(|message| counts += &message.counts());
    let people = |count: Count| {
        let people: BTreeSet<_> = messages
            .clone()
            .filter(|message| count.value(&message.counts()) > 0)
            .map(|message| message.person)
            .collect();
        i64::try_from(people.len()).unwrap()
    };
    Cells { counts, people: Count::all().map(people).collect() }
}

fn table(messages: &[Message], shown: MeasureSet) -> Table {
    let groups = messages.iter().map(|message| message.group + 1).max().unwrap_or_default();
    let group = |group| Group {
        cells: cells(messages.iter().filter(move |message| message.group == group)),
        sums: vec![0],
        known: Vec::new(),
    };
    Table { groups: (0..groups).map(group).collect(), sums: vec![cells(messages.iter())], shown }
}

fn all() -> MeasureSet {
    Measure::ALL.iter().copied().collect()
}

/// Alike messages to so many people each.
fn to(group: usize, people: std::ops::Range<u32>, message: Message) -> impl Iterator<Item = Message> {
    people.map(move |person| Message { group, person, ..message })
}

const DELIVERED: Message =
    Message { group: 0, person: 0, outcome: 1, secured: true, events: [0; 5], complained: false, unsubscribed: false };

/// A group of usual numbers, none of them small.
fn usual(group: usize, from: u32) -> impl Iterator<Item = Message> {
    let opened = Message { events: [2, 0, 0, 0, 0], ..DELIVERED };
    let clicked = Message { events: [1, 1, 0, 0, 0], ..DELIVERED };
    let failed = |outcome| Message { outcome, ..Message::default() };
    to(group, from..from + 100, DELIVERED)
        .chain(to(group, from + 100..from + 140, opened))
        .chain(to(group, from + 140..from + 160, clicked))
        .chain(to(group, from + 160..from + 180, Message { secured: false, ..DELIVERED }))
        .chain(to(group, from + 180..from + 200, failed(2)))
        .chain(to(group, from + 200..from + 220, failed(4)))
}

fn hidden_of(set: MeasureSet) -> Vec<&'static str> {
    Measure::ALL.iter().filter(|measure| set.contains(**measure)).map(|measure| measure.name()).collect()
}

#[test]
fn where_all_numbers_are_great_nothing_is_hidden() {
    let messages: Vec<_> = (0..5).flat_map(|group| usual(group, 1_000 * u32::try_from(group).unwrap())).collect();
    let hidden = cover(&table(&messages, all()), 11);
    assert!(hidden.groups.iter().chain(&hidden.sums).all(|set| set.is_empty()), "{hidden:?}");
}

#[test]
fn forty_reminders_to_three_patients_are_three_and_zero_is_shown() {
    let reminders = (0..40).map(|number| Message { group: 1, person: number % 3, ..DELIVERED });
    let messages: Vec<_> = usual(0, 1_000).chain(reminders).chain(usual(2, 2_000)).collect();
    let hidden = cover(&table(&messages, [Queued, Delivered, Complained].into_iter().collect()), 11);
    assert_eq!(hidden_of(hidden.groups[1]), ["queued", "delivered"], "complaints there were none, and that is said");
    let others: Vec<_> = [0, 2].iter().filter(|group| !hidden.groups[**group].is_empty()).collect();
    assert_eq!(others.len(), 1, "one other group keeps the total from telling them: {hidden:?}");
    assert!(hidden.sums[0].is_empty(), "{hidden:?}");
}

#[test]
fn a_small_class_takes_one_other_class_with_it_and_leaves_what_failed() {
    let messages: Vec<_> = (0..4)
        .flat_map(|group| usual(group, 1_000 * u32::try_from(group).unwrap()))
        .chain(to(1, 7_000..7_004, Message { outcome: 3, ..Message::default() }))
        .chain((0..4).flat_map(|group| {
            to(if group == 1 { 0 } else { group }, 8_000..8_015, Message { outcome: 3, ..Message::default() })
        }))
        .collect();
    let hidden = cover(&table(&messages, all()), 11);
    assert_eq!(hidden_of(hidden.groups[1]).len(), 2, "{:?}", hidden_of(hidden.groups[1]));
    assert!(hidden.groups[1].contains(FailedSoft) && !hidden.groups[1].contains(Failed));
    assert!(hidden.sums[0].is_empty());
}

#[test]
fn a_summary_hides_what_is_small_and_what_would_tell_it() {
    let messages: Vec<_> = usual(0, 0).chain(to(0, 500..503, Message { outcome: 0, ..Message::default() })).collect();
    let whole = Group { cells: cells(messages.iter()), sums: Vec::new(), known: Vec::new() };
    let shown = [Queued, Pending, Delivered, Failed].into_iter().collect();
    let hidden = cover(&Table { groups: vec![whole.clone()], sums: Vec::new(), shown }, 11);
    assert_eq!(hidden_of(hidden.groups[0]).len(), 2, "{hidden:?}");
    let alone = [Queued, Pending].into_iter().collect();
    let hidden = cover(&Table { groups: vec![whole], sums: Vec::new(), shown: alone }, 11);
    assert_eq!(hidden_of(hidden.groups[0]), ["pending"], "nothing else is shown that would tell it");
}

#[test]
#[should_panic(expected = "of 1 is between 40 and 40")]
fn the_reader_tells_what_is_hidden_by_itself_alone() {
    let reminders = (0..40).map(|number| Message { group: 1, person: number % 3, ..DELIVERED });
    let messages: Vec<_> = usual(0, 1_000).chain(reminders).collect();
    let table = table(&messages, all());
    let small = [Queued, Delivered, Secured].into_iter().collect();
    let hidden = Hidden { groups: vec![MeasureSet::default(), small], sums: vec![MeasureSet::default()] };
    Reader::of(&table, &hidden).tells_nothing(11);
}

/// The most groups that a report has, each with all sorts of small numbers.
#[test]
fn the_most_groups_are_covered_as_few_are() {
    let few = |group: usize| {
        let from = 1_000 * u32::try_from(group).unwrap();
        let sort =
            |place: u32| Message { outcome: usize::try_from(place).unwrap() % 7, events: [1, 0, 1, 0, 1], ..DELIVERED };
        let small = (0..7)
            .flat_map(move |place| to(group, from..from + (u32::try_from(group).unwrap() + place) % 13, sort(place)));
        small.chain(usual(group, from).take(if group.is_multiple_of(3) { 500 } else { 0 }))
    };
    let messages: Vec<Vec<_>> = (0..1_000).map(|group| few(group).collect()).collect();
    let group = |messages: &Vec<Message>| Group { cells: cells(messages.iter()), sums: vec![0], known: Vec::new() };
    let groups = messages.iter().map(group).collect();
    let table = Table { groups, sums: vec![cells(messages.iter().flatten())], shown: all() };
    let hidden = cover(&table, 11);
    is_proper(&table, &hidden, 11);
}

fn message(groups: usize) -> impl Strategy<Value = Message> {
    let events = prop::array::uniform5(prop_oneof![3 => Just(0_i64), 1 => 1..4_i64]);
    let outcome = prop_oneof![5 => Just(1_usize), 3 => 0..7_usize];
    let flags = (prop::bool::weighted(0.7), prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    (0..groups, 0_u32..60, outcome, events, flags).prop_map(
        |(group, person, outcome, events, (secured, complained, unsubscribed))| Message {
            group,
            person,
            outcome,
            secured,
            events,
            complained,
            unsubscribed,
        },
    )
}

/// Messages in bunches: the same in a group many times, to as many people or to few.
fn messages() -> impl Strategy<Value = Vec<Message>> {
    let bunch = |groups| {
        (message(groups), 1_u32..40, 1_u32..40).prop_map(|(one, times, people)| {
            (0..times).map(move |number| Message { person: one.person + number % people, ..one }).collect::<Vec<_>>()
        })
    };
    (1_usize..7).prop_flat_map(move |groups| prop::collection::vec(bunch(groups), 1..25)).prop_map(|all| all.concat())
}

fn shown() -> impl Strategy<Value = MeasureSet> {
    let some = prop::collection::vec(prop::sample::select(Measure::ALL), 1..8)
        .prop_map(|some| some.into_iter().collect::<MeasureSet>());
    prop_oneof![Just(all()), some]
}

/// Whether what is hidden must be, and what is zero is shown.
fn is_proper(table: &Table, hidden: &Hidden, least: i64) {
    let cells = table.groups.iter().map(|group| &group.cells).chain(&table.sums);
    for (cells, hidden) in cells.zip(hidden.groups.iter().chain(&hidden.sums)) {
        for ((measure, people), count) in Measure::ALL.iter().zip(&cells.people).zip(Count::all()) {
            let (value, is_hidden) = (count.value(&cells.counts), hidden.contains(*measure));
            assert!(!(is_hidden && value == 0), "zero is shown");
            assert!(!is_hidden || table.shown.contains(*measure));
            let small = value > 0 && *people < least && table.shown.contains(*measure);
            assert!(is_hidden || !small, "{} people are not shown as {value} {}", people, measure.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_reader_tells_a_number_of_few_people_from_what_is_shown(
        messages in messages(),
        shown in shown(),
        least in 2_i64..15,
    ) {
        let table = table(&messages, shown);
        let hidden = cover(&table, u32::try_from(least).unwrap());
        is_proper(&table, &hidden, least);
        Reader::of(&table, &hidden).tells_nothing(least);
    }

    #[test]
    fn what_messages_count_is_possible(messages in prop::collection::vec(message(1), 0..30)) {
        let counts = cells(messages.iter()).counts;
        // The greatest judge is one of whom everything holds.
        prop_assert!(as_possible(&counts, &Measures::default()));
    }
}
