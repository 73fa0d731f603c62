//! The command line as people and scripts meet it: what it says, and how it ends.

#[cfg(test)]
mod command_line {
    mod exit_codes;
    mod fixed_ledger;
    mod init;
    mod terminals;
    mod words;
}
