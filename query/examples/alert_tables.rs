//! The tables of docs/alerts.md: how fast the default rule for a critical spam rate fires, and how often it is wrong.
//!
//! `cargo run --release -p query --example alert_tables [DAYS]`

#[path = "../tests/alerts/mail.rs"]
mod mail;

use mail::{VOLUMES, delay, false_alarms, rule};

fn main() {
    let days = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000);
    for (words, confidence) in [("with `confidence` 0.99 (default)", None), ("without `confidence`", Some(0.0))] {
        let rule = rule(confidence);
        println!("\n### {words}\n");
        println!(
            "| deliveries a day | delay, median | delay, 9 of 10 | of {days} days, with a false alarm | false alarms |"
        );
        println!("|---|---|---|---|---|");
        for volume in VOLUMES {
            let mut delays: Vec<_> = (0..200).map(|seed| delay(&rule, volume, seed)).collect();
            delays.sort_unstable();
            let (wrong_days, alarms) = false_alarms(&rule, volume, days);
            let share = 100.0 * wrong_days as f64 / days as f64;
            let (median, most) = (hours(delays[100]), hours(delays[180]));
            println!("| {volume} | {median} | {most} | {wrong_days} ({share:.1} %) | {alarms} |");
        }
    }
}

fn hours(quarters: usize) -> String {
    match quarters as f64 / 4.0 {
        hours if hours < 48.0 => format!("{hours:.1} h"),
        hours => format!("{:.1} days", hours / 24.0),
    }
}
