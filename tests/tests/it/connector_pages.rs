//! The pages of the connectors, executed as they stand: every fenced block marked `sh connector`.

use std::{fs, process::Command};

use postlens_tests::harness::{Service, binary, repository};
use serde_json::Value;

fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    for block in page.split("```sh connector\n").skip(1) {
        let (commands, _) = block.split_once("```").expect("a block ends");
        blocks.push(commands.to_owned());
    }
    blocks
}

#[test]
fn what_the_pages_say_works() {
    let service = Service::shared();
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut pages = 0;
    for entry in fs::read_dir(repository().join("docs/connectors")).unwrap() {
        let page = entry.unwrap().path();
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        for commands in blocks(&fs::read_to_string(&page).unwrap()) {
            pages += 1;
            let (_, client) = service.account();
            let output = Command::new("bash")
                .args(["-euo", "pipefail", "-c", &commands])
                .current_dir(repository())
                .env("PATH", &path)
                .env("POSTLENS_URL", service.url())
                .env("POSTLENS_KEY", client.key())
                .output()
                .unwrap();
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{name}: {out}\n{err}");
            if let Ok(answer) = serde_json::from_str::<Value>(&out) {
                assert!(answer["accepted"].as_u64() >= Some(1), "{name}: {answer}");
            }
        }
    }
    assert!(pages >= 9, "each provider has a page, and mail");
}
