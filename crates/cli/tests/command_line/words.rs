//! The texts of help and of errors that need no service, word for word.

/// `TRYCMD=overwrite` writes them anew.
#[test]
fn help_and_errors_say_what_they_said() {
    let cases = trycmd::TestCases::new();
    cases.env("COLUMNS", "100").case("tests/command_line/*.md");
}
