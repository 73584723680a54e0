//! The README's tour, executed as it stands: the fenced blocks marked `sh tour`, in their order, in one shell. What the README shows
//! below a block is what the block prints, but for times and ids.

use std::{fs, process::Command};

use postlens_tests::harness::{Service, binary, repository};
use serde_json::Value;

/// What the output of each block begins with.
const BEGIN: &str = "==== README.md, line ";

/// Members that are new in every answer.
const VOLATILE: [&str; 5] = ["from", "to", "as_of", "instance", "id"];

/// A block of the tour.
#[derive(Debug, Default, PartialEq, Eq)]
struct Step {
    line: usize,
    commands: String,
    /// The blocks below it, up to the next step: marked `json`, or not marked at all.
    shown: Vec<(String, String)>,
}

fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block: Option<(String, usize, String)> = None;
    for (number, line) in (1..).zip(readme.lines()) {
        match (&mut block, line.trim_end().strip_prefix("```")) {
            (None, Some(mark)) => block = Some((mark.to_owned(), number, String::new())),
            (None, None) => {}
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (Some(_), Some(_)) => match (block.take(), steps.last_mut()) {
                (Some((mark, line, commands)), _) if mark == "sh tour" => {
                    steps.push(Step { line, commands, shown: Vec::new() });
                }
                (Some((mark, _, text)), Some(step)) if mark.is_empty() || mark == "json" => {
                    step.shown.push((mark, text));
                }
                _ => {}
            },
        }
    }
    assert_eq!(block, None, "every block ends");
    steps
}

fn script(steps: &[Step]) -> String {
    let commands =
        |step: &Step| format!("echo; echo '{BEGIN}{}'; echo '{BEGIN}{0}' >&2\n{}\n", step.line, step.commands);
    steps.iter().map(commands).collect()
}

/// Runs of white space are one blank.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A document without what is new in every answer.
fn constant(mut document: Value) -> Value {
    if let Some(members) = document.as_object_mut() {
        members.retain(|name, _| !VOLATILE.contains(&name.as_str()));
    }
    document
}

/// Whether the step printed what the README shows.
fn check_shown(step: &Step, output: &str) {
    for (mark, text) in &step.shown {
        if mark == "json" {
            let shown: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("line {}: {error}", step.line));
            let printed = serde_json::Deserializer::from_str(output).into_iter::<Value>().map_while(Result::ok);
            let printed: Vec<_> = printed.map(constant).collect();
            assert!(printed.contains(&constant(shown)), "line {} prints {output}", step.line);
        } else {
            // Lines of letters and digits; rules are as wide as their table.
            for line in text.lines().map(words).filter(|line| line.contains(char::is_alphanumeric)) {
                let found = output.lines().any(|printed| words(printed) == line);
                assert!(found, "line {} does not print `{line}` but\n{output}", step.line);
            }
        }
    }
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("there is a README");
    let steps = steps(&readme);
    assert!(!steps.is_empty(), "README.md has a tour in blocks marked `sh tour`");

    let service = Service::start();
    let directory = tempfile::tempdir().unwrap();
    let path = binary().parent().unwrap().to_owned();
    let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script(&steps)])
        .current_dir(directory.path())
        .env("PATH", path)
        .env("POSTLENS_URL", service.url())
        .env("POSTLENS_KEY", service.bootstrap().key())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the tour failed.\n{out}\n{err}");
    let printed = out.split(BEGIN).skip(1).map(|part| part.split_once('\n').map_or("", |(_, printed)| printed));
    for (step, printed) in steps.iter().zip(printed) {
        check_shown(step, printed);
    }
}

#[test]
fn only_blocks_of_the_tour_are_executed_and_what_is_shown_belongs_to_them() {
    let readme =
        "a\n```sh\nno\n```\n```sh tour\none\n```\ntext\n```\nshown\n```\n```rust\nno\n```\n```sh tour\ntwo\n```\n";
    let step = |line, commands: &str, shown: &[(&str, &str)]| Step {
        line,
        commands: commands.to_owned(),
        shown: shown.iter().map(|(mark, text)| ((*mark).to_owned(), (*text).to_owned())).collect(),
    };
    assert_eq!(steps(readme), [step(5, "one\n", &[("", "shown\n")]), step(15, "two\n", &[])]);
}
