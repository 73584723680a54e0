//! Pictures, compared as values where they are values and as decoded pixels where they are pixels.

use schema::Measures;

use tiny_skia::Color;

use super::{
    ChartOptions, Picture, Theme, draw,
    layout::Layout,
    model::{Block, Cell, Chart},
    model_of,
    theme::Colors,
};
use crate::{
    Report,
    testing::{series_report, split_report, summary_report, traffic, with_other},
};

const DOMAINS: [&[&str]; 14] = [
    &["gmail.com"],
    &["outlook.com"],
    &["yahoo.com"],
    &["icloud.com"],
    &["a-rather-long-name-of-a-regional-hospital-network.example.org"],
    &["comcast.net"],
    &[""],
    &["гмаил.рф"],
    &["proton.me"],
    &["aol.com"],
    &["gmx.de"],
    &["web.de"],
    &["example.com"],
    &["example.org"],
];

const PREVIOUS: [(&str, &str); 1] = [("compare", "previous")];

fn domains() -> Report {
    split_report(&[], &DOMAINS, Some((1_204, traffic(31_000, 4))))
}

/// The hours of the week, as a split that is as long as it can be tells them; without the last three.
fn week(more: &[(&str, &str)]) -> Report {
    let hours: Vec<[String; 2]> = (1..=7)
        .filter_map(|number| crate::TimePart::Weekday.value(number))
        .flat_map(|weekday| (0..24).map(move |hour| [weekday.clone(), format!("{hour:02}")]))
        .collect();
    let keys: Vec<[&str; 2]> = hours.iter().map(|[weekday, hour]| [weekday.as_str(), hour.as_str()]).collect();
    let keys: Vec<&[&str]> = keys.iter().map(|key| &key[..]).collect();
    let by = [("by", "weekday,hour_of_day")];
    split_report(&[&by, more].concat(), &keys[..165], Some((3, traffic(120, 1))))
}

fn reports() -> Vec<(&'static str, Report)> {
    let gmail: [&[&str]; 3] = [&["gmail"], &["microsoft"], &["yahoo"]];
    let many: Vec<String> = (0..15).map(|number| format!("autumn-{number}")).collect();
    let many: Vec<[&str; 1]> = many.iter().map(|name| [name.as_str()]).collect();
    let many: Vec<&[&str]> = many.iter().map(|key| &key[..]).collect();
    let hours = [("interval", "hour"), ("from", "2026-10-30"), ("to", "2026-11-03")];
    vec![
        ("split", domains()),
        ("split-few", split_report(&[("by", "mailbox_provider")], &gmail, None)),
        ("split-spam", split_report(&[("rates", "spam_rate,ctr"), ("sort", "-spam_rate")], &DOMAINS, None)),
        (
            "split-clicked",
            split_report(
                &[
                    ("measures", "clicked"),
                    ("rates", "ctr"),
                    ("by", "campaign,recipient_domain"),
                    ("filter", "sender:is:a@b.c"),
                ],
                &[&["autumn", "gmail.com"], &["", "yahoo.com"]],
                None,
            ),
        ),
        ("split-empty", split_report(&[], &[], None)),
        ("week", week(&[])),
        ("week-opened", week(&[("rates", "open_rate")])),
        ("week-empty", split_report(&[("by", "hour_of_day,weekday")], &[], None)),
        ("summary", summary_report(&[], traffic(1_234_567, 3))),
        ("summary-empty", summary_report(&[], Measures::default())),
        ("series", series_report(&[], &[&[]], None, false)),
        ("series-hours", series_report(&hours, &[&[]], None, false)),
        ("series-rates", series_report(&[("rates", "open_rate,ctr,spam_rate")], &[&[]], None, false)),
        ("series-spam", series_report(&[("rates", "spam_rate"), ("to", "2026-12-20")], &[&[]], None, false)),
        ("series-by", series_report(&[("by", "mailbox_provider")], &gmail, Some(19), false)),
        ("series-by-many", series_report(&[("by", "campaign"), ("rates", "spam_rate")], &many, Some(3), false)),
        ("series-empty", series_report(&[], &[&[]], None, true)),
        ("compared-split", with_other(split_report(&PREVIOUS, &DOMAINS, Some((1_204, traffic(31_000, 4)))))),
        (
            "compared-clicked",
            with_other(split_report(
                &[("measures", "clicked"), ("rates", "ctr,spam_rate"), ("compare", "year_ago"), ("intervals", "true")],
                &DOMAINS[..5],
                None,
            )),
        ),
        ("compared-summary", with_other(summary_report(&PREVIOUS, traffic(1_234_567, 3)))),
        ("compared-series", with_other(series_report(&PREVIOUS, &[&[]], None, false))),
        (
            "compared-series-by",
            with_other(series_report(&[PREVIOUS[0], ("by", "mailbox_provider")], &gmail, Some(19), false)),
        ),
        ("series-event", series_report(&[("basis", "event"), ("interval", "week")], &[&[]], None, false)),
    ]
}

