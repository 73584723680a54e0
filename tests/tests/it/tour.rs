//! The README's tour, executed as it stands: the fenced blocks marked `sh tour`, in their order, in one shell.

use std::{fs, process::Command};

use postlens_tests::harness::{Service, binary, repository};

/// The commands of the tour's blocks, each block after a line that names where it stands.
fn commands(readme: &str) -> (usize, String) {
    let (mut blocks, mut script, mut inside) = (0, String::new(), false);
    for (number, line) in (1..).zip(readme.lines()) {
        if inside {
            inside = line.trim_end() != "```";
            if inside {
                script.push_str(line);
            }
            script.push('\n');
        } else if line.trim_end() == "```sh tour" {
            (blocks, inside) = (blocks + 1, true);
            script.push_str(&format!("echo 'README.md, line {number}:' >&2\n"));
        }
    }
    assert!(!inside, "every block ends");
    (blocks, script)
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("there is a README");
    let (blocks, script) = commands(&readme);
    assert!(blocks > 0, "README.md has a tour in blocks marked `sh tour`");

    let service = Service::start();
    let directory = tempfile::tempdir().unwrap();
    let path = binary().parent().unwrap().to_owned();
    let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(directory.path())
        .env("PATH", path)
        .env("POSTLENS_URL", service.url())
        .env("POSTLENS_KEY", service.bootstrap().key())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the tour failed.\n{out}\n{err}");
}

#[test]
fn only_blocks_of_the_tour_are_executed() {
    let readme = "a\n```sh tour\none\n```\n```sh\nno\n```\n```sh tour\ntwo\n```\n";
    let (blocks, script) = commands(readme);
    assert_eq!(blocks, 2);
    let lines: Vec<_> = script.lines().filter(|line| !line.starts_with("echo") && !line.is_empty()).collect();
    assert_eq!(lines, ["one", "two"]);
}
