//! Texts that are easily written wrongly.

use crate::dice::Dice;

/// For a header field or a parameter: one line, no control character.
pub(super) fn line(dice: &mut Dice) -> String {
    const PIECES: [&str; 34] = [
        "Your order",
        "Grüße aus Łódź",
        "日本語のとても長い件名です",
        "\u{1f4e7}\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "Smith, John",
        "a; b: c <d@e.example> (f)",
        "\"quoted\"",
        "back\\slash \\\" and \\",
        "=?utf-8?q?not_encoded?=",
        "=?utf-8?b?w6Q=?= =?iso-8859-1?q?=E4?=",
        "=?x",
        "?=",
        "\u{202e}right to left\u{202c}",
        "e\u{301}\u{327}",
        "\u{feff}mark",
        "two  spaces   three",
        "'",
        "@",
        ".",
        "..",
        "%0d%0aBcc: x@y.example",
        "\\r\\nBcc: x@y.example",
        "../../etc/passwd",
        "C:\\temp\\a.txt",
        "100 % = 50 % * 2",
        "(comment (nested))",
        "[list] <tag/>",
        "\u{a0}no break\u{a0}",
        "\u{10ffff}\u{fffd}",
        "_under_score_ = ?",
        "From: nobody",
        "name*=utf-8''x",
        "Ünïcödé Wörds thät gö ön änd ön",
        "#",
    ];
    let mut text = String::new();
    for _ in 0..=dice.below(4) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(pick(dice, &PIECES));
    }
    match dice.below(24) {
        0 => {
            text =
                format!("{} {text}", "x".repeat(200 + usize::try_from(dice.below(600)).unwrap_or_default()))
        }
        1 => text = "ä".repeat(100 + usize::try_from(dice.below(200)).unwrap_or_default()),
        2 => text = format!("{text} ").repeat(8),
        3 => text = format!("  {text}  "),
        4 => text.clear(),
        _ => {}
    }
    // A subject has at most 998 characters.
    text.chars().take(900).collect()
}

/// A body: lines of any kind, but no NUL and no bare CR.
pub(super) fn text(dice: &mut Dice) -> String {
    const PIECES: [&str; 32] = [
        "Hello,",
        "",
        "",
        ".",
        "..",
        ". ",
        ".\u{e4}",
        "...",
        "Grüße, Łódź, 日本語, \u{1f4e7}",
        "trailing space ",
        "trailing tab\t",
        "\tleading",
        " leading",
        "From here",
        ">From there",
        "=",
        "=20 =3D =\u{e4}",
        "soft break=",
        "--",
        "-- ",
        "--=_0_mixed",
        "Content-Type: text/html",
        "Subject: injected",
        "QUIT",
        "DATA",
        "RSET .",
        "\u{b}\u{c}\u{1b}[31m\u{7f}\u{8}",
        "\u{85}\u{2028}\u{2029}",
        "\u{feff}",
        "begin 644 a.txt",
        "<p>&amp; &lt;b&gt;</p>",
        "\u{0001}\u{001a}\u{001f}",
    ];
    let mut text = String::new();
    for _ in 0..dice.below(9) {
        match dice.below(24) {
            0 => text.push_str(&"x".repeat(998)),
            1 => text.push_str(&"y".repeat(990 + usize::try_from(dice.below(30)).unwrap_or_default())),
            2 => text.push_str(&"z.".repeat(2500)),
            3 => text.push_str(&".".repeat(997 + usize::try_from(dice.below(3)).unwrap_or_default())),
            4 => text.push_str(&"ö".repeat(700)),
            5 => text
                .push_str(&format!("{}.", "a".repeat(usize::try_from(dice.below(80)).unwrap_or_default()))),
            _ => text.push_str(pick(dice, &PIECES)),
        }
        text.push_str(pick(dice, &["\n", "\n", "\r\n", "\n\n", ""]));
    }
    text
}

/// One of them.
pub(super) fn pick<'a>(dice: &mut Dice, all: &[&'a str]) -> &'a str {
    let at = dice.below(all.len() as u64);
    usize::try_from(at).ok().and_then(|at| all.get(at)).copied().unwrap_or_default()
}