fn layout() -> Layout {
    Layout::of(ChartOptions::default())
}

fn model(report: &Report, width: u32, height: u32) -> String {
    let options = ChartOptions::new(width, height, Theme::Light).unwrap();
    format!("{:#?}", model_of(report, &Layout::of(options)))
}

/// A decoded picture.
struct Pixels {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Pixels {
    fn of(report: &Report, width: u32, height: u32, theme: Theme) -> Self {
        let bytes = draw(report, &ChartOptions::new(width, height, theme).unwrap(), Picture::Png).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut rgb).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgb);
        Self { width: info.width, height: info.height, rgb }
    }

    fn count(&self, color: [u8; 3]) -> usize {
        self.rgb.chunks_exact(3).filter(|pixel| *pixel == color).count()
    }

    /// The lengths of the runs of a colour, from top to bottom, in every row of pixels that has one.
    fn runs(&self, color: [u8; 3]) -> Vec<usize> {
        let rows = self.rgb.chunks_exact(3 * self.width as usize);
        let counts = rows.map(|row| row.chunks_exact(3).filter(|pixel| *pixel == color).count());
        counts.filter(|count| *count > 0).collect()
    }
}

#[test]
fn a_split_shows_what_each_row_was_before_and_how_it_changed() {
    let report = with_other(split_report(&PREVIOUS, &DOMAINS[4..7], None));
    insta::assert_snapshot!(model(&report, 1200, 675));
}

#[test]
fn a_series_shows_the_other_period_behind_each_line_as_far_as_it_goes() {
    let more = [("to", "2026-11-04"), ("rates", ""), ("measures", "opened"), ("compare", "2026-10-01..2026-10-03")];
    let report = with_other(series_report(&more, &[&[]], None, false));
    insta::assert_snapshot!(model(&report, 1200, 675));
}

#[test]
fn the_other_period_is_drawn_only_where_it_is_asked_for() {
    const PALE: [u8; 3] = [0xC4, 0xD3, 0xE2];
    let pale = |report: &Report| Pixels::of(report, 1200, 675, Theme::Light).count(PALE);
    assert_eq!(pale(&domains()), 0);
    assert!(pale(&with_other(split_report(&PREVIOUS, &DOMAINS, None))) > 5_000);
    assert!(pale(&with_other(summary_report(&PREVIOUS, traffic(9_000, 3)))) > 5_000);
}

const BLUE: [u8; 3] = [0x00, 0x72, 0xB2];
const RED: [u8; 3] = [0xB8, 0x32, 0x0B];

#[test]
fn what_is_hidden_has_no_bar_and_the_picture_says_why() {
    let mut report = split_report(&[("suppress_below", "11")], &[&["a.example"], &["b.example"]], None);
    // Of whom nothing is known there may be few.
    report.suppress(&crate::suppression::People::default(), 11);
    let chart = model_of(&report, &Layout::of(ChartOptions::default()));
    let super::model::Block::Bars(bars) = &chart.blocks[0] else { panic!("bars") };
    for bar in bars.panels.iter().flat_map(|panel| &panel.bars) {
        // Of nothing a bar has no length: none was pending.
        let length: f64 = bar.parts.iter().map(|(_, value)| value).sum();
        assert!(length.abs() < f64::EPSILON && (bar.text == "hidden" || bar.text == "–"), "{bar:?}");
    }
    assert_eq!(chart.note.as_deref(), Some("Hidden: fewer than 11 people, or needed to protect them"));
}

#[test]
fn a_split_shows_outcomes_with_counts_rates_and_what_is_not_shown() {
    insta::assert_snapshot!(model(&split_report(&[], &DOMAINS[4..8], Some((1_204, traffic(31_000, 4)))), 1200, 675));
}

