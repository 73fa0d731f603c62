//! The fenced blocks of a page.

/// What is done with a block. The word behind the three backquotes says it; every other word means that it is only read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `sh`: its commands must succeed.
    Commands,
    /// `sh background`: its last command goes on while the next blocks run. It takes the place of the one before.
    Background,
    /// `toml file=NAME`: written to that file.
    File(String),
    /// `toml`: a part of a configuration, which must be one by itself.
    Configuration,
}

/// A block to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub kind: Kind,
    /// Of its first line.
    pub line: usize,
    pub text: String,
}

/// The blocks of a page that are run, in order.
pub fn of(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut text = String::new();
        let mut first = 0;
        for (number, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
            first = if first == 0 { number + 1 } else { first };
            text.push_str(line);
            text.push('\n');
        }
        let kind = match info.split(' ').collect::<Vec<_>>()[..] {
            ["sh"] => Kind::Commands,
            ["sh", "background"] => Kind::Background,
            ["toml"] => Kind::Configuration,
            ["toml", file] => Kind::File(file.strip_prefix("file=").unwrap().to_owned()),
            _ => continue,
        };
        blocks.push(Block { kind, line: first, text });
    }
    blocks
}

/// The links of a page to files beside it.
pub fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://"))
}

#[test]
fn blocks_are_found_with_their_kinds() {
    let page = "a\n```sh\nls\n```\n```toml file=a.toml\nx = 1\n```\n```text\nno\n```\n```sh background\nserve\n```\n";
    let block = |kind, line, text: &str| Block { kind, line, text: text.to_owned() };
    let expected = [
        block(Kind::Commands, 3, "ls\n"),
        block(Kind::File("a.toml".to_owned()), 6, "x = 1\n"),
        block(Kind::Background, 12, "serve\n"),
    ];
    assert_eq!(of(page), expected);
}
