//! What a parser made of a message, and whether that is what was asked.

use super::letter::{File, Letter, Party};
use super::octets::is_allowed;

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attached {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) id: Option<String>,
    /// How many bytes, and which.
    pub(super) bytes: (usize, blake3::Hash),
}

/// A file's bytes, short enough to be shown.
pub(super) fn short(bytes: &[u8]) -> (usize, blake3::Hash) {
    (bytes.len(), blake3::hash(bytes))
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// Of all header fields.
    pub(super) names: Vec<String>,
    pub(super) from: Vec<(String, String)>,
    pub(super) to: Vec<(String, String)>,
    pub(super) cc: Vec<(String, String)>,
    pub(super) reply_to: Vec<(String, String)>,
    pub(super) subject: String,
    /// Fields beside those of addresses and structure, by name in lower case.
    pub(super) further: Vec<(String, String)>,
    pub(super) text: Option<String>,
    pub(super) html: Option<String>,
    pub(super) files: Vec<Attached>,
    /// What the parser did not like.
    pub(super) defects: Vec<String>,
    /// What the parser is known to read otherwise than the RFCs say.
    pub(super) quirks: Quirks,
}

/// A reader's own ways, which say nothing of the writer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quirks {
    /// Unfolding makes one space of many (RFC 5322 2.2.3 only takes the CRLF away).
    pub(super) one_space: bool,
    /// Encoded-words in the quoted value of a parameter are decoded (RFC 2047 5 forbids them there).
    pub(super) decodes_parameters: bool,
    /// A quoted value, or a part of one, that ends with an escaped backslash is taken to go on.
    pub(super) runs_over_backslash: bool,
}

impl Quirks {
    /// Whether that a file's name was read so lies with the reader.
    fn excuse(self, read: &str, asked: &str) -> bool {
        let is_run_over = asked.ends_with('\\') || asked.contains('\\') && read.contains("filename*");
        self.decodes_parameters && asked.contains("=?") || self.runs_over_backslash && is_run_over
    }

    fn text(self, text: &str) -> String {
        if !self.one_space {
            return text.to_owned();
        }
        let mut last = 'x';
        text.chars().filter(|&c| std::mem::replace(&mut last, c) != ' ' || c != ' ').collect()
    }
}

impl Reading {
    /// Field by field.
    ///
    /// # Errors
    /// The first that differs.
    pub(super) fn compare(mut self, asked: &Letter) -> Result<(), String> {
        if let Some(name) = self.names.iter().find(|name| !is_allowed(name) && *name != "Received") {
            return Err(format!("a header field {name}"));
        }
        if !self.defects.is_empty() {
            return Err(format!("defects: {:?}", self.defects));
        }
        equal("from", &self.from, &parties(std::slice::from_ref(&asked.from)))?;
        equal("to", &self.to, &parties(&asked.to))?;
        equal("cc", &self.cc, &parties(&asked.cc))?;
        equal("reply-to", &self.reply_to, &parties(&asked.reply_to))?;
        let quirks = self.quirks;
        equal("subject", &quirks.text(&self.subject), &quirks.text(asked.subject.trim()))?;
        let name = |name: &str| name.to_ascii_lowercase();
        let mut further: Vec<_> =
            asked.headers.iter().map(|(of, value)| (name(of), quirks.text(value.trim()))).collect();
        further.sort();
        self.further.iter_mut().for_each(|(_, value)| *value = quirks.text(value));
        self.further.sort();
        equal("further fields", &self.further, &further)?;
        same_text("text", self.text.as_deref(), asked.text.as_deref())?;
        same_text("html", self.html.as_deref(), asked.html.as_deref())?;
        // Those that the HTML refers to stand beside it, before the others.
        let (inline, attached): (Vec<_>, Vec<_>) =
            asked.files.iter().partition(|file| file.id.is_some() && asked.html.is_some());
        let mut files: Vec<_> = inline.into_iter().chain(attached).map(attached_as).collect();
        for (read, asked) in self.files.iter().zip(&mut files) {
            if quirks.excuse(&read.name, &asked.name) {
                asked.name.clone_from(&read.name);
            }
        }
        equal("files", &self.files, &files)
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(field: &str, read: &T, asked: &T) -> Result<(), String> {
    if read == asked { Ok(()) } else { Err(format!("{field}: read {read:?}, asked {asked:?}")) }
}

fn parties(all: &[Party]) -> Vec<(String, String)> {
    all.iter().map(|party| (party.name.trim().to_owned(), party.address())).collect()
}

fn attached_as(file: &File) -> Attached {
    let kind = file.kind.split(';').next().unwrap_or_default().to_owned();
    Attached { name: file.name.clone(), kind, id: file.id.clone(), bytes: short(&file.bytes) }
}

/// Lines are the same; the last one has an end or not.
fn same_text(field: &str, read: Option<&str>, asked: Option<&str>) -> Result<(), String> {
    let asked = asked.map(|text| text.replace("\r\n", "\n"));
    let ended = |text: &str| text.strip_suffix('\n').unwrap_or(text).to_owned();
    let asked_ended = asked.as_deref().map(ended);
    if read.map(str::to_owned) == asked_ended || read.map(ended) == asked_ended {
        return Ok(());
    }
    Err(format!("{field}: read {read:?}, asked {asked:?}"))
}