#[test]
fn a_split_by_weekday_and_hour_is_a_heat_map() {
    let [counts, rates] = [&[][..], &[("rates", "open_rate")]].map(|more| model_of(&week(more), &layout()));
    assert_eq!(counts.title, "Queued by weekday and hour of day");
    assert_eq!(rates.title, "Open rate in % by weekday and hour of day");
    assert_eq!(counts.note.as_deref(), Some("3 more hours of the week are not shown"));
    let cells = |chart: &Chart| match &chart.blocks[..] {
        [Block::Heat(heat)] => (heat.rows.clone(), heat.cells.clone(), heat.ends.clone()),
        other => panic!("{other:?}"),
    };
    let (names, cells_of_counts, ends) = cells(&counts);
    assert_eq!((names[0].as_str(), names[6].as_str()), ("Monday", "Sunday"));
    assert_eq!(ends, ["242", "40k"]);
    // The first row of the report is Monday's first hour, and no hour has more; the last three are not there.
    assert_eq!(cells_of_counts[0][0], Some(Cell { share: 1.0, text: "40k".to_owned() }));
    assert_eq!(cells_of_counts[6][20].as_ref().map(|cell| cell.share), Some(0.0));
    assert_eq!(cells_of_counts[6][21..], [const { None }; 3]);
    let (_, cells_of_rates, ends) = cells(&rates);
    assert_eq!(ends, ["19.8 %", "44 %"], "as the least and the greatest of 20 to 44 % of whole messages are");
    assert!(cells_of_rates.iter().flatten().flatten().all(|cell| (0.0..=1.0).contains(&cell.share)));
}

#[test]
fn a_heat_map_does_not_care_which_part_of_time_is_named_first() {
    let one = split_report(&[("by", "hour_of_day,weekday")], &[&["07", "sunday"], &["00", "monday"]], None);
    let other = split_report(&[("by", "weekday,hour_of_day")], &[&["sunday", "07"], &["monday", "00"]], None);
    assert_eq!(model_of(&one, &layout()), model_of(&other, &layout()));
}

#[test]
fn the_greatest_cell_of_a_heat_map_is_the_darkest_and_its_text_is_readable() {
    let report = split_report(&[("by", "weekday,hour_of_day")], &[&["sunday", "07"], &["monday", "00"]], None);
    let light = Pixels::of(&report, 1200, 675, Theme::Light);
    assert!(light.count([0x08, 0x30, 0x6B]) > 1_000 && light.count([0xDE, 0xEB, 0xF7]) > 1_000);
    for theme in [Theme::Light, Theme::Dark] {
        let colors = Colors::of(theme);
        for place in 0..=20 {
            let share = f64::from(place) / 20.0;
            assert!(contrast(colors.heat(share), colors.on_heat(share)) >= 3.0, "{theme:?} {share}");
        }
    }
}

