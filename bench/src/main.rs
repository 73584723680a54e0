//! `make bench` and `make bench-large`: Postlens beside what people would use instead, in one run on one machine.
//!
//! Absolute times say little about another machine; the ratios are what counts. `bench/README.md` keeps the latest figures.

mod alerts;
mod decoders;
mod disk;
mod exports;
mod kept;
mod kinds;
mod lag;
mod large;
mod load;
mod memory;
mod plain;
mod postgres;
mod reports;
mod stages;
mod standard;
mod table;
mod traffic;
mod visible;

use std::{env, process::ExitCode};

use crate::{large::Sizes, table::Table, traffic::size};

/// The service's, because some of its code is measured in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut table = Table::default();
    match env::args().nth(1).as_deref() {
        None => {
            standard::measure(size("POSTLENS_BENCH_EVENTS", 2_000_000), &mut table);
            decoders::measure(&mut table);
            alerts::measure(size("POSTLENS_BENCH_ALERT_EVENTS", 10_000_000), &mut table);
        }
        // What alerts cost, alone.
        Some("alerts") => alerts::measure(size("POSTLENS_BENCH_ALERT_EVENTS", 10_000_000), &mut table),
        Some("large") => {
            let sizes = Sizes {
                small: size("POSTLENS_BENCH_SMALL_EVENTS", 1_000_000),
                postgres: size("POSTLENS_BENCH_POSTGRES_EVENTS", 10_000_000),
                large: size("POSTLENS_BENCH_EVENTS", 100_000_000),
            };
            large::measure(&sizes, &mut table);
        }
        // What every kind of report costs at two sizes, alone.
        Some("kinds") => {
            let sizes = [size("POSTLENS_BENCH_SMALL_EVENTS", 1_000_000), size("POSTLENS_BENCH_EVENTS", 100_000_000)];
            if env::args().nth(2).as_deref() == Some("load") {
                kinds::load(sizes);
                return ExitCode::SUCCESS;
            }
            kinds::measure(sizes, &mut table);
        }
        // What providers' formats cost, alone.
        Some("decoders") => decoders::measure(&mut table),
        // How late reports are, and where the time goes, alone.
        Some("lag") => lag::alone(size("POSTLENS_BENCH_EVENTS", 2_000_000), &mut table),
        // How fast events become visible, alone and a few times.
        Some("visible") => {
            visible::alone(size("POSTLENS_BENCH_EVENTS", 2_000_000), size("POSTLENS_BENCH_ROUNDS", 3), &mut table);
        }
        // What files of a million rows cost, alone.
        Some("exports") => exports::measure(size("POSTLENS_BENCH_ROWS", 1_000_000), &mut table),
        Some(_) => {
            eprintln!("usage: postlens-bench [large|kinds|alerts|decoders|exports|lag|visible]");
            return ExitCode::from(2);
        }
    }
    println!("\n{table}");
    ExitCode::SUCCESS
}
