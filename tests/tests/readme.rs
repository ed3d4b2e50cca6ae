//! The five-minute tour of the README: its commands run as written and print what it shows.

use std::{collections::HashMap, os::unix::fs::symlink, process::Stdio};

use tokenbind_tests::{Server, server_binary};
use tokio::process::Command;

const README: &str = include_str!("../../README.md");

/// The code blocks of the tour, each with its language.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let (_, from_tour) = README.split_once("## A five-minute tour").expect("the tour");
    let (tour, _) = from_tour.split_once("## Read on").expect("what follows the tour");
    tour.split("```")
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').expect("a language"))
        .collect()
}

/// The tour as one script. A line of its own parts what one block prints from the next.
fn script(blocks: &[(&str, &str)]) -> String {
    let commands = blocks.iter().filter(|(language, _)| *language == "sh");
    commands.map(|(_, text)| format!("{text}echo '===='\n")).collect::<Vec<_>>().concat()
}

/// Whatever is another one in each run, under the number of its first appearance: so equal tokens
/// stay equal, and different ones different.
#[derive(Default)]
struct Renamed(HashMap<String, usize>);

impl Renamed {
    fn text(&mut self, text: &str) -> String {
        let mut shown = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(is_word) {
            shown.push_str(&rest[..at]);
            let word = &rest[at..];
            let end = word.find(|c: char| !is_word(c)).unwrap_or(word.len());
            shown.push_str(&self.word(&word[..end]));
            rest = &word[end..];
        }
        shown + rest
    }

    fn word(&mut self, word: &str) -> String {
        let is_time = word.len() == 10 && word.bytes().all(|byte| byte.is_ascii_digit());
        if is_time {
            return "TIME".into();
        }
        let is_id = word.len() == 22 && word.chars().any(|c| c.is_ascii_uppercase());
        let key = match word.strip_prefix("tb_") {
            Some(token) => token.chars().rev().take(8).collect(),
            None if is_id => word.to_owned(),
            None => return word.to_owned(),
        };
        let next = self.0.len();
        format!("#{}", self.0.entry(key).or_insert(next))
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-…".contains(c)
}

#[tokio::test]
async fn the_tour_prints_what_the_readme_shows() {
    let server = Server::quickstart().await;
    let folder = server.data().parent().expect("the folder of the data").to_owned();
    let release = folder.join("target/release");
    std::fs::create_dir_all(&release).expect("a folder for the binary");
    symlink(server_binary(), release.join("tokenbind")).expect("a link to the binary");
    let blocks = blocks();
    let output = Command::new("bash")
        .args(["-e", "-c", &script(&blocks)])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("bash runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    let printed = printed.replace(&server.issuer(), "https://localhost:9443");
    // A second may begin between the issue of a token and its answer.
    let printed = printed.replace(r#""expires_in":3599"#, r#""expires_in":3600"#);
    let printed: Vec<_> = printed.split("====\n").filter(|text| !text.is_empty()).collect();
    let shown: Vec<_> =
        blocks.iter().filter(|(language, _)| *language == "text").map(|(_, text)| *text).collect();
    let (mut ours, mut theirs) = (Renamed::default(), Renamed::default());
    assert_eq!(
        printed.iter().map(|text| ours.text(text)).collect::<Vec<_>>(),
        shown.iter().map(|text| theirs.text(text)).collect::<Vec<_>>()
    );
}