/// The contrast of two colours (WCAG 2.2); 3 is asked for of large texts and of what is drawn.
fn contrast(one: Color, other: Color) -> f32 {
    let linear = |part: f32| if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    let light =
        |color: Color| 0.2126 * linear(color.red()) + 0.7152 * linear(color.green()) + 0.0722 * linear(color.blue());
    let (one, other) = (light(one), light(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn a_series_shows_days_with_the_spam_line_below() {
    insta::assert_snapshot!(model(&series_report(&[], &[&[]], None, false), 1200, 675));
}

#[test]
fn a_series_of_groups_has_a_line_for_each() {
    let report =
        series_report(&[("by", "mailbox_provider"), ("to", "2026-11-04")], &[&["gmail"], &[""]], Some(19), false);
    insta::assert_snapshot!(model(&report, 1200, 675));
}

#[test]
fn a_summary_shows_measures_and_rates() {
    insta::assert_snapshot!(model(&summary_report(&[], traffic(1_234_567, 3)), 1200, 675));
}

#[test]
fn a_picture_has_the_size_asked_for_and_draws_something_of_every_report() {
    for (name, report) in reports() {
        for (width, height, theme) in [
            (320, 240, Theme::Light),
            (1200, 675, Theme::Dark),
            (300 + 20, 2000, Theme::Light),
            (2000, 240, Theme::Dark),
        ] {
            let pixels = Pixels::of(&report, width, height, theme);
            assert_eq!((pixels.width, pixels.height), (width, height), "{name}");
            let ground = [pixels.rgb[0], pixels.rgb[1], pixels.rgb[2]];
            let drawn = pixels.rgb.len() / 3 - pixels.count(ground);
            assert!(drawn > 300, "{name} {width}x{height}: {drawn}");
        }
    }
}

#[test]
fn bars_are_as_long_as_their_values() {
    let report = split_report(&[("measures", "opens"), ("rates", "ctr")], &[&["a"], &["b"]], None);
    let crate::Body::Split { mut rows, remainder, more } = report.body.clone() else { unreachable!("a split") };
    rows[0].measures[schema::Measure::Opens] = 3_000;
    rows[1].measures[schema::Measure::Opens] = 1_000;
    let report = Report { body: crate::Body::Split { rows, remainder, more }, ..report };
    let runs = Pixels::of(&report, 1200, 675, Theme::Light).runs(BLUE);
    let (first, last) = (runs[runs.len() / 4], runs[runs.len() * 3 / 4]);
    assert!(first.abs_diff(last * 3) <= 3, "{first} is three times {last}");
}

#[test]
fn the_spam_line_is_drawn_where_the_spam_rate_is_shown_and_nowhere_else() {
    let red = |rates: &str| {
        let report = split_report(&[("rates", rates)], &[&["gmail.com"]], None);
        Pixels::of(&report, 1200, 675, Theme::Light).count(RED)
    };
    assert!(red("spam_rate") > 20);
    assert!(red("ctr,open_rate,ctor,delivery_rate,spam_rate") > 20);
    assert_eq!(red("ctr"), 0);
}

#[test]
fn nothing_is_shown_as_nothing() {
    for report in
        [split_report(&[], &[], None), series_report(&[], &[&[]], None, true), summary_report(&[], Measures::default())]
    {
        assert!(model(&report, 1200, 675).contains("No deliveries in this range"));
        assert_eq!(Pixels::of(&report, 1200, 675, Theme::Light).count(BLUE), 0);
    }
    let report = summary_report(&[("measures", "complained"), ("rates", "")], Measures::default());
    assert!(model(&report, 1200, 675).contains("Nothing of this was counted"));
}

#[test]
fn no_more_than_fifty_bars_are_drawn() {
    let keys: Vec<String> = (0..300).map(|number| format!("d{number}.example")).collect();
    let keys: Vec<[&str; 1]> = keys.iter().map(|key| [key.as_str()]).collect();
    let keys: Vec<&[&str]> = keys.iter().map(|key| &key[..]).collect();
    let text = model(&split_report(&[], &keys, None), 1200, 4096);
    assert!(text.contains("d49.example") && !text.contains("d50.example"));
    assert!(text.contains("250 more groups are not shown"));
}

fn shapes(report: &Report) -> String {
    let options = ChartOptions::new(1200, 675, Theme::Light).unwrap();
    String::from_utf8(draw(report, &options, Picture::Svg).unwrap()).unwrap()
}

#[test]
fn shapes_are_those_of_the_pixels_and_texts_are_texts() {
    for (name, report) in reports() {
        let svg = shapes(&report);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{name}");
        // Every line is one shape that ends in itself.
        assert!(svg.lines().skip(1).all(|line| line.ends_with("/>") || line.ends_with("</text>") || line == "</svg>"));
    }
    let svg = shapes(&domains());
    assert!(svg.contains(">гмаил.рф</text>") && svg.contains(">gmail.com</text>"), "{svg}");
    let blue = svg.lines().filter(|line| line.starts_with("<rect") && line.contains("#0072b2")).count();
    assert!(blue > 0 && !Pixels::of(&domains(), 1200, 675, Theme::Light).runs(BLUE).is_empty());
}

#[test]
fn no_value_breaks_out_of_its_text() {
    let hostile = "</text><script>alert(1)</script>&\u{0}\u{FFFE}\"'";
    let svg = shapes(&split_report(&[("rates", "")], &[&[hostile]], None));
    assert!(!svg.contains("<script") && !svg.contains('\0') && !svg.contains('\u{FFFE}'));
    assert!(svg.contains("&lt;/text&gt;&lt;script&gt;"), "{svg}");
}

#[test]
#[ignore = "writes pictures to look at into target/charts"]
fn gallery() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/charts");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, report) in reports() {
        for (width, height, theme) in [
            (400, 300, Theme::Light),
            (2000, 1125, Theme::Dark),
            (1200, 675, Theme::Light),
            (1200, 675, Theme::Dark),
            (2000, 1125, Theme::Light),
        ] {
            for (picture, ending) in [(Picture::Png, "png"), (Picture::Svg, "svg")] {
                let bytes = draw(&report, &ChartOptions::new(width, height, theme).unwrap(), picture).unwrap();
                std::fs::write(folder.join(format!("{name}-{width}-{theme:?}.{ending}")), bytes).unwrap();
            }
        }
    }
}
